package main

import (
	"bytes"
	"encoding/json"
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
	"strings"
)

// listed is what the go command says of a package.
type listed struct {
	Dir, ImportPath, Export            string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Standard                           bool
}

// checker compiles mutations without building them: it type-checks the package of each
// changed file against what the go command has built of the others.
type checker struct {
	root     string
	packages map[string]listed // by their folder below root, with slashes
	exports  map[string]string // the files with what packages export, by import path
}

// check reports every mutation that does not apply or does not compile, or names a test
// that is not there.
func check(root string, all []mutation) error {
	c := checker{root: root, packages: map[string]listed{}, exports: map[string]string{}}
	if err := c.list(all); err != nil {
		return err
	}
	var errs []error
	for _, m := range all {
		if err := errors.Join(c.compile(m), c.hasTest(m)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.path, err))
		}
	}
	return errors.Join(errs...)
}

// list asks the go command for the packages that the mutations are in, those of their tests,
// and all that these import.
func (c *checker) list(all []mutation) error {
	args := []string{"list", "-export", "-deps", "-json=Dir,ImportPath,Export,GoFiles,TestGoFiles,XTestGoFiles,Standard", "--"}
	for _, m := range all {
		args = append(args, m.pkg)
		for _, d := range m.files {
			if d.isGo() {
				args = append(args, "./"+filepath.ToSlash(filepath.Dir(d.file)))
			}
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = c.root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		c.exports[p.ImportPath] = p.Export
		if folder, err := filepath.Rel(c.root, p.Dir); err == nil && !p.Standard {
			c.packages[filepath.ToSlash(folder)] = p
		}
	}
}

// compile type-checks every package that m changes. All that it finds is in the error.
func (c *checker) compile(m mutation) error {
	files, err := m.mutated(c.root)
	if err != nil {
		return err
	}
	folders := map[string]bool{}
	for file := range files {
		if strings.HasSuffix(file, ".go") {
			folders[filepath.ToSlash(filepath.Dir(file))] = true
		}
	}
	var errs []error
	for folder := range folders {
		errs = append(errs, c.compilePackage(folder, files))
	}
	return errors.Join(errs...)
}

func (c *checker) compilePackage(folder string, changed map[string]string) error {
	p, ok := c.packages[folder]
	if !ok {
		return fmt.Errorf("%s is no package of this module", folder)
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range p.GoFiles {
		var source any
		if text, ok := changed[folder+"/"+name]; ok {
			source = text
		}
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, file)
	}
	var errs []error
	config := types.Config{
		Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(c.exports[path]) }),
		Error:    func(err error) { errs = append(errs, err) },
	}
	_, err := config.Check(p.ImportPath, set, parsed, nil)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return err
}

// hasTest reports an error if the package of m's test does not have it.
func (c *checker) hasTest(m mutation) error {
	p, ok := c.packages[strings.TrimPrefix(m.pkg, "./")]
	if !ok {
		return fmt.Errorf("%s is no package of this module", m.pkg)
	}
	want := "\nfunc " + m.topTest() + "(t *testing.T)"
	for _, names := range [][]string{p.TestGoFiles, p.XTestGoFiles} {
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return err
			}
			if strings.Contains(string(text), want) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s has no test %s", m.pkg, m.topTest())
}
