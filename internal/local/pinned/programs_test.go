package pinned

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/testenv"
)

// project writes a folder with the files that name packages.
func project(t *testing.T, version string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"requirements.txt", "package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("small "+version), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// packageManagers puts a fake npm and a fake python3 on the PATH. What they install says
// what they were asked for.
func packageManagers(t *testing.T, version string) {
	testenv.Program(t, "npm", `[ "$1 $3" = "ci --ignore-scripts" ] && mkdir node_modules && cat package-lock.json >node_modules/small`)
	testenv.Program(t, "python3", `
case "$*" in
-VV) echo Python `+version+` ;;
"-c import pip") ;;
"-m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --target "*)
	shift 8
	cat "$4" >"$2/small" ;;
*) exit 1 ;;
esac`)
}

var installers = map[string]func(t *testing.T, project, folder string) (string, error){
	"pip": func(t *testing.T, project, folder string) (string, error) {
		return PythonPackages(t.Context(), filepath.Join(project, "requirements.txt"), folder)
	},
	"npm": func(t *testing.T, project, folder string) (string, error) {
		return NodePackages(t.Context(), project, folder)
	},
}

// TestPackages: what a project names is fetched once, and again only if it names something
// else.
func TestPackages(t *testing.T) {
	for name, install := range installers {
		t.Run(name, func(t *testing.T) {
			packageManagers(t, "3.1")
			folder := filepath.Join(t.TempDir(), "new")
			first, err := install(t, project(t, "1.0"), folder)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(first, "small")); err != nil || string(got) != "small 1.0" {
				t.Errorf("installed %q, %v", got, err)
			}
			second, err := install(t, project(t, "2.0"), folder)
			if err != nil || second == first {
				t.Errorf("another version is in %s, %v; the first in %s", second, err, first)
			}
			testenv.Program(t, "npm", "exit 1")
			testenv.Program(t, "python3", `[ "$1" = -VV ] && echo Python 3.1`)
			if again, err := install(t, project(t, "1.0"), folder); err != nil || again != first {
				t.Errorf("fetched again, although it is there: %s, %v", again, err)
			}
			if got := entries(t, folder); len(got) != 2 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

// TestPackagesFitPython: another Python gets packages of its own.
func TestPackagesFitPython(t *testing.T) {
	folder := t.TempDir()
	var found [2]string
	for i, version := range []string{"3.1", "3.2"} {
		packageManagers(t, version)
		var err error
		if found[i], err = installers["pip"](t, project(t, "1.0"), folder); err != nil {
			t.Fatal(err)
		}
	}
	if found[0] == found[1] {
		t.Errorf("both have %s", found[0])
	}
}

func TestPackagesExplain(t *testing.T) {
	for name, install := range installers {
		for what, program := range map[string]string{"no network": "echo no network >&2; [ $1 = -VV ] || [ \"$2\" = 'import pip' ]", "no program": ""} {
			t.Run(name+", "+what, func(t *testing.T) {
				if program == "" {
					t.Setenv("PATH", t.TempDir())
				} else {
					testenv.Program(t, "npm", "echo no network >&2; exit 1")
					testenv.Program(t, "python3", program)
				}
				folder := t.TempDir()
				_, err := install(t, project(t, "1.0"), folder)
				if err == nil || program != "" && !strings.Contains(err.Error(), "no network") {
					t.Errorf("the error is %v", err)
				}
				if got := entries(t, folder); len(got) != 0 {
					t.Errorf("left behind: %q", got)
				}
			})
		}
	}
	if _, err := NodePackages(t.Context(), t.TempDir(), t.TempDir()); err == nil {
		t.Error("a project without package.json has packages")
	}
}
