package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/pkg/config"
)

// evaluation computes values of the translated template as CloudFormation does.
type evaluation struct {
	t          *testing.T
	stack      translated
	parameters map[string]string
	used       map[string]bool // the parameters that were looked at
	held       map[string]bool // of each condition that was looked at, whether it holds
}

// evaluate starts with the defaults of the parameters, and those that are given.
func (stack translated) evaluate(t *testing.T, parameters map[string]string) evaluation {
	e := evaluation{t, stack, map[string]string{}, map[string]bool{}, map[string]bool{"": true}}
	for name, p := range stack.Parameters {
		if p.Default != nil {
			e.parameters[name] = fmt.Sprint(p.Default)
		}
	}
	maps.Copy(e.parameters, parameters)
	return e
}

func (e evaluation) text(value json.RawMessage) string {
	e.t.Helper()
	text, ok := e.value(decoded(e.t, value)).(string)
	if !ok {
		e.t.Fatalf("%s is not a text", value)
	}
	return text
}

// holds reports whether a condition holds. The empty name is that of no condition.
func (e evaluation) holds(condition string) bool {
	holds, known := e.held[condition]
	if !known {
		holds = e.value(decoded(e.t, e.stack.Conditions[condition])).(bool)
		e.held[condition] = holds
	}
	return holds
}

// decodedBefore has what decoded has returned. Nobody may change it.
var decodedBefore sync.Map

// decoded returns what the JSON says. Parts of a template are decoded once, however often they
// are evaluated.
func decoded(t *testing.T, value json.RawMessage) any {
	t.Helper()
	if before, ok := decodedBefore.Load(string(value)); ok {
		return before
	}
	var out any
	if err := json.Unmarshal(value, &out); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	decodedBefore.Store(string(value), out)
	return out
}

func (e evaluation) value(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for function, argument := range object {
		list, _ := argument.([]any)
		switch function {
		case "Ref":
			name := argument.(string)
			if value, ok := e.parameters[name]; ok {
				e.used[name] = true
				return value
			}
			return "<" + name + ">"
		case "Fn::GetAtt", "Fn::Sub":
			return fmt.Sprint("<", argument, ">")
		case "Fn::If":
			if e.holds(list[0].(string)) {
				return e.value(list[1])
			}
			return e.value(list[2])
		case "Fn::Join": // of a parameter that is a list
			return strings.ReplaceAll(e.value(list[1]).(string), ",", list[0].(string))
		case "Fn::Equals":
			return e.value(list[0]) == e.value(list[1])
		case "Fn::Not":
			return !e.value(list[0]).(bool)
		case "Fn::And":
			return !slices.ContainsFunc(list, func(part any) bool { return !e.value(part).(bool) })
		case "Fn::Or":
			return slices.ContainsFunc(list, func(part any) bool { return e.value(part).(bool) })
		case "Condition":
			return e.holds(argument.(string))
		}
	}
	e.t.Fatalf("%v is not understood", v)
	return nil
}

