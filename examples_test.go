package coatcheck_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// examples returns the folders of the example modules.
func examples(t *testing.T) (folders []string) {
	t.Helper()
	all, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range all {
		if strings.HasPrefix(folder, "examples/") {
			folders = append(folders, folder)
		}
	}
	if len(folders) < 3 {
		t.Fatalf("only the examples %q", folders)
	}
	return folders
}

// TestExamples: each example is somebody else's module, which imports public packages
// only, and compiles with its tests. These run go build there and try the programs.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, folder := range examples(t) {
		t.Run(folder, func(t *testing.T) {
			var mod struct {
				Module  struct{ Path string }
				Replace []struct{ Old, New struct{ Path string } }
			}
			if err := json.Unmarshal(goIn(t, folder, "mod", "edit", "-json"), &mod); err != nil {
				t.Fatal(err)
			}
			if path := mod.Module.Path + "/"; strings.HasPrefix(path, module+"/") || !strings.HasPrefix(path, "example.org/") {
				t.Errorf("its path is %s; it must be one of example.org, outside %s", mod.Module.Path, module)
			}
			if len(mod.Replace) != 1 || mod.Replace[0].Old.Path != module {
				t.Errorf("it replaces %v; want %s alone", mod.Replace, module)
			}
			packages, err := decodePackages(goIn(t, folder, "list", "-json", "./..."))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range packages {
				for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
					if strings.HasPrefix(imported, module+"/") && !strings.HasPrefix(imported, module+"/pkg/") {
						t.Errorf("%s imports %s, which is not public", p.ImportPath, imported)
					}
				}
			}
			goIn(t, folder, "vet", "./...")
			goIn(t, folder, "mod", "tidy", "-diff")
		})
	}
}

// TestExamplesCannotImportInternal: the compiler refuses what is internal, because of the
// examples' paths.
func TestExamplesCannotImportInternal(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs("examples/lambda")
	if err != nil {
		t.Fatal(err)
	}
	intruder, overlay := filepath.Join(t.TempDir(), "intruder.go"), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(folder, "intruder.go"): intruder}})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		intruder: "package main\n\nimport _ \"" + module + "/internal/stores/epoch\"\n", overlay: string(replace),
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	vet := exec.CommandContext(t.Context(), "go", "vet", "-overlay", overlay, ".")
	vet.Dir = folder
	if out, err := vet.CombinedOutput(); err == nil || !strings.Contains(string(out), "use of internal package") {
		t.Errorf("go vet says %v\n%s", err, out)
	}
}

// TestSessionsAlone: a function that takes only sessions does not compile what the product
// has for users and pages.
func TestSessionsAlone(t *testing.T) {
	t.Parallel()
	for imported := range strings.FieldsSeq(string(goIn(t, "examples/lambda", "list", "-deps", "-tags", "lambda.norpc", "."))) {
		for _, unwanted := range []string{module + "/pkg/signin", module + "/pkg/accounts", "golang.org/x/crypto/argon2", "html/template"} {
			if strings.HasPrefix(imported, unwanted) {
				t.Errorf("examples/lambda compiles %s", imported)
			}
		}
	}
}

// goIn runs the go command in the folder and returns its output.
func goIn(t *testing.T, folder string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = folder
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s in %s: %v\n%s%s", strings.Join(args, " "), folder, err, out, &errors)
	}
	return out
}
