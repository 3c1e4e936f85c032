package samtemplate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// properties are the properties of one resource. Each is decoded only by load.
type properties map[string]yaml.Node

// load decodes the named property into the variable out. If the property is absent,
// load does not change the variable. A field that the variable does not have is an
// error.
func (p properties) load(name string, out any) error {
	node, ok := p[name]
	if !ok {
		return nil
	}
	if err := node.Load(out, yaml.WithKnownFields()); err != nil {
		return fmt.Errorf("in %s: %w", name, err)
	}
	return nil
}

// known reports a property that is not among names.
func (p properties) known(names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the property %s is not understood", name)
		}
	}
	return nil
}

// parse decodes a template in which the given conditions hold, and those that follow from
// them: see [conditions]. It decides each !If, and leaves out resources whose Condition does
// not hold.
func parse(text []byte, given []string) (*document, error) {
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return nil, err
	}
	var declared struct {
		Conditions map[string]yaml.Node `yaml:"Conditions"`
	}
	if err := root.Load(&declared); err != nil {
		return nil, err
	}
	for _, name := range given {
		if _, ok := declared.Conditions[name]; !ok {
			return nil, fmt.Errorf("there is no condition %s", name)
		}
	}
	c := conditions{given, declared.Conditions}
	c.decide(&root)
	doc := &document{}
	if err := root.Load(doc); err != nil {
		return nil, err
	}
	maps.DeleteFunc(doc.Resources, func(_ string, r resource) bool { return r.Condition != "" && !c.hold(r.Condition) })
	return doc, nil
}

// conditions says which conditions of a template hold: those that are given, and those that
// are written as !Not and !And of others. One that depends on parameters holds only if it
// is given.
type conditions struct {
	given    []string
	declared map[string]yaml.Node
}

func (c conditions) hold(name string) bool {
	if slices.Contains(c.given, name) {
		return true
	}
	definition := c.declared[name]
	holds, known := c.evaluate(&definition)
	return holds && known
}

// evaluate reports whether the definition of a condition holds, and whether that follows
// from other conditions alone.
func (c conditions) evaluate(n *yaml.Node) (holds, known bool) {
	switch {
	case n.Tag == "!Condition":
		return c.hold(n.Value), true
	case n.Tag == "!Not" && len(n.Content) == 1:
		holds, known = c.evaluate(n.Content[0])
		return !holds, known
	case n.Tag == "!And":
		holds, known = true, true
		for _, part := range n.Content {
			h, k := c.evaluate(part)
			holds, known = holds && h, known && k
		}
		return holds, known
	}
	return false, false
}

// decide replaces each !If below n by what it is. What is then !Ref AWS::NoValue is left
// out.
func (c conditions) decide(n *yaml.Node) {
	for n.Tag == "!If" && len(n.Content) == 3 {
		if c.hold(n.Content[0].Value) {
			*n = *n.Content[1]
		} else {
			*n = *n.Content[2]
		}
	}
	for _, child := range n.Content {
		c.decide(child)
	}
	switch n.Kind {
	case yaml.SequenceNode:
		n.Content = slices.DeleteFunc(n.Content, isNoValue)
	case yaml.MappingNode:
		for i := len(n.Content) - 1; i > 0; i -= 2 {
			if isNoValue(n.Content[i]) {
				n.Content = slices.Delete(n.Content, i-1, i+1)
			}
		}
	}
}

func isNoValue(n *yaml.Node) bool { return n.Tag == "!Ref" && n.Value == "AWS::NoValue" }

// value is a scalar, or a CloudFormation function with a scalar as argument, such as
// !Ref Name.
type value struct {
	function string // "" for a plain scalar, else "!Ref", "!GetAtt", …
	text     string
}

func (v *value) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return errors.New("neither a plain value nor a short function such as !Ref, nor !If with three parts")
	}
	v.text = n.Value
	if tag := n.ShortTag(); !strings.HasPrefix(tag, "!!") {
		v.function = tag
	}
	return nil
}

// literal is a scalar that must not be a function. Package yaml alone would decode
// !Ref Name as the text Name.
type literal string

func (l *literal) UnmarshalYAML(n *yaml.Node) error {
	var v value
	if err := v.UnmarshalYAML(n); err != nil {
		return err
	}
	if v.function != "" {
		return fmt.Errorf("%s is not understood here, write the value", v.function)
	}
	*l = literal(v.text)
	return nil
}

// list is one T or a sequence of T, because IAM allows both.
type list[T any] []T

func (l *list[T]) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Load((*[]T)(l))
	}
	*l = make([]T, 1)
	return n.Load(&(*l)[0])
}