// decide decodes a part of the template, as it is with the parameters of e, into out.
func decide(t *testing.T, e evaluation, part json.RawMessage, out any) {
	t.Helper()
	decided, err := json.Marshal(e.decide(decoded(t, part)))
	if err == nil {
		err = json.Unmarshal(decided, out)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// decide replaces each Fn::If in v by what it is, and each parameter that is a number, and
// leaves out what has no value.
func (e evaluation) decide(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["Ref"].(string); ok {
			if _, number := e.stack.Parameters[name].Default.(float64); number {
				return json.Number(e.parameters[name])
			}
		}
		if parts, ok := v["Fn::If"].([]any); ok {
			if e.holds(parts[0].(string)) {
				return e.decide(parts[1])
			}
			return e.decide(parts[2])
		}
		decided := map[string]any{}
		for name, part := range v {
			if part = e.decide(part); !isNoValue(part) {
				decided[name] = part
			}
		}
		return decided
	case []any:
		decided := []any{}
		for _, part := range v {
			if part = e.decide(part); !isNoValue(part) {
				decided = append(decided, part)
			}
		}
		return decided
	}
	return v
}

func isNoValue(v any) bool {
	reference, ok := v.(map[string]any)
	return ok && len(reference) == 1 && reference["Ref"] == "AWS::NoValue"
}

// Every output that other stacks may need is exported under its name, and every function
// for other front doors.
func TestExports(t *testing.T) {
	want := []string{
		"ApiId", "AuthorizerId", "PublicOrigin", "SessionsTableName", "SessionsTableArn", "UsersTableName", "UsersTableArn",
		"AttemptsTableName", "AttemptsTableArn", "SessionKeysArn", "SessionKeysVersion", "SessionIdleTimeout", "SessionLifetime",
		"SessionPersistentIdleTimeout", "SessionPersistentLifetime", "SessionsNotBefore", "ReauthenticationWindow",
	}
	for id := range readTemplate(t).Functions {
		want = append(want, id+"Arn")
	}
	stack := translate(t)
	e := stack.evaluate(t, nil)
	var got []string
	for name, output := range stack.Outputs {
		if output.Export == nil {
			continue
		}
		got = append(got, name)
		if output.Export.Name.Sub != "${AWS::StackName}-"+name {
			t.Errorf("%s is exported as %s", name, output.Export.Name.Sub)
		}
		id, isArn := strings.CutSuffix(name, "Arn")
		if value := e.text(output.Value); isArn && id != "SessionKeys" && value != "<["+id+" Arn]>" {
			t.Errorf("%s is %s", name, value)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("exported are\n%q, want\n%q", got, want)
	}
}

// CloudFormation refuses a stack with an empty export, so none is empty whichever of the
// optional parameters are set.
func TestNoExportIsEmpty(t *testing.T) {
	stack := translate(t)
	optional := map[string]string{
		"SessionPersistentIdleTimeout": "168h", "SessionPersistentLifetime": "720h", "PublicOrigin": "https://app.example.com",
		"SessionKeysVersion": "5d5cd7a0-6c5a-4c3a-9d5c-0a1b2c3d4e5f", "DomainName": "app.example.com", "HostedZoneId": "Z0123456789ABC", "SessionsNotBefore": "2026-11-27T14:00:00Z",
	}
	names := slices.Sorted(maps.Keys(optional))
	for set := range 1 << len(names) {
		parameters := map[string]string{}
		for i, name := range names {
			if set&(1<<i) != 0 {
				parameters[name] = optional[name]
			}
		}
		e := stack.evaluate(t, parameters)
		for name, output := range stack.Outputs {
			if output.Export != nil && e.holds(output.Condition) && e.text(output.Value) == "" {
				t.Errorf("with %v the export %s is empty", parameters, name)
			}
			if value, ok := parameters[name]; ok && (!e.holds(output.Condition) || e.text(output.Value) != value) {
				t.Errorf("with %v the output %s has another value", parameters, name)
			}
		}
	}
}

// Whoever takes the limits from the outputs treats every session as the functions of this
// stack do. If nobody may stay signed in, those limits are the others.
func TestExportedLimits(t *testing.T) {
	stack := translate(t)
	variables := map[string]string{
		"SessionIdleTimeout": "SESSION_IDLE_TIMEOUT", "SessionLifetime": "SESSION_LIFETIME",
		"SessionPersistentIdleTimeout": "SESSION_PERSISTENT_IDLE_TIMEOUT", "SessionPersistentLifetime": "SESSION_PERSISTENT_LIFETIME",
	}
	for _, limits := range [][4]string{
		{"30m", "24h", "", ""}, {"30m", "24h", "168h", ""}, {"30m", "24h", "", "720h"}, {"30m", "24h", "168h", "720h"},
		{"30m", "24h", "10m", ""}, {"48h", "24h", "", ""}, {"48h", "24h", "", "30m"}, {"10s", "15m", "720h", "168h"},
	} {
		parameters := map[string]string{
			"SessionIdleTimeout": limits[0], "SessionLifetime": limits[1], "SessionPersistentIdleTimeout": limits[2], "SessionPersistentLifetime": limits[3],
		}
		for parameter, variable := range variables {
			t.Setenv(variable, parameters[parameter])
		}
		want, err := config.SessionConfig()
		if err != nil {
			t.Fatal(err)
		}
		if want.PersistentLifetime == 0 {
			want.PersistentIdleTimeout, want.PersistentLifetime = want.IdleTimeout, want.Lifetime
		}
		e := stack.evaluate(t, parameters)
		for output, variable := range variables {
			t.Setenv(variable, e.text(stack.Outputs[output].Value))
		}
		if got, err := config.SessionConfig(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v, %v; want %+v", limits, got, err, want)
		}
	}
}

// The example of another stack imports only what is exported, and nothing that changes
// with a parameter: while it is imported it could not change. What changes, the example
// takes as parameters, which have the names of the outputs and the usual values.
func TestExampleImports(t *testing.T) {
	const folder = "../examples/stack/"
	stack := translate(t)
	text := readFile(t, folder+"template.yaml")
	imports := regexp.MustCompile(`(\w+): \{ 'Fn::ImportValue': !Sub '\$\{Coatcheck\}-(\w+)' \}`).FindAllStringSubmatch(text, -1)
	if len(imports) < 3 || len(imports) != strings.Count(text, "ImportValue") {
		t.Fatalf("the imports are %q", imports)
	}
	for _, match := range imports {
		output := stack.Outputs[match[2]]
		if output.Export == nil || output.Condition != "" || match[1] != match[2] {
			t.Errorf("%s, which is given as %s, is not exported, or not always", match[2], match[1])
			continue
		}
		e := stack.evaluate(t, nil)
		if e.text(output.Value); len(e.used) > 0 {
			t.Errorf("%s changes with %v", match[2], e.used)
		}
	}
	example, local, functions := readExample(t, "template.yaml"), readExample(t, "local.yaml"), readExample(t, "functions.yaml")
	if own := "stack_name = \"" + example.Parameters["Coatcheck"].Default + "\""; !strings.Contains(readFile(t, "../samconfig.toml"), own) {
		t.Errorf("samconfig.toml does not say %s", own)
	}
	for name, p := range example.Parameters {
		if _, output := stack.Outputs[name]; !output && !slices.Contains([]string{"Coatcheck", "Architecture", "ProxySecrets"}, name) {
			t.Errorf("%s is no output of template.yaml", name)
		}
		if given := example.Resources.Functions.Properties.Parameters[name]; name != "Coatcheck" && (given.Tag != "!Ref" || given.Value != name) {
			t.Errorf("the functions get %s %s as %s", given.Tag, given.Value, name)
		}
		if theirs, ok := stack.Parameters[name]; ok && theirs.Default != p.Default {
			t.Errorf("%s is %q by default, in template.yaml %v", name, p.Default, theirs.Default)
		}
	}
	for name := range functions.Parameters {
		if _, given := example.Resources.Functions.Properties.Parameters[name]; given == (name == "DynamoDBEndpoint") {
			t.Errorf("template.yaml gives %s: %v", name, given)
		}
	}
	for name, kind := range map[string]string{
		"ApiId": "AWS::ApiGatewayV2::Api", "AuthorizerId": "AWS::ApiGatewayV2::Authorizer", "SessionsTableName": "AWS::DynamoDB::Table",
	} {
		if id := local.Resources.Functions.Properties.Parameters[name].Value; stack.Resources[id].Type != kind {
			t.Errorf("local.yaml gives %s, which is no %s", id, kind)
		}
	}
	for _, name := range []string{"SessionIdleTimeout", "SessionLifetime"} {
		if got := local.Resources.Functions.Properties.Parameters[name].Value; got != stack.Parameters[name].Default {
			t.Errorf("local.yaml gives the %s %s", name, got)
		}
	}
}
