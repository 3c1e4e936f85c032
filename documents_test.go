package coatcheck_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// files returns the slash-separated paths of all files whose names end in the suffix.
// It skips testdata, and folders whose names begin with a dot, because git and the tools
// create those.
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

// documents returns the text of every document by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, file := range files(t, ".md") {
		texts[file] = read(t, file)
	}
	if len(texts) < 10 {
		t.Fatalf("only %d documents found", len(texts))
	}
	return texts
}

// section returns the text under the heading.
func section(t *testing.T, file, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, file), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", file, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// everyPackage returns the folders of the packages of all modules in the tree. It leaves
// out the root folder, which has only tests.
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

// TestReadmeIsShort tests that README.md has at most 150 lines, and a newcomer's
// questions in the order in which they come up.
func TestReadmeIsShort(t *testing.T) {
	text := read(t, "README.md")
	if lines := strings.Count(text, "\n"); lines > 150 {
		t.Errorf("README.md has %d lines; at most 150", lines)
	}
	var sections []string
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(text, -1) {
		sections = append(sections, heading[1])
	}
	want := []string{"Fits, does not fit", "Try it", "Use the library", "Deploy", "What it guarantees", "Where to read on"}
	if !slices.Equal(sections, want) {
		t.Errorf("README.md has the sections %q, want %q", sections, want)
	}
	if before, _, _ := strings.Cut(text, "\n## "); !strings.Contains(before, "](docs/pictures/") {
		t.Error("README.md has no screenshot before its first section")
	}
}

// TestDocumentsSayWhoTheyAreFor tests that the first line of each document says who the
// document is for.
func TestDocumentsSayWhoTheyAreFor(t *testing.T) {
	for file, text := range documents(t) {
		if folder := filepath.Dir(file); folder != "." && folder != "docs" {
			continue
		}
		if _, first, _ := strings.Cut(text, "\n\n"); !strings.HasPrefix(first, "This page is for ") {
			t.Errorf("%s does not begin with who it is for", file)
		}
	}
}

// TestGuarantees tests that each guarantee names a test as its proof. TestTestNames
// tests that this test exists.
func TestGuarantees(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| ([A-Z].*) \| (.*) \|$`).FindAllStringSubmatch(read(t, "docs/guarantees.md"), -1)
	if len(rows) < 30 {
		t.Errorf("docs/guarantees.md has %d guarantees", len(rows))
	}
	for _, row := range rows {
		if !testName.MatchString(row[2]) {
			t.Errorf("docs/guarantees.md names no test as proof that: %s", row[1])
		}
	}
}

var testName = regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w*`)

// TestTestNames tests that every test that a document names exists.
func TestTestNames(t *testing.T) {
	defined := map[string]bool{}
	scripts, err := filepath.Glob(".ci/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files(t, "_test.go"), scripts...) {
		for _, match := range regexp.MustCompile(`(?m)^func (\w+)\(`).FindAllStringSubmatch(read(t, file), -1) {
			defined[match[1]] = true
		}
	}
	for file, text := range documents(t) {
		for _, name := range testName.FindAllString(text, -1) {
			if !defined[name] {
				t.Errorf("%s names %s; there is no such test", file, name)
			}
		}
	}
}

