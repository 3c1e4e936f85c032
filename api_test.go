package coatcheck_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAPI: what each public package exports stands in a file below api, so that whoever
// reviews a change sees what changes for other programs. With COATCHECK_API=write, which
// make api sets, it writes the files instead.
func TestAPI(t *testing.T) {
	api := exportedAPI(t)
	if os.Getenv("COATCHECK_API") == "write" {
		writeAPI(t, api)
		return
	}
	for file, want := range api {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("a public package has no file: %v; run make api", err)
			continue
		}
		if got := string(text); got != want {
			t.Errorf("%s is not what the package exports. Look at what changes for other programs, then run make api.\nIt has, alone:%s\nThe package has, alone:%s",
				file, alone(got, want), alone(want, got))
		}
	}
	files, err := filepath.Glob("api/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := api[filepath.ToSlash(file)]; !ok {
			t.Errorf("%s has no public package any more; if that is meant, run make api", file)
		}
	}
}

func writeAPI(t *testing.T, api map[string]string) {
	if err := errors.Join(os.RemoveAll("api"), os.Mkdir("api", 0o755)); err != nil {
		t.Fatal(err)
	}
	for file, text := range api {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// alone returns the lines of text that other has not.
func alone(text, other string) (lines string) {
	for line := range strings.Lines(text) {
		if !strings.Contains("\n"+other, "\n"+line) {
			lines += "\n\t" + strings.TrimSpace(line)
		}
	}
	return lines
}

// exportedAPI returns what each public package exports, by the name of its file.
func exportedAPI(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./pkg/...")
	var failed strings.Builder
	list.Stderr = &failed
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &failed)
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		compiled[path] = file
	}
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) })
	var public []*types.Package
	named := map[string]bool{} // types of packages in internal that have a public name too
	for path := range compiled {
		own, ok := strings.CutPrefix(path, module+"/")
		if !ok || !(pkg{ImportPath: own}).public() {
			continue
		}
		p, err := imports.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		public = append(public, p)
		for _, name := range p.Scope().Names() {
			if object, ok := p.Scope().Lookup(name).(*types.TypeName); ok && object.Exported() && object.IsAlias() {
				named[types.TypeString(types.Unalias(object.Type()), below)] = true
			}
		}
	}
	api := map[string]string{}
	for _, p := range public {
		lines := surface{p, named, t}.lines()
		slices.Sort(lines)
		api["api/"+strings.ReplaceAll(below(p), "/", "_")+".txt"] = strings.Join(lines, "\n") + "\n"
	}
	return api
}

// below returns the path of a package, without that of this module in front.
func below(p *types.Package) string { return strings.TrimPrefix(p.Path(), module+"/") }

// surface writes what a package exports, a line for each constant, variable, function,
// type, field and method.
type surface struct {
	*types.Package
	named map[string]bool
	t     *testing.T
}

func (s surface) lines() (all []string) {
	for _, name := range s.Scope().Names() {
		object := s.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch o := object.(type) {
		case *types.TypeName:
			all = append(all, s.typeLines(o)...)
		case *types.Const:
			line := "const " + name
			if o.Type() == types.Default(o.Type()) { // it is not untyped
				line += " " + s.text(o.Type())
			}
			all = append(all, line+" = "+o.Val().ExactString())
		case *types.Func:
			all = append(all, "func "+name+s.signature(o))
		default:
			all = append(all, "var "+name+" "+s.text(o.Type()))
		}
	}
	return all
}

