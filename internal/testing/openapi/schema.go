package openapi

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Schema is the part of JSON Schema (2020-12) that the document uses. Another keyword is an error, because
// nobody would check it.
type Schema struct {
	Ref                 string
	Type                types
	Format              string
	Pattern             *pattern
	Enum                []any
	Const               any
	Required            []string
	Properties          map[string]*Schema
	Closed              bool // additionalProperties is false
	Items               *Schema
	AnyOf               []*Schema
	MinLength, MinItems int
	MaxLength, MaxItems int
	Minimum             *float64
	MinProperties       int
}

// types are one type or several.
type types []string

// told are the keywords that say nothing about a value.
var told = []string{"description", "examples"}

// UnmarshalYAML reads a schema.
func (s *Schema) UnmarshalYAML(n *yaml.Node) error {
	var keywords map[string]yaml.Node
	if err := n.Decode(&keywords); err != nil {
		return err
	}
	*s = Schema{MaxLength: math.MaxInt, MaxItems: math.MaxInt}
	open := true
	into := map[string]any{
		"$ref": &s.Ref, "type": &s.Type, "format": &s.Format, "pattern": &s.Pattern, "enum": &s.Enum, "const": &s.Const,
		"required": &s.Required, "properties": &s.Properties, "additionalProperties": &open, "items": &s.Items, "anyOf": &s.AnyOf,
		"minLength": &s.MinLength, "minItems": &s.MinItems, "maxLength": &s.MaxLength, "maxItems": &s.MaxItems,
		"minimum": &s.Minimum, "minProperties": &s.MinProperties,
	}
	for keyword, value := range keywords {
		if slices.Contains(told, keyword) {
			continue
		}
		to, known := into[keyword]
		if !known {
			return fmt.Errorf("line %d: no test knows the keyword %s; write another, or let package openapi check it", n.Line, keyword)
		}
		if err := value.Decode(to); err != nil {
			return fmt.Errorf("line %d: %s: %w", n.Line, keyword, err)
		}
	}
	s.Closed = !open
	return nil
}

// pattern is a regular expression that Go has as well as ECMAScript.
type pattern struct{ *regexp.Regexp }

// UnmarshalYAML compiles a pattern.
func (p *pattern) UnmarshalYAML(n *yaml.Node) (err error) {
	p.Regexp, err = regexp.Compile(n.Value)
	return err
}

// UnmarshalYAML reads one type or a list.
func (t *types) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*t = types{n.Value}
		return nil
	}
	return n.Decode((*[]string)(t))
}

// Check returns an error unless the value, as encoding/json makes it, is one of the schema.
func (d *Document) Check(s *Schema, value any) error {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		of, ok := d.Components.Schemas[last(s.Ref)]
		if !ok {
			return fmt.Errorf("the document has no %s", s.Ref)
		}
		if err := d.Check(of, value); err != nil {
			return err
		}
	}
	if len(s.Type) > 0 && !slices.Contains(s.Type, typeOf(value)) {
		return fmt.Errorf("%v is no %s", value, strings.Join(s.Type, " or "))
	}
	if s.Const != nil && !same(s.Const, value) || s.Enum != nil && !slices.ContainsFunc(s.Enum, func(one any) bool { return same(one, value) }) {
		return fmt.Errorf("%v is none of the values that the document has: %v%v", value, s.Enum, s.Const)
	}
	if len(s.AnyOf) > 0 && !slices.ContainsFunc(s.AnyOf, func(one *Schema) bool { return d.Check(one, value) == nil }) {
		return fmt.Errorf("%v is as none of the alternatives wants it", value)
	}
	switch value := value.(type) {
	case string:
		return s.checkText(value)
	case []any:
		return d.checkList(s, value)
	case map[string]any:
		return d.checkObject(s, value)
	case float64:
		if s.Minimum != nil && value < *s.Minimum {
			return fmt.Errorf("%v is less than %v", value, *s.Minimum)
		}
	}
	return nil
}

func (s *Schema) checkText(text string) error {
	if n := utf8.RuneCountInString(text); n < s.MinLength || n > s.MaxLength {
		return fmt.Errorf("%.80q has %d characters", text, n)
	}
	if s.Pattern != nil && !s.Pattern.MatchString(text) {
		return fmt.Errorf("%.80q is not of the pattern %s", text, s.Pattern)
	}
	if s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return err
		}
	}
	return nil
}

func (d *Document) checkList(s *Schema, list []any) error {
	if len(list) < s.MinItems || len(list) > s.MaxItems {
		return fmt.Errorf("a list of %d", len(list))
	}
	for i, value := range list {
		if err := d.Check(s.Items, value); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	return nil
}

func (d *Document) checkObject(s *Schema, object map[string]any) error {
	if len(object) < s.MinProperties {
		return fmt.Errorf("an object of %d fields", len(object))
	}
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			return fmt.Errorf("the field %s is missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		property, known := s.Properties[name]
		if !known && s.Closed {
			return fmt.Errorf("the document has no field %s", name)
		}
		if err := d.Check(property, object[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func typeOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case float64:
		if value == math.Trunc(value) {
			return "integer"
		}
	}
	return "number"
}

// same compares a value of YAML with one of JSON, whose numbers are all float64.
func same(want, got any) bool {
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	return reflect.DeepEqual(want, got)
}

// Open returns the places of all objects in answers that may have fields that the document does
// not name. There should be none: a test could not see a new field.
func (d *Document) Open() (all []string) {
	for _, op := range d.Operations() {
		for status, r := range op.Responses {
			for kind, content := range d.response(r).Content {
				all = append(all, d.open(op.Method+" "+op.Path+" "+status+" "+kind, content.Schema)...)
			}
		}
	}
	slices.Sort(all)
	return all
}

func (d *Document) open(where string, s *Schema) (all []string) {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		return d.open(where, d.Components.Schemas[last(s.Ref)])
	}
	if slices.Contains(s.Type, "object") && !s.Closed {
		all = append(all, where)
	}
	for name, property := range s.Properties {
		all = append(all, d.open(where+" "+name, property)...)
	}
	return append(all, d.open(where, s.Items)...)
}
