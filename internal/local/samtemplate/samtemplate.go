// Package samtemplate reads an AWS SAM template. It reads what local tools and tests
// share with the deployed stack: tables, functions, routes, variables and policies.
//
// It understands only the part of SAM that our template.yaml uses. It refuses what it
// does not understand, if ignoring that would make the local and the deployed
// behaviour differ.
package samtemplate

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Template is what [Read] returns.
type Template struct {
	Tables    map[string]Table    // by logical ID: "SessionsTable"
	Functions map[string]Function // by logical ID: "LoginFunction"
}

// Function is one Lambda function.
type Function struct {
	// Folder is the folder of the function's main package, slash-separated and
	// relative to the template. It is below functions/, and its name is the logical
	// ID without "Function", in lower case. The Makefile's build-% rule uses the same
	// convention.
	Folder string

	// Routes are the function's HTTP API route keys, sorted: "ANY /login", "$default".
	Routes []string

	// Environment has every variable that is declared for the function, also those of
	// Globals. For a literal, the value is the literal. For !Ref of a parameter, it
	// is the parameter's default. For !Ref of a resource, it is the resource's logical
	// ID.
	Environment map[string]string

	// Authorizers maps a route key to the logical ID of the authorizer function,
	// which the API calls before it calls this function. Routes without an authorizer
	// are not in the map.
	Authorizers map[string]string

	// Access is what the function's policies allow on tables, sorted.
	Access []Access

	// Attributes has, for each access that a condition limits, the attributes that
	// such a call may name, sorted. The call may return no others. An access that is
	// not in the map is not limited.
	Attributes map[Access][]string

	// Silent are the accesses that a condition allows only to calls that return nothing,
	// whatever attributes they name, sorted.
	Silent []Access
}

// Access is the permission to call one DynamoDB action on one table, or one use of
// that permission.
type Access struct {
	Action string // "GetItem"
	Table  string // logical ID in a [Template]
}

// Compare sorts by table, then by action.
func (a Access) Compare(b Access) int {
	return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Action, b.Action))
}

// document is the part of a template that Read uses.
type document struct {
	Parameters map[string]struct {
		Default string `yaml:"Default"`
	} `yaml:"Parameters"`
	Globals struct {
		Function properties `yaml:"Function"`
	} `yaml:"Globals"`
	Resources map[string]resource `yaml:"Resources"`
}

type resource struct {
	Type       string     `yaml:"Type"`
	Condition  string     `yaml:"Condition"`
	Properties properties `yaml:"Properties"`
}

// policy is one of a function's inline policies. It consists of IAM statements.
type policy struct {
	Statement []statement `yaml:"Statement"`
}

type statement struct {
	Effect    literal       `yaml:"Effect"`
	Action    list[literal] `yaml:"Action"`
	Resource  list[value]   `yaml:"Resource"`
	Condition *condition    `yaml:"Condition"`
}

// condition limits a statement to some attributes of a table's items, or to writes that
// return nothing.
type condition struct {
	Named struct {
		Attributes list[literal] `yaml:"dynamodb:Attributes"`
	} `yaml:"ForAllValues:StringEquals"`
	Returned struct {
		Select       literal `yaml:"dynamodb:Select"`
		ReturnValues literal `yaml:"dynamodb:ReturnValues"`
	} `yaml:"StringEquals"`
}

// check reports a condition that leaves a way to the other attributes.
func (c condition) check(action string) error {
	switch {
	case c.silent(action):
	case len(c.Named.Attributes) == 0:
		return errors.New("a Condition without dynamodb:Attributes is not understood")
	case action == "GetItem" && c.Returned.Select == "SPECIFIC_ATTRIBUTES" && c.Returned.ReturnValues == "":
	case action == "UpdateItem" && c.Returned.ReturnValues == "NONE" && c.Returned.Select == "":
	default:
		return fmt.Errorf("with this Condition %s may return or replace other attributes: only GetItem with the dynamodb:Select SPECIFIC_ATTRIBUTES and UpdateItem with the dynamodb:ReturnValues NONE are understood", action)
	}
	return nil
}

// silent reports whether c allows puts that return nothing, and says no more.
func (c condition) silent(action string) bool {
	return action == "PutItem" && c.Returned.ReturnValues == "NONE" && c.Returned.Select == "" && len(c.Named.Attributes) == 0
}

// Read reads the template in the file as it is if the named conditions hold, and of the
// others only those that are written as !Not and !And of conditions, and follow so from
// these. Errors name the file, the resource and the property.
func Read(file string, conditions ...string) (*Template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	doc, err := parse(text, conditions)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t := &Template{Tables: map[string]Table{}, Functions: map[string]Function{}}
	for id, resource := range doc.Resources {
		switch resource.Type {
		case "AWS::DynamoDB::Table":
			t.Tables[id], err = readTable(resource.Properties)
		case functionType:
			t.Functions[id], err = doc.readFunction(id, resource.Properties)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, id, err)
		}
	}
	if err := doc.readRoutes(t); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, t.check(file)
}

