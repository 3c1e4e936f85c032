package pinned

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/testing/testenv"
)

// smallWheel returns a package like the pinned ones, and its wheel with these files.
func smallWheel(t *testing.T, files ...string) (Wheel, []byte) {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range files {
		header := &zip.FileHeader{Name: name}
		header.SetMode(0o644)
		if strings.Contains(name, "bin/") {
			header.SetMode(0o755)
		}
		file, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive.Bytes())
	builds := map[string]Build{"linux/amd64": {"manylinux_9_x86_64", hex.EncodeToString(sum[:])}}
	return Wheel{Name: "small", Version: "1.0.0", Builds: builds}, archive.Bytes()
}

// fakePython puts a fake python3 on the PATH. Its pip downloads the archive. It has
// only the given modules.
func fakePython(t *testing.T, archive []byte, modules ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	script := `
case "$*" in
"-m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --platform manylinux_9_x86_64 small==1.0.0")
	exec cp ` + file + ` small-1.0.0-py3-none-manylinux_9_x86_64.whl ;;`
	if slices.Contains(modules, "pip") {
		script += "\n\"-c import pip\") exit 0 ;;"
	}
	if slices.Contains(modules, "venv") {
		script += "\n\"-c import ensurepip, venv\") exit 0 ;;\n\"-m venv \"*) mkdir -p \"$3/bin\" && exec cp \"$0\" \"$3/bin/python\" ;;"
	}
	testenv.Program(t, "python3", script+"\nesac\necho no network >&2; exit 1")
}

func TestWheelAtOnce(t *testing.T) {
	for _, module := range []string{"pip", "venv"} {
		t.Run(module, func(t *testing.T) {
			w, archive := smallWheel(t, "small/bin/program", "small/file")
			fakePython(t, archive, module)
			folder := filepath.Join(t.TempDir(), "new")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					home, err := w.fetchFor(t.Context(), "linux/amd64", folder)
					if err != nil {
						t.Error(err)
						return
					}
					for name, mode := range map[string]os.FileMode{"small/bin/program": 0o755, "small/file": 0o644} {
						info, err := os.Stat(filepath.Join(home, name))
						if err != nil || info.Mode() != mode {
							t.Errorf("%s: %v, %v; want the mode %v", name, info, err, mode)
						}
					}
				})
			}
			wg.Wait()
			if got := entries(t, folder); !slices.Equal(got, []string{"1.0.0-manylinux_9_x86_64"}) {
				t.Errorf("left behind: %q", got)
			}

			testenv.Program(t, "python3", "exit 1")
			if _, err := w.fetchFor(t.Context(), "linux/amd64", folder); err != nil {
				t.Errorf("fetched again, although it is there: %v", err)
			}
		})
	}
}

func TestWheelExplains(t *testing.T) {
	w, archive := smallWheel(t, "small/file")
	outside, _ := smallWheel(t)
	_, escaping := smallWheel(t, "../../escaped")
	sum := sha256.Sum256(escaping)
	outside.Builds["linux/amd64"] = Build{"manylinux_9_x86_64", hex.EncodeToString(sum[:])}
	for _, c := range []struct {
		name     string
		wheel    Wheel
		platform string
		set      func(t *testing.T)
		want     []string
	}{
		{"no Python", w, "linux/amd64", func(t *testing.T) { t.Setenv("PATH", t.TempDir()) }, []string{"python3 is not on the PATH"}},
		{"no pip", w, "linux/amd64", func(t *testing.T) { fakePython(t, archive) }, []string{"neither pip nor venv", "apt-get install python3-venv"}},
		{"no network", w, "linux/amd64", func(t *testing.T) {
			testenv.Program(t, "python3", `[ "$2" = "import pip" ] && exit; echo no network >&2; exit 1`)
		}, []string{"pip download", "no network"}},
		{"another archive", w, "linux/amd64", func(t *testing.T) { fakePython(t, append(archive, 0), "pip") }, []string{"small-1.0.0-py3", "SHA-256", w.Builds["linux/amd64"].SHA256}},
		{"a file outside", outside, "linux/amd64", func(t *testing.T) { fakePython(t, escaping, "pip") }, []string{"../../escaped"}},
		{"another platform", w, "plan9/mips", func(*testing.T) {}, []string{"no wheel for plan9/mips"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.set(t)
			folder := t.TempDir()
			_, err := c.wheel.fetchFor(t.Context(), c.platform, folder)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(c.want, "the PyPI package small") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if got := entries(t, folder); len(got) != 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

func TestCache(t *testing.T) {
	got, err := Cache("small")
	if want, _ := filepath.Abs("../../../.cache/small"); err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	t.Chdir(t.TempDir())
	if got, err := Cache("small"); err == nil || !strings.Contains(err.Error(), "template.yaml") {
		t.Errorf("outside of the repository: %s, %v", got, err)
	}
}
