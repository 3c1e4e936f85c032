package main

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// TestSameBytes builds a function in two folders, whose files are of two dates, with two
// caches, and one of them without git: the zips have the same bytes. Then it changes a
// letter, and they have not.
func TestSameBytes(t *testing.T) {
	t.Setenv("GOFLAGS", "-buildvcs=auto") // Go's default, whatever this machine's is
	first := build(t, root)
	other := copyTree(t, filepath.Join(t.TempDir(), "somewhere", "else, and with a longer path"))
	t.Setenv("GOCACHE", t.TempDir())
	t.Setenv("TZ", "Asia/Tokyo")
	if second := build(t, other); !bytes.Equal(first, second) {
		t.Errorf("two zips of the same code differ: %d and %d bytes", len(first), len(second))
	}
	file := filepath.Join(other, "functions", "caller", "caller.go")
	text := read(t, file)
	changed := strings.Replace(text, "caller unknown", "caller unknowm", 1)
	if changed == text {
		changed = text + "\nfunc init() { println(\"changed\") }\n"
	}
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	if third := build(t, other); bytes.Equal(first, third) {
		t.Error("two zips of different code are the same")
	}
}

func build(t *testing.T, root string) []byte {
	t.Helper()
	content, err := zipped(root, "CallerFunction", "arm64")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode() != 0o755 {
		t.Fatalf("the zip has %v; Lambda needs bootstrap, which all may run", archive.File)
	}
	return content
}