// check reports a policy for a table that the template does not have.
func (t *Template) check(file string) error {
	for id, f := range t.Functions {
		for _, a := range f.Access {
			if _, ok := t.Tables[a.Table]; !ok {
				return fmt.Errorf("%s: %s: in Policies: no table %s in the template", file, id, a.Table)
			}
		}
	}
	return nil
}

func (doc *document) readFunction(id string, p properties) (Function, error) {
	name, ok := strings.CutSuffix(id, "Function")
	if !ok {
		return Function{}, errors.New("the logical ID of a function must end in Function")
	}
	f := Function{Folder: "functions/" + strings.ToLower(name), Environment: map[string]string{}}
	for _, p := range []properties{doc.Globals.Function, p} {
		if err := doc.readEnvironment(p, f.Environment); err != nil {
			return f, err
		}
	}
	if _, ok := p["Events"]; ok {
		return f, errors.New("in Events: not understood, give the API a route")
	}
	return f, f.readPolicies(p)
}

// readEnvironment adds the variables that p declares to env.
func (doc *document) readEnvironment(p properties, env map[string]string) error {
	var environment struct {
		Variables map[string]value `yaml:"Variables"`
	}
	if err := p.load("Environment", &environment); err != nil {
		return err
	}
	for name, v := range environment.Variables {
		parameter, isParameter := doc.Parameters[v.text]
		_, isResource := doc.Resources[v.text]
		switch {
		case v.function == "":
			env[name] = v.text
		case v.function == "!Ref" && isParameter:
			env[name] = parameter.Default
		case v.function == "!Ref" && isResource:
			env[name] = v.text
		default:
			return fmt.Errorf("in Environment: %s: %s %s is not understood, or not in the template", name, v.function, v.text)
		}
	}
	return nil
}

// readPolicies sets Access and Attributes.
func (f *Function) readPolicies(p properties) error {
	var policies []policy
	if err := p.load("Policies", &policies); err != nil {
		return err
	}
	for _, policy := range policies {
		for _, s := range policy.Statement {
			if err := f.readStatement(s); err != nil {
				return fmt.Errorf("in Policies: %w", err)
			}
		}
	}
	slices.SortFunc(f.Access, Access.Compare)
	f.Access = slices.Compact(f.Access)
	return nil
}

// readStatement adds what the statement allows: each of its actions on each of its
// resources.
func (f *Function) readStatement(s statement) error {
	if s.Effect != "Allow" {
		return fmt.Errorf("the Effect %q is not understood, only Allow", s.Effect)
	}
	for _, action := range s.Action {
		if strings.HasPrefix(string(action), "secretsmanager:") && !strings.Contains(string(action), "*") {
			continue // on this machine there is no Secrets Manager
		}
		for _, resource := range s.Resource {
			a, err := newAccess(string(action), resource)
			if err != nil {
				return err
			}
			if err := f.limit(a, s.Condition); err != nil {
				return err
			}
			f.Access = append(f.Access, a)
		}
	}
	return nil
}

// limit sets the attributes to which the condition limits the access. The condition is
// nil if there is none.
func (f *Function) limit(a Access, c *condition) error {
	if _, limited := f.Attributes[a]; limited || slices.Contains(f.Silent, a) || c != nil && slices.Contains(f.Access, a) {
		return fmt.Errorf("%s of %s is allowed twice, with a Condition and again", a.Action, a.Table)
	}
	if c == nil {
		return nil
	}
	if err := c.check(a.Action); err != nil {
		return err
	}
	if c.silent(a.Action) {
		f.Silent = append(f.Silent, a)
		slices.SortFunc(f.Silent, Access.Compare)
		return nil
	}
	if f.Attributes == nil {
		f.Attributes = map[Access][]string{}
	}
	for _, name := range c.Named.Attributes {
		f.Attributes[a] = append(f.Attributes[a], string(name))
	}
	slices.Sort(f.Attributes[a])
	return nil
}

func newAccess(action string, resource value) (Access, error) {
	name, ok := strings.CutPrefix(action, "dynamodb:")
	if !ok || strings.Contains(name, "*") {
		return Access{}, fmt.Errorf("action %q is not one DynamoDB action", action)
	}
	table, ok := strings.CutSuffix(resource.text, ".Arn")
	if !ok || resource.function != "!GetAtt" {
		return Access{}, fmt.Errorf("resource %s %s is not the !GetAtt …Arn of a table", resource.function, resource.text)
	}
	return Access{Action: name, Table: table}, nil
}
