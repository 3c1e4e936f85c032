package coatcheck_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamplesOfPackages: every public package has an Example. One that is not run says why
// in its comment.
func TestExamplesOfPackages(t *testing.T) {
	for _, p := range packages(t) {
		if !p.public() {
			continue
		}
		examples := 0
		for _, name := range append(p.TestGoFiles, p.XTestGoFiles...) {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, example := range doc.Examples(parsed) {
				examples++
				if example.Output == "" && !example.EmptyOutput && !strings.Contains(strings.Join(strings.Fields(example.Doc), " "), "not run") {
					t.Errorf("%s: %s has no output, and its comment does not say why it is not run", p.ImportPath, "Example"+example.Name)
				}
			}
		}
		if examples == 0 {
			t.Errorf("%s has no Example", p.ImportPath)
		}
	}
}

// TestUnsafe: SECURITY.md has a line for each exported name that says that it weakens
// something.
func TestUnsafe(t *testing.T) {
	said := section(t, "SECURITY.md", "A program of your own")
	for _, file := range files(t, ".txt") {
		if !strings.HasPrefix(file, "api/") {
			continue
		}
		for _, name := range regexp.MustCompile(`\bUnsafe\w*`).FindAllString(read(t, file), -1) {
			if !strings.Contains(said, name) {
				t.Errorf("%s has %s, and SECURITY.md does not say what it weakens", file, name)
			}
		}
	}
}

// TestExportedNamesAreDocumented: every exported name of a public package has a comment,
// also each field of a struct and each method of an interface. The comments of functions,
// types, constants and variables that stand alone begin with the name.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, p := range packages(t) {
		if !p.public() {
			continue
		}
		for _, name := range append(p.GoFiles, p.IgnoredGoFiles...) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file := filepath.Join(p.Dir, name)
			fset := token.NewFileSet()
			parsed, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, declaration := range parsed.Decls {
				for _, wrong := range undocumented(declaration) {
					t.Errorf("%s: %s", fset.Position(declaration.Pos()), wrong)
				}
			}
		}
	}
}

// undocumented says what the comments of a declaration lack.
func undocumented(declaration ast.Decl) (wrong []string) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if exportedReceiver(d) {
			wrong = begins(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				doc := s.Doc
				if len(d.Specs) == 1 {
					doc = d.Doc
				}
				wrong = append(wrong, begins(s.Name, doc)...)
				if s.Name.IsExported() {
					wrong = append(wrong, membersOf(s)...)
				}
			case *ast.ValueSpec:
				wrong = append(wrong, values(d, s)...)
			}
		}
	}
	return wrong
}

// values: in a group, a comment for each or one for all is enough.
func values(d *ast.GenDecl, s *ast.ValueSpec) (wrong []string) {
	for _, name := range s.Names {
		switch {
		case !d.Lparen.IsValid():
			wrong = append(wrong, begins(name, d.Doc)...)
		case name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil:
			wrong = append(wrong, name.Name+" has no comment")
		}
	}
	return wrong
}

// begins wants a comment that begins with the name, after an article if there is one.
func begins(name *ast.Ident, doc *ast.CommentGroup) []string {
	if !name.IsExported() {
		return nil
	}
	words := strings.Fields(doc.Text())
	if len(words) > 1 && (words[0] == "A" || words[0] == "An" || words[0] == "The") {
		words = words[1:]
	}
	if len(words) == 0 {
		return []string{name.Name + " has no comment"}
	}
	if strings.TrimRight(words[0], ",.:") != name.Name {
		return []string{"the comment of " + name.Name + " begins with " + words[0]}
	}
	return nil
}

// membersOf wants a comment for each exported field or method, above or behind it. One
// comment is enough for fields that follow each other without an empty line.
func membersOf(s *ast.TypeSpec) (wrong []string) {
	var list *ast.FieldList
	switch of := s.Type.(type) {
	case *ast.StructType:
		list = of.Fields
	case *ast.InterfaceType:
		list = of.Methods
	default:
		return nil
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			if name.IsExported() && field.Doc == nil && field.Comment == nil {
				wrong = append(wrong, s.Name.Name+"."+name.Name+" has no comment")
			}
		}
	}
	return wrong
}
