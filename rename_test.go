package coatcheck_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/testenv"
)

// TestRename runs make rename in a copy of the tree. After it, no file may contain the
// old module path, and every module must still compile.
func TestRename(t *testing.T) {
	t.Parallel()
	folder := copyOfTree(t)
	for _, wrong := range []string{"", "coats", "git.example/two words", "https://git.example/coats", "git.example/coats@v1", "git.example/coats/v2", "git.example/it's", module} {
		if out, err := rename(t, folder, wrong); err == nil || bytes.Contains(out, []byte("panic")) {
			t.Errorf("make rename MODULE=%q: %v\n%s", wrong, err, out)
		}
	}
	if _, changed := mentions(t, folder, "module "+module+"\n"); changed != 1 {
		t.Fatal("a refused path has changed go.mod")
	}
	work := filepath.Join(folder, "go.work")
	if err := os.WriteFile(work, []byte("go 1.26.0\nuse (\n\t.\n\t./e2e\n)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := rename(t, folder, "git.example/team/coats"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, n := mentions(t, folder, module); n > 0 {
		t.Errorf("the old path is still in %v", left)
	}
	if err := os.Remove(work); err != nil {
		t.Fatal(err)
	}
	for _, file := range files(t, "go.mod") {
		cmd := exec.CommandContext(t.Context(), "go", "vet", "./...") // it also type-checks the packages that no other package imports
		cmd.Dir = filepath.Join(folder, filepath.Dir(file))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("in %s: %v\n%s", filepath.Dir(file), err, out)
		}
	}
}

func rename(t *testing.T, folder, path string) ([]byte, error) {
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "rename", "MODULE="+path)
	cmd.Dir = folder
	return cmd.CombinedOutput()
}

// copyOfTree copies the files that are under version control, and new files that are
// not ignored.
func copyOfTree(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	folder := sameFolder(t, "renamed")
	for file := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		info, err := os.Stat(file)
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(read(t, file)), info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// sameFolder returns an empty folder in .cache, whose path is the same in each run of the
// tests, so that the go command compiles there only what has changed since the last run.
func sameFolder(t *testing.T, name string) string {
	t.Helper()
	place, release, err := testenv.Kept(filepath.Join(".cache", "tested", name))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(place, "folder")
	t.Cleanup(func() {
		if err := errors.Join(os.RemoveAll(folder), release()); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	return folder
}

// mentions returns the files below the folder that contain the text, and their number.
func mentions(t *testing.T, folder, text string) (found []string, n int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, len(found)
}
