package coatcheck_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// files returns the files whose names end so, with slashes, but for those in folders
// that git or the tools made.
func files(t *testing.T, suffix string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, suffix) {
			found = append(found, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// section returns what stands under the heading.
func section(t *testing.T, file, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, file), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", file, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// everyPackage returns the folders of the packages of all modules in the tree but
// the root's, which has tests alone.
func everyPackage(t *testing.T) map[string]bool {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, module := range files(t, "go.mod") {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-find", "-f", "{{.Dir}}", "./...")
		cmd.Dir = filepath.Dir(module)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v", cmd.Dir, err)
		}
		for folder := range strings.FieldsSeq(string(out)) {
			folder, err = filepath.Rel(root, folder)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(folder)] = true
		}
	}
	delete(all, ".")
	return all
}

// TestSentences: ARCHITECTURE.md has one sentence for each package, and for nothing
// that is not there.
func TestSentences(t *testing.T) {
	told := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$").FindAllStringSubmatch(section(t, "ARCHITECTURE.md", "The packages"), -1) {
		told[match[1]] = true
		if strings.Count(match[2]+" ", ". ") != 1 || !strings.HasSuffix(match[2], ".") {
			t.Errorf("ARCHITECTURE.md: %s: this is not one sentence: %s", match[1], match[2])
		}
	}
	all := everyPackage(t)
	for path := range all {
		if !told[path] {
			t.Errorf("ARCHITECTURE.md has no sentence for %s", path)
		}
	}
	for path := range told {
		if !all[path] {
			t.Errorf("ARCHITECTURE.md has a sentence for %s, which is not there", path)
		}
	}
}

func TestGlossary(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| [^-|]+ \|`).FindAllString(section(t, "ARCHITECTURE.md", "Ten words"), -1)
	if len(rows) != 1+10 {
		t.Errorf("ARCHITECTURE.md's table of ten words has %d rows below its head", len(rows)-1)
	}
}