// typeLines has the methods and fields of embedded types too, because others can use them
// even where they cannot name the embedded type.
func (s surface) typeLines(name *types.TypeName) (all []string) {
	of, receiver := name.Type(), name.Name()
	line := "type " + receiver + " "
	if name.IsAlias() {
		return []string{line + "= " + s.text(types.Unalias(of))}
	}
	methods := types.NewMethodSet(types.NewPointer(of))
	switch under := of.Underlying().(type) {
	case *types.Struct:
		line += "struct"
		if types.Comparable(of) { // others can use == on it, and it as a key
			line += " // comparable"
		}
		all = s.fields(receiver, under)
	case *types.Interface:
		line, methods = line+"interface", types.NewMethodSet(of)
	default:
		line += s.text(under)
	}
	kind := "func"
	if types.IsInterface(of) {
		kind = "method" // one more breaks those who implement the interface
	}
	byValue := types.NewMethodSet(of)
	for method := range methods.Methods() {
		object, pointer := method.Obj().(*types.Func), ""
		if byValue.Lookup(s.Package, object.Name()) == nil {
			pointer = "*"
		}
		if object.Exported() {
			all = append(all, fmt.Sprintf("%s (%s%s) %s%s", kind, pointer, receiver, object.Name(), s.signature(object)))
		} else if types.IsInterface(of) {
			line += " // with methods that others cannot implement"
		}
	}
	return append(all, line)
}
func (s surface) fields(of string, list *types.Struct) (all []string) {
	for i := range list.NumFields() {
		field, tag := list.Field(i), list.Tag(i)
		if embedded, ok := pointed(field.Type()).Underlying().(*types.Struct); ok && field.Embedded() && !field.Exported() {
			all = append(all, s.fields(of, embedded)...)
		}
		if !field.Exported() {
			continue
		}
		line := "field " + of + "." + field.Name() + " " + s.text(field.Type())
		if tag != "" {
			line += " " + strconv.Quote(tag)
		}
		all = append(all, line)
	}
	return all
}

// pointed returns what a pointer points to, and any other type as it is.
func pointed(of types.Type) types.Type {
	if pointer, ok := of.Underlying().(*types.Pointer); ok {
		return pointer.Elem()
	}
	return of
}

// TestAPIFields: the fields of an embedded struct are listed, also of one behind a pointer.
func TestAPIFields(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", "package p; type base struct{ Name string }; type T struct{ *base }; type U struct{ base }", 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(types.Config).Check("p", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := surface{p, nil, t}.lines()
	for _, want := range []string{"field T.Name string", "field U.Name string"} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q has no %q", lines, want)
		}
	}
}

// TestAPIEverywhere: a public package has the same files on every machine and with every
// build tag, so that the files below api are true everywhere.
func TestAPIEverywhere(t *testing.T) {
	for _, p := range packages(t) {
		if !p.public() {
			continue
		}
		for _, file := range p.IgnoredGoFiles {
			if !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s has %s only on other machines or with a build tag", p.ImportPath, file)
			}
		}
	}
}

func (s surface) signature(of *types.Func) string {
	return strings.TrimPrefix(s.text(of.Signature()), "func")
}

// text complains about a type that the package does not export: others could get one, but
// not name it, and nobody documents its methods.
func (s surface) text(of types.Type) string {
	s.t.Helper()
	parsed, err := parser.ParseExpr(typeString(of, func(other *types.Package) string {
		if other == s.Package {
			return ""
		}
		return other.Name()
	}))
	if err != nil {
		s.t.Fatalf("%s: %s: %v", s.Path(), typeString(of, s.qualify), err)
	}
	var look func(ast.Node) bool
	look = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field: // names of fields and parameters are no types
			ast.Inspect(n.Type, look)
			return false
		case *ast.SelectorExpr: // of another package
			return false
		case *ast.Ident:
			if !n.IsExported() && types.Universe.Lookup(n.Name) == nil {
				s.t.Errorf("%s shows its type %s, which is not exported", s.Path(), n.Name)
			}
		}
		return true
	}
	ast.Inspect(parsed, look)
	text := typeString(of, s.qualify)
	for _, hidden := range internalTypes.FindAllString(text, -1) {
		if !s.named[hidden] {
			s.t.Errorf("%s shows the type %s, which others cannot name", s.Path(), hidden)
		}
	}
	return text
}

// typeString leaves out the names that the compiler gives to results without names.
func typeString(of types.Type, qualify types.Qualifier) string {
	return unnamed.ReplaceAllString(onlyResult.ReplaceAllString(types.TypeString(of, qualify), "$1"), "")
}

var (
	unnamed       = regexp.MustCompile(`#rv\d+ `)
	internalTypes = regexp.MustCompile(`internal/[\w/]+\.\w+`)
	onlyResult    = regexp.MustCompile(`\(#rv1 ((?:[^()#]|\([^()]*\))*)\)`)
)

// qualify writes names of other packages of this module by their whole path below it.
func (s surface) qualify(other *types.Package) string {
	if other == s.Package {
		return ""
	}
	return below(other)
}