// TestTree tests that the tree in CONTRIBUTING.md shows every package, and no path that
// does not exist.
func TestTree(t *testing.T) {
	shown := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^(\S+) {2,}\S`).FindAllStringSubmatch(section(t, "CONTRIBUTING.md", "The tree"), -1) {
		path := strings.TrimSuffix(match[1], "/")
		shown[path] = true
		if _, err := os.Stat(path); err != nil {
			t.Errorf("CONTRIBUTING.md's tree shows %s, which is not there", path)
		}
	}
	for path := range everyPackage(t) {
		if !shown[path] {
			t.Errorf("CONTRIBUTING.md's tree does not show %s", path)
		}
	}
}

// TestSentences tests that ARCHITECTURE.md has one sentence for each package, and none
// for a package that does not exist.
func TestSentences(t *testing.T) {
	described := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$").FindAllStringSubmatch(section(t, "ARCHITECTURE.md", "The packages"), -1) {
		described[match[1]] = true
		if strings.Count(match[2]+" ", ". ") != 1 || !strings.HasSuffix(match[2], ".") {
			t.Errorf("ARCHITECTURE.md: %s: this is not one sentence: %s", match[1], match[2])
		}
	}
	all := everyPackage(t)
	for path := range all {
		if !described[path] {
			t.Errorf("ARCHITECTURE.md has no sentence for %s", path)
		}
	}
	for path := range described {
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

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")

	notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks tests that every file and every heading of this repository to which a
// document links exists.
func TestLinks(t *testing.T) {
	texts := documents(t)
	headings := map[string][]string{}
	for file, text := range texts {
		headings[file] = anchors(text)
	}
	for file, text := range texts {
		for _, match := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			path, anchor, hasAnchor := strings.Cut(match[1], "#")
			if strings.Contains(path, ":") {
				continue // another site
			}
			target := file
			if path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(file), path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", file, match[1])
			} else if hasAnchor && !slices.Contains(headings[target], anchor) {
				t.Errorf("%s links to %s; there is no such heading", file, match[1])
			}
		}
	}
}

// anchors returns the anchors that GitHub makes from the headings of a document.
func anchors(text string) (all []string) {
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := notInAnchors.ReplaceAllString(strings.ToLower(match[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// TestDeploymentsBuildFirst tests that no document tells anybody to deploy something that
// was not built just before. What SAM deploys without a build is the source, which cannot
// start, or an old build.
func TestDeploymentsBuildFirst(t *testing.T) {
	texts := documents(t)
	for _, file := range []string{"Makefile", "template.yaml", "samconfig.toml", ".ci/rotate"} {
		texts[file] = read(t, file)
	}
	deployments := 0
	for file, text := range texts {
		for _, problem := range bareDeployments(text, filepath.Ext(file) == ".md") {
			t.Errorf("%s deploys without a build: %s", file, problem)
		}
		deployments += strings.Count(text, "sam deploy --") + strings.Count(text, "$(SAM) deploy")
	}
	if deployments < 4 {
		t.Errorf("only %d deployments found", deployments)
	}
	build := regexp.MustCompile(`(?m)^\[default\.deploy\.parameters\]\n(?:[^\[].*\n)*template_file = "\.aws-sam/build/template\.yaml"$`)
	for _, config := range []string{"samconfig.toml", "examples/company/samconfig.toml", "examples/stack/samconfig.toml"} {
		if !build.MatchString(read(t, config)) {
			t.Errorf("%s does not say that sam deploy takes the build, so without one it would deploy the source", config)
		}
	}
}

// bareDeployments returns the commands in the text that deploy and do not name what they
// deploy, and that follow no build. In a document, a command is a line of a code block,
// or text in backquotes that has an argument: the name of a command alone is none.
func bareDeployments(text string, document bool) (found []string) {
	if document {
		for _, command := range regexp.MustCompile("`((?:sam|make) [^`]*)`").FindAllStringSubmatch(text, -1) {
			if deploys(command[1]) && strings.Contains(command[1], "--") {
				found = append(found, command[1])
			}
		}
	}
	built := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			built = false
		}
		command, _, _ := strings.Cut(strings.TrimSpace(line), "#")
		built = built || strings.HasPrefix(command, "sam build") || strings.Contains(command, "make build")
		if deploys(command) && !built && !strings.Contains(command, "--template-file") {
			found = append(found, command)
		}
	}
	return found
}

func deploys(command string) bool {
	return regexp.MustCompile(`^(?:sam|\$\(SAM\)) deploy\b|&& sam deploy\b`).MatchString(command)
}

func TestBareDeploymentsAreFound(t *testing.T) {
	for text, want := range map[string]int{
		"```sh\nsam deploy --guided\n```":                                             1,
		"```sh\nsam build\nsam deploy --guided\n```":                                  0,
		"```sh\nsam build && sam deploy\n```":                                         0,
		"```sh\nsam build\n```\nLater:\n```sh\nsam deploy\n```":                       1,
		"```sh\nsam deploy --template-file .aws-sam/build/template.yaml\n```":         0,
		"```sh\ncd coatcheck && sam deploy\n```":                                      1,
		"Run `sam deploy --parameter-overrides SessionLifetime=1h`.":                  1,
		"The options go to `sam build` and `sam deploy` alike; `make deploy` builds.": 0,
	} {
		if got := bareDeployments(text, true); len(got) != want {
			t.Errorf("%q: found %q, want %d", text, got, want)
		}
	}
}

// TestPictures tests that a document shows each picture, and that no picture is large.
func TestPictures(t *testing.T) {
	all := strings.Join(slices.Collect(maps.Values(documents(t))), "\n")
	pictures, err := filepath.Glob("docs/pictures/*")
	if err != nil || len(pictures) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	for _, picture := range pictures {
		if !strings.Contains(all, "pictures/"+filepath.Base(picture)+")") {
			t.Errorf("no document shows %s", picture)
		}
		if info, err := os.Stat(picture); err != nil || info.Size() > 60_000 {
			t.Errorf("%s is over 60,000 bytes, or: %v", picture, err)
		}
	}
}

var (
	code = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]+`")

	ownPath = regexp.MustCompile("(?m)(?:^|[\\s`(])(?:\\./)?((?:pkg|internal|cmd|functions|docs|e2e|bench|examples|\\.ci)/[\\w./*-]*)")
	targets = regexp.MustCompile("^`make((?: [a-z0-9-]+)+)|\\bmake( [a-z0-9-]+)") // several after a backquote, one in a block
)

// TestPathsAndTargets tests that the files, folders and make targets that documents name
// in code exist. NAME in a path means any name.
func TestPathsAndTargets(t *testing.T) {
	makefile := read(t, "Makefile")
	for file, text := range documents(t) {
		for _, piece := range code.FindAllString(text, -1) {
			for _, match := range ownPath.FindAllStringSubmatch(piece, -1) {
				pattern := strings.ReplaceAll(strings.TrimSuffix(match[1], "/..."), "NAME", "*")
				if found, err := filepath.Glob(filepath.FromSlash(pattern)); err != nil || len(found) == 0 {
					t.Errorf("%s names %s, which is not there", file, match[1])
				}
			}
			for _, match := range targets.FindAllStringSubmatch(piece, -1) {
				for target := range strings.FieldsSeq(match[1] + match[2]) {
					if !strings.Contains(makefile, "\n"+target+":") {
						t.Errorf("%s names make %s; the Makefile has no such target", file, target)
					}
				}
			}
		}
	}
}
