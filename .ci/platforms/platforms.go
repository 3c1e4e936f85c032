// Command platforms checks that packages, and with -tests their tests, compile for
// another platform. The type checker reads them, and all that they import, as they
// are built there. It takes three seconds of a processor's time, where go vet, which
// compiles what is imported, takes more than two minutes when nothing is cached.
//
//	go run .ci/platforms/platforms.go -tests linux/arm64 ./...
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pkg is what go list tells of a package.
type pkg struct {
	Dir, ImportPath string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *module // nil in the standard library
	Error           *struct{ Err string }
}

type module struct {
	Main      bool
	GoVersion string
}

func main() {
	tests := flag.Bool("tests", false, "check the tests of the packages too")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: platforms [-tests] GOOS/GOARCH package...")
		os.Exit(2)
	}
	if err := check(flag.Arg(0), *tests, flag.Args()[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "this does not compile for %s:\n%v\n", flag.Arg(0), err)
		os.Exit(1)
	}
}

func check(platform string, tests bool, patterns []string) error {
	goos, goarch, _ := strings.Cut(platform, "/")
	cmd := exec.Command("go", append([]string{"list", "-deps", fmt.Sprintf("-test=%t", tests), "-json=Dir,ImportPath,GoFiles,ImportMap,Module,Error"}, patterns...)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	checked := map[string]*types.Package{"unsafe": types.Unsafe}
	var all []error
	for decoder := json.NewDecoder(out); ; { // dependencies come before what needs them
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			return errors.Join(append(all, cmd.Wait())...)
		} else if err != nil {
			return err
		}
		if p.ImportPath != "unsafe" && !strings.HasSuffix(p.ImportPath, ".test") { // not the mains that go test writes
			all = append(all, p.check(goarch, checked)...)
		}
	}
}

// check reads the package, finds what it imports among the checked ones, and adds it
// to them. Of other modules it leaves out the bodies of functions.
func (p pkg) check(goarch string, checked map[string]*types.Package) (all []error) {
	if p.Error != nil {
		all = append(all, errors.New(p.Error.Err))
	}
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			all = append(all, err)
		}
		parsed = append(parsed, file)
	}
	config := types.Config{
		IgnoreFuncBodies: p.Module == nil || !p.Module.Main,
		Sizes:            types.SizesFor("gc", goarch),
		Importer: importer(func(path string) (*types.Package, error) {
			if actual, ok := p.ImportMap[path]; ok {
				path = actual
			}
			if found := checked[path]; found != nil {
				return found, nil
			}
			return nil, fmt.Errorf("%s is not there", path)
		}),
		Error: func(err error) { all = append(all, err) },
	}
	if p.Module != nil && p.Module.GoVersion != "" {
		config.GoVersion = "go" + p.Module.GoVersion
	}
	path, _, _ := strings.Cut(p.ImportPath, " ") // "p [p.test]" is p with its tests
	checked[p.ImportPath], _ = config.Check(path, files, parsed, nil)
	return all
}

// importer is a function that finds packages by their path.
type importer func(path string) (*types.Package, error)

func (f importer) Import(path string) (*types.Package, error) { return f(path) }
