// Command release makes what is given to others of one version: for each processor the
// functions' zips with a template that deploys them, the operator's command line for each
// platform, a list of what is in them, and the sums of all.
//
//	go run ./.ci/release .cache/release
//
// The same commit and the same Go give the same bytes, in whatever folder and whenever. It
// needs the whole tree, and no git.
package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// sbomTool makes the list of what is in the programs.
const sbomTool = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"

// architectures are those of the functions, as template.yaml names them.
var architectures = []string{"arm64", "x86_64"}

// platforms are those of the operator's command line.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

func main() {
	if len(os.Args) != 2 {
		exit(errors.New("say into which folder: make release"))
	}
	version, err := readVersion(".")
	if err != nil {
		exit(err)
	}
	folder := filepath.Join(os.Args[1], "coatcheck-"+version)
	if err := release(".", folder, version); err != nil {
		exit(err)
	}
	fmt.Println("The release is in", folder)
}

func exit(err error) {
	fmt.Fprintln(os.Stderr, "release:", err)
	os.Exit(1)
}

// readVersion returns the version in the file VERSION, which CHANGELOG.md must describe.
func readVersion(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil {
		return "", err
	}
	version := strings.TrimSpace(string(text))
	if !regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(version) {
		return "", fmt.Errorf("VERSION is %q; it must be such as 0.1.0", version)
	}
	changes, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	_, section, found := strings.Cut(string(changes), "\n## "+version+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found || !strings.Contains(section, "\n### What to do\n") {
		return "", fmt.Errorf(`CHANGELOG.md needs the section "## %s", and in it "### What to do"`, version)
	}
	return version, nil
}

// release makes everything anew in the folder, from the tree at root.
func release(root, folder, version string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	names, err := functions(root)
	if err != nil {
		return err
	}
	for _, architecture := range architectures {
		if err := stack(root, filepath.Join(folder, architecture), architecture, names); err != nil {
			return err
		}
	}
	for _, platform := range platforms {
		if err := commandLine(root, filepath.Join(folder, "bin"), platform); err != nil {
			return err
		}
	}
	list, err := sbom(root, version)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "sbom.cdx.json"), list, 0o644); err != nil {
		return err
	}
	return writeSums(folder)
}

// functionName matches where template.yaml begins a function.
var functionName = regexp.MustCompile(`(?m)^  (\w+Function):\n    Type: AWS::Serverless::Function\n`)

// functions returns the names of the functions in template.yaml, such as LoginFunction.
func functions(root string) (names []string, err error) {
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return nil, err
	}
	for _, match := range functionName.FindAllSubmatch(template, -1) {
		names = append(names, string(match[1]))
	}
	return names, nil
}

// stack makes the zips of the functions, and the template that deploys them.
func stack(root, folder, architecture string, names []string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		content, err := zipped(root, name, architecture)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name+".zip"), content, 0o644); err != nil {
			return err
		}
	}
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "template.yaml"), []byte(ofZips(string(template), architecture)), 0o644)
}

// zipped builds a function by the Makefile's rule, and returns its zip. A zip keeps when a
// file was changed. Here that is always the same time.
func zipped(root, name, architecture string) ([]byte, error) {
	folder, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if err := run(root, nil, "make", "--silent", "build-"+name, "ARTIFACTS_DIR="+folder, "ARCHITECTURE="+architecture); err != nil {
		return nil, err
	}
	program, err := os.ReadFile(filepath.Join(folder, "bootstrap"))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(program); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// ofZips returns the template for functions that are built: each has its zip in place of the
// rule that builds it, and the default of the processor is the zips' own.
func ofZips(template, architecture string) string {
	template = strings.Replace(template, "    CodeUri: .\n", "", 1)
	template = strings.ReplaceAll(template, "    Metadata:\n      BuildMethod: makefile\n", "")
	template = strings.Replace(template, "    Default: arm64\n    AllowedValues: [arm64, x86_64]\n",
		"    Default: "+architecture+"\n    AllowedValues: ["+architecture+"]\n", 1)
	var out strings.Builder
	name := ""
	for line := range strings.Lines(template) {
		if match := regexp.MustCompile(`^  (\w+):$`).FindStringSubmatch(strings.TrimRight(line, "\n")); match != nil {
			name = match[1]
		}
		out.WriteString(line)
		if line == "    Properties:\n" && strings.HasSuffix(name, "Function") {
			fmt.Fprintf(&out, "      CodeUri: %s.zip\n", name)
		}
	}
	return out.String()
}

// commandLine builds coatcheck for a platform such as linux/arm64.
func commandLine(root, folder, platform string) error {
	system, processor, _ := strings.Cut(platform, "/")
	file := "coatcheck-" + system + "-" + processor
	if system == "windows" {
		file += ".exe"
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	return run(root, []string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=" + processor},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s", "-o", filepath.Join(folder, file), "./cmd/coatcheck")
}

// run runs a program in the folder root, with more variables.
func run(root string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// sbom returns the list of the modules in the programs, and of the Go that compiles them, as
// CycloneDX in JSON. The tool names itself by its own sums, and the version by git. Both
// would differ from one machine to the next, so they are left out or replaced.
func sbom(root, version string) ([]byte, error) {
	cmd := exec.Command("go", "run", sbomTool, "mod", "-json", "-noserial", "-notimestamp", "-std")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(os.Environ(), "GOFLAGS=") // of the tool, whatever those of the tests are
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sbomTool, err)
	}
	var list map[string]any
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", sbomTool, err)
	}
	metadata := list["metadata"].(map[string]any)
	for _, tool := range metadata["tools"].([]any) {
		delete(tool.(map[string]any), "hashes")
	}
	component := metadata["component"].(map[string]any)
	before, path := component["bom-ref"].(string), component["name"].(string)
	after := "pkg:golang/" + path + "@v" + version + "?type=module"
	component["bom-ref"], component["purl"], component["version"] = after, after, "v"+version
	for _, dependency := range list["dependencies"].([]any) {
		if d := dependency.(map[string]any); d["ref"] == before {
			d["ref"] = after
		}
	}
	return json.MarshalIndent(list, "", "  ")
}

// writeSums writes the SHA-256 of every file in the folder, as sha256sum reads them.
func writeSums(folder string) error {
	type file struct{ name, sum string }
	var files []file
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		sum, err := sumOf(path)
		files = append(files, file{filepath.ToSlash(name), sum})
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	var out strings.Builder
	for _, f := range files {
		fmt.Fprintf(&out, "%s  %s\n", f.sum, f.name)
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(out.String()), 0o644)
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}
