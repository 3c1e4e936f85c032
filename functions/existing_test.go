package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// existing are the parameters that name tables which exist already, by the table's logical
// ID.
func existing(stack translated) map[string]string {
	names := map[string]string{}
	for name := range stack.Parameters {
		if id, ok := strings.CutPrefix(name, "Existing"); ok {
			names[id] = name
		}
	}
	return names
}

// Every table can be one that exists already, such as one that was restored from a backup.
// Then the stack has none of its own, and functions and outputs name that one, with the same
// rights. The other tables stay as they are.
func TestExistingTables(t *testing.T) {
	stack := translate(t)
	parameters := existing(stack)
	for id := range resources[json.RawMessage](t, stack, "AWS::DynamoDB::Table") {
		if parameters[id] == "" {
			t.Errorf("no parameter names an existing %s", id)
		}
	}
	const given = "restored-table"
	everything := map[string]string{"LegacyCookies": "session", "OidcIssuer": "https://id.example.com"}
	own := stack.evaluate(t, everything)
	for id, parameter := range parameters {
		e := stack.evaluate(t, with(everything, parameter, given))
		for table := range parameters {
			if got, want := e.holds("Own"+table), table != id; got != want {
				t.Errorf("with %s the stack has a %s of its own: %t", parameter, table, got)
			}
		}
		if condition := stack.Resources[id].Condition; condition != "Own"+id {
			t.Errorf("%s is there if %s", id, condition)
		}
		before, after := tableUses(t, own), tableUses(t, e)
		names := strings.NewReplacer(
			fmt.Sprintf(`{"Ref":"%s"}`, id), fmt.Sprintf(`{"Ref":"%s"}`, parameter),
			fmt.Sprintf(`{"Fn::GetAtt":["%s","Arn"]}`, id), fmt.Sprintf(`{"Fn::Sub":"arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${%s}"}`, parameter),
		)
		changed := 0
		for place, use := range before {
			want := names.Replace(use)
			if after[place] != want {
				t.Errorf("with %s, %s has %s, want %s", parameter, place, after[place], want)
			}
			if use != want {
				changed++
			}
		}
		if changed < 2 || len(after) != len(before) {
			t.Errorf("with %s, %d of %d resources and outputs name it", parameter, changed, len(after))
		}
	}
}

// tableUses returns each resource and output that is there and names a table, as JSON in
// which everything is decided.
func tableUses(t *testing.T, e evaluation) map[string]string {
	t.Helper()
	named := regexp.MustCompile(`\b(Existing)?(` + strings.Join(slices.Sorted(maps.Keys(existing(e.stack))), "|") + `)\b`)
	uses := map[string]string{}
	add := func(place, condition string, part json.RawMessage) {
		if !e.holds(condition) {
			return
		}
		var decided json.RawMessage
		decide(t, e, part, &decided)
		if text := compact(t, decided); named.MatchString(text) {
			uses[place] = text
		}
	}
	for id, resource := range e.stack.Resources {
		add(id, resource.Condition, resource.Properties)
	}
	for name, output := range e.stack.Outputs {
		add("the output "+name, output.Condition, output.Value)
	}
	return uses
}
