package runbook_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// template is what SAM makes of template.yaml.
type template struct {
	Parameters map[string]map[string]any
	Conditions map[string]any
	Resources  map[string]resource
	Outputs    map[string]map[string]any
}

type resource struct {
	Type                string
	Condition           string         `json:",omitempty"`
	DependsOn           any            `json:",omitempty"`
	DeletionPolicy      string         `json:",omitempty"`
	UpdateReplacePolicy string         `json:",omitempty"`
	Properties          map[string]any `json:",omitempty"`
	Metadata            any            `json:",omitempty"`
}

// readTemplate reads the translation that make has written.
func readTemplate() (t template, err error) {
	text, err := os.ReadFile(root(".cache/translated.json"))
	if err != nil {
		return t, fmt.Errorf("make runbooks writes this file: %w", err)
	}
	return t, json.Unmarshal(text, &t)
}

// resolve leaves only what CloudFormation would make with these parameters, and puts their
// values there: the emulator takes conditions for true when a stack changes.
func (t *template) resolve(parameters map[string]string) error {
	values := map[string]any{}
	for name, declared := range t.Parameters {
		values[name] = fmt.Sprint(declared["Default"])
	}
	for name, value := range parameters {
		if _, ok := values[name]; !ok {
			return fmt.Errorf("the template has no parameter %s", name)
		}
		values[name] = value
	}
	for id, r := range t.Resources {
		held, err := t.holds(r.Condition, values)
		if err == nil && held {
			r.Properties, err = chosen[map[string]any](t, r.Properties, values)
			t.Resources[id] = r
		}
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if !held {
			delete(t.Resources, id)
		}
	}
	for id, output := range t.Outputs {
		condition, _ := output["Condition"].(string)
		held, err := t.holds(condition, values)
		if err == nil && held {
			t.Outputs[id], err = chosen[map[string]any](t, output, values)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if !held {
			delete(t.Outputs, id)
		}
	}
	return nil
}

// noValue stands for what CloudFormation leaves out.
type noValue struct{}

// chosen returns the part with what each Fn::If in it chooses.
func chosen[T any](t *template, part T, values map[string]any) (T, error) {
	value, err := t.choose(part, values)
	if err != nil {
		return part, err
	}
	return value.(T), nil
}

func (t *template) choose(part any, values map[string]any) (any, error) {
	switch part := part.(type) {
	case []any:
		kept := []any{}
		for _, p := range part {
			value, err := t.choose(p, values)
			if err != nil {
				return nil, err
			}
			if _, none := value.(noValue); !none {
				kept = append(kept, value)
			}
		}
		return kept, nil
	case map[string]any:
		if part["Ref"] == "AWS::NoValue" {
			return noValue{}, nil
		}
		if branches, ok := part["Fn::If"].([]any); ok {
			held, err := t.holds(branches[0].(string), values)
			if err != nil {
				return nil, err
			}
			if held {
				return t.choose(branches[1], values)
			}
			return t.choose(branches[2], values)
		}
		if name, ok := part["Ref"].(string); ok && values[name] != nil {
			return t.typed(name, values[name]), nil
		}
		if text, ok := part["Fn::Sub"].(string); ok {
			return map[string]any{"Fn::Sub": substitute(text, values)}, nil
		}
		kept := map[string]any{}
		for name, p := range part {
			value, err := t.choose(p, values)
			if err != nil {
				return nil, err
			}
			if _, none := value.(noValue); !none {
				kept[name] = value
			}
		}
		return kept, nil
	}
	return part, nil
}

// holds reports whether the condition of that name is true. Without a name it is.
func (t *template) holds(name string, values map[string]any) (bool, error) {
	if name == "" {
		return true, nil
	}
	value, err := t.value(map[string]any{"Condition": name}, values)
	if err != nil {
		return false, err
	}
	return value == true, nil
}

// value returns what a part of a condition is.
func (t *template) value(part any, values map[string]any) (any, error) {
	call, ok := part.(map[string]any)
	if !ok {
		return part, nil
	}
	if len(call) != 1 {
		return nil, fmt.Errorf("in a condition, %v is not understood", part)
	}
	function := slices.Collect(maps.Keys(call))[0]
	switch name, _ := call[function].(string); function {
	case "Ref":
		return values[name], nil
	case "Condition":
		return t.value(t.Conditions[name], values)
	}
	list, ok := call[function].([]any)
	if !ok {
		return nil, fmt.Errorf("in a condition, %v is not understood", part)
	}
	args := make([]any, len(list))
	for i := range list {
		var err error
		if args[i], err = t.value(list[i], values); err != nil {
			return nil, err
		}
	}
	switch function {
	case "Fn::Equals":
		return fmt.Sprint(args[0]) == fmt.Sprint(args[1]), nil
	case "Fn::Not":
		return args[0] == false, nil
	case "Fn::And":
		return !slices.Contains(args, any(false)), nil
	case "Fn::Or":
		return slices.Contains(args, any(true)), nil
	case "Fn::Join":
		return fmt.Sprint(args[1]), nil // of a parameter that is a list: its text has the commas already
	}
	return nil, fmt.Errorf("in a condition, %s is not understood", function)
}

// typed returns the value of a parameter in the type that it has. Values take the place of
// parameters, because the emulator notices only changes of a resource itself.
func (t *template) typed(name string, value any) any {
	switch text := fmt.Sprint(value); t.Parameters[name]["Type"] {
	case "Number":
		return json.Number(text)
	case "CommaDelimitedList":
		return strings.Split(text, ",")
	default:
		return text
	}
}

// substitute puts the values of parameters into a text of Fn::Sub.
func substitute(text string, values map[string]any) string {
	for name, value := range values {
		text = strings.ReplaceAll(text, "${"+name+"}", fmt.Sprint(value))
	}
	return text
}

// secrets makes a parameter of each secret, for the ARN of one that exists: the emulator
// makes none of a template. It returns their logical IDs.
func (t *template) secrets() (ids []string) {
	for id, r := range t.Resources {
		if r.Type == "AWS::SecretsManager::Secret" {
			delete(t.Resources, id)
			t.Parameters[id] = map[string]any{"Type": "String"}
			ids = append(ids, id)
		}
	}
	return ids
}

// leaveOut removes the resources and outputs that need an attribute of a resource of these
// kinds, which the emulator passes over: without an error, but it has no attributes of them
// either. It returns what the emulator does not make, each with the reason.
func (t *template) leaveOut(kinds []string) (removed map[string]string) {
	removed = map[string]string{}
	for id, r := range t.Resources {
		if slices.Contains(kinds, r.Type) {
			removed[id] = r.Type
		}
	}
	for again := true; again; {
		again = false
		for id, r := range t.Resources {
			if of := attributeOf(r.Properties, removed); of != "" && removed[id] == "" {
				delete(t.Resources, id)
				removed[id] = r.Type + ", which needs an attribute of " + of
				again = true
			}
		}
	}
	for id, output := range t.Outputs {
		if of := attributeOf(output, removed); of != "" {
			delete(t.Outputs, id)
			removed["output "+id] = "needs an attribute of " + of
		}
	}
	t.forget()
	return removed
}

// forget takes what was removed out of each DependsOn.
func (t *template) forget() {
	for id, r := range t.Resources {
		var kept []string
		switch on := r.DependsOn.(type) {
		case string:
			kept = []string{on}
		case []any:
			for _, id := range on {
				kept = append(kept, id.(string))
			}
		}
		kept = slices.DeleteFunc(kept, func(id string) bool {
			_, made := t.Resources[id]
			return !made
		})
		r.DependsOn = nil
		if len(kept) > 0 {
			r.DependsOn = kept
		}
		t.Resources[id] = r
	}
}

// attributeOf returns the ID of the one of these resources of which the part needs an
// attribute: by Fn::GetAtt, or by ${ID.Attribute} in a text of Fn::Sub.
func attributeOf(part any, of map[string]string) string {
	switch part := part.(type) {
	case []any:
		for _, p := range part {
			if id := attributeOf(p, of); id != "" {
				return id
			}
		}
	case string:
		for id := range of {
			if strings.Contains(part, "${"+id+".") {
				return id
			}
		}
	case map[string]any:
		if list, ok := part["Fn::GetAtt"].([]any); ok {
			if id, _ := list[0].(string); of[id] != "" {
				return id
			}
		}
		for _, name := range slices.Sorted(maps.Keys(part)) {
			if id := attributeOf(part[name], of); id != "" {
				return id
			}
		}
	}
	return ""
}
