package coatcheck_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/openapi"
)

func contract(t *testing.T) *openapi.Document {
	t.Helper()
	d, err := openapi.Read("docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// found returns what the first group of the pattern matches in the files, sorted, each once.
func found(t *testing.T, pattern string, globs ...string) (all []string) {
	t.Helper()
	for _, glob := range globs {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", glob, err, len(files))
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1) {
				all = append(all, match[1])
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestContractHasEveryPathOfTheTemplate compares the API of template.yaml with docs/openapi.yaml,
// both ways. The API leads every method of a path to our code, which knows the methods.
func TestContractHasEveryPathOfTheTemplate(t *testing.T) {
	var documented []string
	for _, op := range contract(t).Operations() {
		if !slices.Contains(op.Tags, "operators") {
			documented = append(documented, op.Path)
		}
	}
	if template := found(t, `RouteKey: '?[A-Z]+ (/[^ ,']*)`, "template.yaml"); !slices.Equal(template, slices.Compact(documented)) {
		t.Errorf("template.yaml has the paths\n%s\nand docs/openapi.yaml\n%s", strings.Join(template, "\n"), strings.Join(documented, "\n"))
	}
}

// TestContractHasEveryRouteOfPrograms: what the programs serve beside the routes of pkg/signin,
// which have a test of their own, is in docs/openapi.yaml, and the other way round.
func TestContractHasEveryRouteOfPrograms(t *testing.T) {
	var documented []string
	for _, op := range contract(t).Operations("lambda", "operators") {
		documented = append(documented, op.Method+" "+op.Path)
	}
	slices.Sort(documented)
	served := found(t, `(?:\.Handle(?:Func)?\(|Routes\{|\n\t+)"((?:[A-Z]+ )?/[^\s"]*)"`, "functions/*/*.go", "cmd/server/*.go")
	if !slices.Equal(served, documented) {
		t.Errorf("the programs serve %q, and docs/openapi.yaml has %q", served, documented)
	}
}

// TestContractHidesNothing: every object in an answer names all its fields, every part of
// docs/openapi.yaml is used, and docs/routes.md tells of every route.
func TestContractHidesNothing(t *testing.T) {
	d := contract(t)
	if open := d.Open(); len(open) > 0 {
		t.Errorf("these objects may have fields that docs/openapi.yaml does not name: %q; write additionalProperties: false", open)
	}
	text := read(t, "docs/openapi.yaml")
	parts := regexp.MustCompile(`(?m)^  (\w+):\n((?:    .*\n|\n)+)`).FindAllStringSubmatch(text[strings.Index(text, "\ncomponents:"):], -1)
	for _, part := range parts {
		for _, name := range regexp.MustCompile(`(?m)^    ([\w-]+):$`).FindAllStringSubmatch(part[2], -1) {
			if ref := "'#/components/" + part[1] + "/" + name[1] + "'"; part[1] != "securitySchemes" && !strings.Contains(text, ref) {
				t.Errorf("nothing in docs/openapi.yaml uses %s", ref)
			}
		}
	}
	if len(parts) != 5 {
		t.Errorf("docs/openapi.yaml has %d kinds of components; this test knows 5", len(parts))
	}
	routes := read(t, "docs/routes.md")
	for _, op := range d.Operations() {
		if !slices.Contains(op.Tags, "operators") && !regexp.MustCompile("`"+regexp.QuoteMeta(op.Method+" "+op.Path)+"[`?]").MatchString(routes) {
			t.Errorf("docs/routes.md does not tell of %s %s", op.Method, op.Path)
		}
	}
}
