package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mutation is one way to break a guarantee: a patch, and the test that has to fail with it.
type mutation struct {
	name     string // the area and the name, such as throttle/lock-is-late
	path     string // of the patch, below the root of the repository
	sentence string // what is wrong in the broken program, for people
	pkg      string // the package of the test, such as ./pkg/session
	test     string // the test, such as TestLifetime or TestStore/delete
	files    []diff
}

// diff is what a patch changes in one file.
type diff struct {
	file  string // below the root of the repository, with slashes
	hunks []hunk
}

// hunk is one place of a file that a patch changes.
type hunk struct {
	line     int // where the old lines began when the patch was made, from 0
	old, new []string
}

// area returns the folder of the patch, below mutations.
func (m mutation) area() string {
	area, _, _ := strings.Cut(m.name, "/")
	return area
}

// topTest returns the test without the names of its parts.
func (m mutation) topTest() string {
	top, _, _ := strings.Cut(m.test, "/")
	return top
}

// isGo reports whether the patch changes Go files, which an overlay can replace for the go
// command. A patch changes only such files, or none.
func (m mutation) isGo() bool { return m.files[0].isGo() }

func (d diff) isGo() bool { return strings.HasSuffix(d.file, ".go") }

// load reads the patches of the repository at root, in the order of their names.
func load(root string) (all []mutation, err error) {
	paths, err := filepath.Glob(filepath.Join(root, "mutations", "*", "*.patch"))
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, path := range paths {
		m, err := read(root, path)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.path, err))
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no patch in %s", filepath.Join(root, "mutations"))
	}
	slices.SortFunc(all, func(a, b mutation) int { return cmp.Compare(a.name, b.name) })
	return all, errors.Join(errs...)
}

func read(root, path string) (m mutation, err error) {
	folder := filepath.Base(filepath.Dir(path))
	m.name = folder + "/" + strings.TrimSuffix(filepath.Base(path), ".patch")
	m.path = "mutations/" + m.name + ".patch"
	text, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) < 2 {
		return m, errors.New("want a sentence, a test and a diff")
	}
	m.sentence = lines[0]
	if m.pkg, m.test, err = parseTest(lines[1]); err != nil {
		return m, err
	}
	if m.files, err = parseDiff(lines[2:]); err != nil {
		return m, err
	}
	if slices.ContainsFunc(m.files, func(d diff) bool { return d.isGo() != m.isGo() }) {
		return m, errors.New("the diff changes Go files and others; want either")
	}
	return m, nil
}

var testLine = regexp.MustCompile(`^test: (\./\S+) (Test\w*(?:/\S+)?)$`)

func parseTest(line string) (pkg, test string, err error) {
	parts := testLine.FindStringSubmatch(line)
	if parts == nil {
		return "", "", fmt.Errorf("the second line is %q; want one such as: test: ./pkg/session TestLifetime", line)
	}
	return parts[1], parts[2], nil
}

var hunkLine = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@`)

// parseDiff reads a unified diff, whose paths begin with a/ and b/.
func parseDiff(lines []string) (files []diff, err error) {
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "--- a/"):
			if file := line[len("--- a/"):]; slices.ContainsFunc(files, func(d diff) bool { return d.file == file }) {
				return nil, fmt.Errorf("%s is changed twice; want one diff with two hunks", file)
			}
			files = append(files, diff{file: strings.TrimPrefix(line, "--- a/")})
			continue
		case strings.HasPrefix(line, "+++ b/") && len(files) > 0 && line[len("+++ b/"):] == files[len(files)-1].file:
			continue
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("the diff begins with %q; want a line such as: --- a/pkg/session/token.go", line)
		}
		if err := files[len(files)-1].add(line); err != nil {
			return nil, err
		}
	}
	for _, d := range files {
		if len(d.hunks) == 0 {
			return nil, fmt.Errorf("nothing is changed in %s", d.file)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there is no diff")
	}
	return files, nil
}

// add takes one line of a diff that is below the names of its file.
func (d *diff) add(line string) error {
	if begin := hunkLine.FindStringSubmatch(line); begin != nil {
		number, err := strconv.Atoi(begin[1])
		if err != nil {
			return err
		}
		d.hunks = append(d.hunks, hunk{line: max(number-1, 0)})
		return nil
	}
	if len(d.hunks) == 0 {
		return fmt.Errorf("%q is in no hunk", line)
	}
	h := &d.hunks[len(d.hunks)-1]
	sign, rest := " ", ""
	if line != "" {
		sign, rest = line[:1], line[1:]
	}
	switch sign {
	case " ":
		h.old, h.new = append(h.old, rest), append(h.new, rest)
	case "-":
		h.old = append(h.old, rest)
	case "+":
		h.new = append(h.new, rest)
	default:
		return fmt.Errorf("%q begins with neither a blank, a minus nor a plus", line)
	}
	return nil
}

// apply returns the text with the changes. A hunk belongs where its old lines are; if they
// are at several places, at the nearest to its line. So it applies also after other changes
// of the file.
func (d diff) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	moved := 0
	for i, h := range d.hunks {
		if slices.Equal(h.old, h.new) {
			return "", fmt.Errorf("hunk %d changes nothing", i+1)
		}
		at, err := h.find(lines, h.line+moved)
		if err != nil {
			return "", fmt.Errorf("hunk %d of %s does not apply: %w", i+1, d.file, err)
		}
		lines = slices.Concat(lines[:at], h.new, lines[at+len(h.old):])
		moved = at - h.line + len(h.new) - len(h.old)
	}
	return strings.Join(lines, "\n"), nil
}

// find returns the first line of the place of the old lines that is nearest to a line.
func (h hunk) find(lines []string, near int) (at int, err error) {
	at = -1
	for i := 0; i+len(h.old) <= len(lines); i++ {
		if slices.Equal(lines[i:i+len(h.old)], h.old) && (at < 0 || distance(i, near) < distance(at, near)) {
			at = i
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("nowhere are the lines\n%s", strings.Join(h.old, "\n"))
	}
	return at, nil
}

func distance(a, b int) int { return max(a-b, b-a) }

// mutated returns the changed files with their new text, by their path below root.
func (m mutation) mutated(root string) (files map[string]string, err error) {
	files = map[string]string{}
	for _, d := range m.files {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(d.file)))
		if err != nil {
			return nil, err
		}
		if files[d.file], err = d.apply(string(text)); err != nil {
			return nil, err
		}
	}
	return files, nil
}