// copyTree copies what git knows of the project to the folder, with other dates.
func copyTree(t *testing.T, to string) string {
	t.Helper()
	files, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(files), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil || !info.Mode().IsRegular() {
			continue // removed, and not yet committed
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, []byte(read(t, filepath.Join(root, name))), info.Mode()); err != nil {
			t.Fatal(err)
		}
		old := time.Date(2001, 9, 9, 1, 46, 40, 0, time.UTC)
		if err := os.Chtimes(target, old, old); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSBOM tests that the list has every module in a function, with its sum, the version of
// the release, and nothing that differs from one machine or moment to the next.
func TestSBOM(t *testing.T) {
	list, err := sbom(root, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	again, err := sbom(copyTree(t, t.TempDir()), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(list, again) {
		t.Error("two lists of the same code differ")
	}
	var bom struct {
		BomFormat, SpecVersion string
		Metadata               struct {
			Component struct{ Name, Version string }
			Tools     []struct{ Hashes []any }
		}
		Components []struct {
			Name, Version, Purl string
			Hashes              []struct{ Alg, Content string }
		}
	}
	if err := json.Unmarshal(list, &bom); err != nil {
		t.Fatal(err)
	}
	if bom.BomFormat != "CycloneDX" || bom.Metadata.Component.Version != "v1.2.3" {
		t.Errorf("the list is %s of %s; want CycloneDX of v1.2.3", bom.BomFormat, bom.Metadata.Component.Version)
	}
	if tools := bom.Metadata.Tools; len(tools) != 1 || tools[0].Hashes != nil {
		t.Errorf("the tools are %v; want one, without its sums: they differ from machine to machine", tools)
	}
	listed := map[string]string{}
	for _, c := range bom.Components {
		listed[c.Name] = c.Version
		if c.Name != "std" && len(c.Hashes) == 0 {
			t.Errorf("%s has no sum", c.Name)
		}
	}
	if listed["std"] == "" {
		t.Error("the Go that compiles the programs is not in the list")
	}
	program := filepath.Join(t.TempDir(), "coatcheck")
	if err := run(root, nil, "go", "build", "-trimpath", "-o", program, "./cmd/coatcheck"); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		if listed[module.Path] != module.Version {
			t.Errorf("coatcheck has %s %s, and the list %q", module.Path, module.Version, listed[module.Path])
		}
	}
}

// TestTemplateOfZips tests that each function of the template has its zip and nothing to
// build, and that the rest is as it was.
func TestTemplateOfZips(t *testing.T) {
	source := read(t, filepath.Join(root, "template.yaml"))
	names, err := functions(root)
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Count(source, "Type: AWS::Serverless::Function"); len(names) != all || all == 0 {
		t.Fatalf("%d of %d functions found: %v", len(names), all, names)
	}
	out := ofZips(source, "x86_64")
	for _, name := range names {
		if n := strings.Count(out, "      CodeUri: "+name+".zip\n"); n != 1 {
			t.Errorf("%s has its zip %d times", name, n)
		}
	}
	for _, gone := range []string{"CodeUri: .\n", "BuildMethod", "AllowedValues: [arm64, x86_64]"} {
		if strings.Contains(out, gone) {
			t.Errorf("the template still has %q", gone)
		}
	}
	added := 0
	have := strings.Split(source, "\n")
	for line := range strings.SplitSeq(out, "\n") {
		if !slices.Contains(have, line) {
			added++
		}
	}
	if want := len(names) + 2; added != want {
		t.Errorf("%d lines are new; want %d: a zip for each function, and the processor", added, want)
	}
}

// TestSums tests that sha256sum finds every file of a release as it was, and a changed one.
func TestSums(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"arm64/LoginFunction.zip", "bin/coatcheck-linux-arm64", "sbom.cdx.json"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeSums(folder); err != nil {
		t.Fatal(err)
	}
	check := func() error { return run(folder, nil, "sha256sum", "--check", "--strict", "SHA256SUMS") }
	if err := check(); err != nil {
		t.Error(err)
	}
	if lines := strings.Count(read(t, filepath.Join(folder, "SHA256SUMS")), "\n"); lines != 3 {
		t.Errorf("there are %d sums for 3 files", lines)
	}
	if err := os.WriteFile(filepath.Join(folder, "sbom.cdx.json"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if check() == nil {
		t.Error("a changed file has the sum that it had")
	}
}

// TestVersion tests what a release needs: a version that the changelog describes.
func TestVersion(t *testing.T) {
	for _, test := range []struct{ version, changes, want string }{
		{"0.2.0\n", "# C\n\n## 0.2.0\n\n### What to do\n\n- Nothing.\n", ""},
		{"v0.2.0\n", "\n## v0.2.0\n\n### What to do\n", `VERSION is "v0.2.0"`},
		{"0.2\n", "\n## 0.2\n\n### What to do\n", `VERSION is "0.2"`},
		{"0.2.0\n", "\n## 0.1.0\n\n### What to do\n", "## 0.2.0"},
		{"0.2.0\n", "\n## 0.2.0\n\n### Added\n\n## 0.1.0\n\n### What to do\n", "What to do"},
	} {
		folder := t.TempDir()
		for name, text := range map[string]string{"VERSION": test.version, "CHANGELOG.md": test.changes} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		version, err := readVersion(folder)
		if test.want == "" && (err != nil || version != strings.TrimSpace(test.version)) {
			t.Errorf("%q: %q, %v", test.version, version, err)
		}
		if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q with %q: %v; want a text with %q", test.version, test.changes, err, test.want)
		}
	}
	if _, err := readVersion(root); err != nil {
		t.Errorf("the project itself: %v", err)
	}
}

// TestVulncheck runs make vulncheck on one module with a database that this test invents: one
// entry for code that the module calls is found; none, and one for code that nobody calls,
// are not; and without an answer from a database it fails.
func TestVulncheck(t *testing.T) {
	vulncheck := func(database string) (string, error) {
		cmd := exec.Command("make", "vulncheck", "MODULES=examples/lambda", "GOVULNDB="+database)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	const called, uncalled = "Client.GetItem", "NobodyCallsThis"
	if out, err := vulncheck(database(t, called)); err == nil || !strings.Contains(out, "GO-2026-9999") || !strings.Contains(out, "invented") {
		t.Errorf("with an entry for code that is called: %v\n%s", err, out)
	}
	if out, err := vulncheck(database(t, uncalled)); err != nil {
		t.Errorf("with an entry for code that nobody calls: %v\n%s", err, out)
	}
	if out, err := vulncheck("file://" + filepath.Join(t.TempDir(), "nothing")); err == nil {
		t.Errorf("without a database: it passed\n%s", out)
	}
	if out, err := vulncheck("http://127.0.0.1:1"); err == nil {
		t.Errorf("with a database that does not answer: it passed\n%s", out)
	}
}

// database makes a database with one entry, as vuln.go.dev has them, and returns its
// address. The entry says that a symbol of the AWS SDK is wrong in every version.
func database(t *testing.T, symbol string) string {
	t.Helper()
	folder := t.TempDir()
	const module = "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	const modified = "2026-01-02T03:04:05Z"
	files := map[string]any{
		"index/db.json":      map[string]any{"modified": modified},
		"index/modules.json": []any{map[string]any{"path": module, "vulns": []any{map[string]any{"id": "GO-2026-9999", "modified": modified}}}},
		"index/vulns.json":   []any{map[string]any{"id": "GO-2026-9999", "modified": modified, "aliases": []string{}}},
		"ID/GO-2026-9999.json": map[string]any{
			"schema_version": "1.3.1", "id": "GO-2026-9999", "modified": modified, "published": modified,
			"summary": "An invented entry", "details": "It is invented.",
			"affected": []any{map[string]any{
				"package":            map[string]any{"name": module, "ecosystem": "Go"},
				"ranges":             []any{map[string]any{"type": "SEMVER", "events": []any{map[string]any{"introduced": "0"}}}},
				"ecosystem_specific": map[string]any{"imports": []any{map[string]any{"path": module, "symbols": []string{symbol}}}},
			}},
			"database_specific": map[string]any{"url": "https://pkg.go.dev/vuln/GO-2026-9999", "review_status": "REVIEWED"},
		},
	}
	for name, content := range files {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return "file://" + folder
}
