package coatcheck_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/events"
)

// TestEventsDocument: docs/events.md has the table of all kinds, as pkg/events has them.
func TestEventsDocument(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "docs/events.md"), "| event | level |")
	table, _, _ = strings.Cut("| event | level |"+table, "\n\n")
	if want := eventsTable(); strings.TrimSpace(table) != want {
		t.Errorf("docs/events.md has another table than pkg/events; it has to be:\n%s", want)
	}
}

func eventsTable() string {
	lines := []string{"| event | level | means | attributes | kept |", "|---|---|---|---|---|"}
	for _, k := range events.Kinds() {
		var attributes []string
		for _, field := range k.Fields {
			if text := "`" + field + "`"; field != "reason" {
				attributes = append(attributes, text)
			} else {
				attributes = append(attributes, text+" ("+strings.Join(k.Reasons, ", ")+")")
			}
		}
		kept := ""
		if k.Kept {
			kept = "yes"
		}
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s | %s |", k.Name, k.Level, k.When, strings.Join(attributes, ", "), kept))
	}
	return strings.Join(lines, "\n")
}

// logging are the functions that log an event, by the end of their name, and which argument
// is the event's name. What comes behind it are attributes.
var logging = map[string]int{
	"events.Log": 2, "logRequest": 1, "c.event": 1, "o.tell": 1, "b.tell": 1, "i.tell": 1, "opened.tell": 1, // all but the first call it
	"m.log": 2, "m.warn": 1, // pkg/session, which imports nothing of ours
	".Log": 2, ".LogAttrs": 2, ".DebugContext": 1, ".InfoContext": 1, ".WarnContext": 1, ".ErrorContext": 1, // of slog
	"slog.Debug": 0, "slog.Info": 0, "slog.Warn": 0, "slog.Error": 0,
}

// wrappers are the functions of ours among these: they log what they are called with.
var wrappers = []string{"Log", "logRequest", "event", "tell", "log", "warn"}

// called is a call that logs: where, what, and the attributes of which the name is a literal.
type called struct {
	at, by, name string
	level        string // "" if the function takes it from the kind
	attributes   map[string]string
}

// TestEventsInCode: what the product logs is in the catalogue, by name, level, attributes and
// reasons, and each kind of the catalogue is logged somewhere.
func TestEventsInCode(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range loggedInCode(t) {
		if c.name == "store_times" { // a line of metrics, which is no event
			continue
		}
		kind, ok := events.Find(c.name)
		if !ok {
			t.Errorf("%s logs %q, which pkg/events does not know", c.at, c.name)
			continue
		}
		seen[c.name] = true
		if c.level != "" && c.level != kind.Level.String() {
			t.Errorf("%s logs %s at %s, and its level is %s", c.at, c.name, c.level, kind.Level)
		}
		for name, value := range c.attributes {
			if !slices.Contains(kind.Fields, name) {
				t.Errorf("%s logs %s with %q; it has %q", c.at, c.name, name, kind.Fields)
			}
			if c.by == "events.Log" && (name == "ip" || name == "user_agent") {
				t.Errorf("%s logs %s with %s, which the context has", c.at, c.name, name)
			}
			if name == "reason" && value != "" && !slices.Contains(kind.Reasons, value) {
				t.Errorf("%s logs %s with the reason %q; it has %q", c.at, c.name, value, kind.Reasons)
			}
		}
	}
	for _, k := range events.Kinds() {
		if !seen[k.Name] {
			t.Errorf("nobody logs %s", k.Name)
		}
	}
}

// loggedInCode returns what the packages of the product log, without their tests.
func loggedInCode(t *testing.T) (all []called) {
	for _, p := range packages(t) {
		if !p.public() && !strings.HasPrefix(p.ImportPath, "functions") && p.ImportPath != "cmd/server" && p.ImportPath != "cmd/coatcheck" {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			if strings.HasSuffix(name, "_test.go") || !strings.HasSuffix(name, ".go") {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				ast.Inspect(f, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok {
						if c, ok := logs(call); ok && (c.name != "" || !slices.Contains(wrappers, f.Name.Name)) {
							c.at = set.Position(call.Pos()).String()
							all = append(all, c)
						}
					}
					return true
				})
			}
		}
	}
	return all
}

// logs reports whether the call logs an event, and what.
func logs(call *ast.CallExpr) (c called, ok bool) {
	c.by = nameOf(call.Fun)
	at, ok := logging[c.by]
	if _, method, found := strings.Cut(c.by, "."); !ok && found {
		at, ok = logging["."+method]
	}
	if !ok || len(call.Args) <= at {
		return c, false
	}
	c.name, _ = literal(call.Args[at])
	c.level = levelOf(call, at)
	args := call.Args[at+1:]
	switch {
	case c.by == "m.log" || c.by == "m.warn" || c.by == "c.event":
		args = args[1:] // whom the event is about
	case strings.HasSuffix(c.by, ".tell"):
		args = nil // the function names the attributes
	}
	c.attributes = map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		name, ok := literal(args[i])
		if !ok {
			break
		}
		c.attributes[name], _ = literal(args[i+1])
	}
	return c, true
}

// nameOf returns the last two parts of the name of a function, such as events.Log.
func nameOf(fun ast.Expr) string {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		switch of := f.X.(type) {
		case *ast.Ident:
			return of.Name + "." + f.Sel.Name
		case *ast.SelectorExpr:
			return of.Sel.Name + "." + f.Sel.Name
		}
		return "." + f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	text, ok := e.(*ast.BasicLit)
	if !ok || text.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(text.Value)
	return s, err == nil
}

// levelOf returns the level that the call names, or that the function has in its name.
func levelOf(call *ast.CallExpr, at int) string {
	name := nameOf(call.Fun)
	for _, level := range []string{"Debug", "Info", "Warn", "Error"} {
		if strings.Contains(name, "."+level) {
			return strings.ToUpper(level)
		}
	}
	if name == "m.warn" {
		return "WARN"
	}
	if s, ok := call.Args[max(at-1, 0)].(*ast.SelectorExpr); ok {
		if level, found := strings.CutPrefix(s.Sel.Name, "Level"); found {
			return strings.ToUpper(level)
		}
	}
	return ""
}
