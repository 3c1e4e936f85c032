package functions_test

import (
	"encoding/json"
	"regexp"
	"strings"
)

// substitute replaces each reference in v, after decide, by what CloudFormation would put
// there: the value of a parameter, or the logical ID of a resource.
func (e evaluation) substitute(v any) any {
	e.t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for function, argument := range v {
			switch function {
			case "Ref":
				return e.named(argument.(string))
			case "Fn::GetAtt":
				return e.named(argument.([]any)[0].(string))
			case "Fn::Sub":
				return e.sub(argument)
			}
		}
		out := map[string]any{}
		for name, part := range v {
			out[name] = e.substitute(part)
		}
		return out
	case []any:
		out := []any{}
		for _, part := range v {
			out = append(out, e.substitute(part))
		}
		return out
	}
	return v
}

// stackName is the name of the stack in what substitute returns.
const stackName = "coatcheck"

func (e evaluation) named(name string) string {
	if value, ok := e.parameters[name]; ok {
		return value
	}
	name, _, _ = strings.Cut(name, ".")
	resource, ok := e.stack.Resources[name]
	switch {
	case name == "AWS::StackName":
		return stackName
	case strings.HasPrefix(name, "AWS::"):
		return strings.TrimPrefix(name, "AWS::")
	case !ok || !e.holds(resource.Condition):
		e.t.Errorf("%s is not in the stack", name)
	}
	return name
}

var placeholder = regexp.MustCompile(`\$\{([\w.:]+)\}`)

// sub is Fn::Sub of a text, or of a text and values for some names in it.
func (e evaluation) sub(argument any) string {
	own := map[string]any{}
	text, alone := argument.(string)
	if !alone {
		list := argument.([]any)
		text, own = list[0].(string), list[1].(map[string]any)
	}
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := placeholder.FindStringSubmatch(found)[1]
		if value, ok := own[name]; ok {
			return e.substitute(value).(string)
		}
		return e.named(name)
	})
}

// resourcesOf returns the properties of the resources of one type that are in the stack, by
// logical ID.
func resourcesOf[P any](e evaluation, kind string) map[string]P {
	e.t.Helper()
	found := map[string]P{}
	for id, resource := range e.stack.Resources {
		if resource.Type != kind || !e.holds(resource.Condition) {
			continue
		}
		text, err := json.Marshal(e.substitute(e.decide(decoded(e.t, resource.Properties))))
		var p P
		if err == nil {
			err = json.Unmarshal(text, &p)
		}
		if err != nil {
			e.t.Fatalf("%s: %v", id, err)
		}
		found[id] = p
	}
	return found
}
