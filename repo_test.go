// Package coatcheck_test tests the rules of the repository.
package coatcheck_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/local/samtemplate"
)

const module = "example.com/coatcheck"

// pkg is a part of the output of go list for one package.
type pkg struct {
	Dir, ImportPath, Doc               string
	GoFiles, TestGoFiles, XTestGoFiles []string
	IgnoredGoFiles                     []string // for other systems, or with other build tags
	Imports, TestImports, XTestImports []string
}

// public reports whether programs of others can import p, and are meant to.
func (p pkg) public() bool {
	return strings.HasPrefix(p.ImportPath, "pkg/") && !strings.Contains(p.ImportPath, "/internal/")
}

// modules returns the folders of the modules of the repository.
func modules() (folders []string, err error) {
	for _, pattern := range []string{"go.mod", "*/go.mod", "prove/*/go.mod", "examples/*/go.mod", "examples/*/*/go.mod", "pkg/*/*/*/go.mod"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			folders = append(folders, filepath.ToSlash(filepath.Dir(file)))
		}
	}
	slices.Sort(folders)
	return folders, nil
}

// packages returns the packages of every module of the repository.
func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := listPackages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// listPackages does what packages does. It asks the go command only once, because
// several tests need the answer.
var listPackages = sync.OnceValues(func() (all []pkg, err error) {
	folders, err := modules()
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		list := exec.Command("go", "list", "-json", "./...")
		list.Dir = folder
		out, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("go list in %s: %w", list.Dir, err)
		}
		some, err := decodePackages(out)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
})

func decodePackages(list []byte) (all []pkg, err error) {
	for decoder := json.NewDecoder(bytes.NewReader(list)); ; {
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		p.ImportPath = strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		all = append(all, p)
	}
}

// TestModules tests that the Makefile's MODULES has every module.
func TestModules(t *testing.T) {
	_, list, _ := strings.Cut(read(t, "Makefile"), "\nMODULES := ")
	list, _, _ = strings.Cut(list, "\n")
	got := strings.Fields(list)
	slices.Sort(got)
	want, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the Makefile's MODULES are %q, the tree has %q", got, want)
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("package %s has no package comment", p.ImportPath)
		}
	}
}

// TestUnstablePackages: the packages that others can import say that they may change.
// pkg/session and the packages below it are stable.
func TestUnstablePackages(t *testing.T) {
	for _, p := range packages(t) {
		if strings.Contains(p.ImportPath, "/internal/") {
			continue
		}
		stable := !p.public() || strings.HasPrefix(p.ImportPath+"/", "pkg/session/")
		if says := strings.Contains(documentation(t, p), "may still change"); says == stable {
			t.Errorf("the comment of %s says that it may still change: %v", p.ImportPath, says)
		}
	}
}

// documentation returns the comments in front of the package clauses of p.
func documentation(t *testing.T, p pkg) (text string) {
	for _, name := range p.GoFiles {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		text += parsed.Doc.Text()
	}
	return text
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	name, ok := of.(*ast.Ident)
	return !ok || name.IsExported()
}

func TestFilesAreShort(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			file := filepath.Join(p.Dir, name)
			if lines := strings.Count(read(t, file), "\n"); lines > 500 {
				t.Errorf("%s has %d lines; at most 500", file, lines)
			}
		}
	}
}

// globalLog matches a call that logs by the default logger, and a use of it.
var globalLog = regexp.MustCompile(`slog\.(Debug|Info|Warn|Error|Log|Default)[A-Za-z]*\(`)

// TestLoggersArePassed: what happens in a public package is told to the logger that the
// program has passed; the default logger stands in only where none was. Exit ends a program
// that has none yet.
func TestLoggersArePassed(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, "pkg/") {
			continue
		}
		for _, name := range p.GoFiles {
			file := filepath.Join(p.Dir, name)
			for i, line := range strings.Split(read(t, file), "\n") {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "//") || !globalLog.MatchString(line) || strings.Contains(line, `"sys_startup_failed"`) {
					continue
				}
				if !strings.Contains(line, "cmp.Or(") || !strings.Contains(line, ", slog.Default())") {
					t.Errorf("%s:%d: %s; use the logger that was passed", file, i+1, line)
				}
			}
		}
	}
}

func TestMainsOnlyWire(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, "functions/") {
			continue
		}
		if lines := strings.Count(read(t, filepath.Join(p.Dir, "main.go")), "\n"); lines > 45 {
			t.Errorf("%s/main.go has %d lines: move what it decides elsewhere", p.ImportPath, lines)
		}
	}
}

// mayImport says which packages of this repository a package may import. The last line
// that matches the package decides. Tests may import more. The pattern
// "pkg/session/..." matches the packages below pkg/session. The functions and cmd/server
// may import only what everybody can import: they are the first adopters.
var mayImport = []struct{ who, may string }{
	{"pkg/session", ""},
	{"pkg/session/...", "pkg/session internal/stores/..."},
	{"pkg/clientip", "internal/lazily"},
	{"pkg/storetimes", ""},
	{"pkg/events", ""},
	{"pkg/audit", "pkg/events"},
	{"pkg/audit/...", "pkg/audit pkg/events internal/stores/..."},
	{"pkg/lambdahttp", "pkg/clientip pkg/events"},
	{"pkg/lambdahttp/...", "pkg/clientip pkg/events pkg/lambdahttp pkg/session"},
	{"pkg/signin", "pkg/audit pkg/clientip pkg/events pkg/session pkg/signin/... internal/lazily"},
	{"pkg/signin/...", "pkg/session internal/lazily"},
	{"pkg/signin/oidc", "pkg/events pkg/session pkg/signin/authn"},
	{"pkg/signin/oidc/...", "pkg/events pkg/session pkg/signin/oidc internal/stores/..."},
	{"pkg/signin/site", "pkg/clientip internal/lazily"},
	{"pkg/accounts", "pkg/accounts/password pkg/accounts/throttle pkg/events pkg/signin/authn"},
	{"pkg/accounts/...", "pkg/accounts pkg/accounts/throttle pkg/events internal/stores/..."},
	{"pkg/accounts/password", "pkg/signin/authn internal/lazily"},
	{"pkg/accounts/throttle", "pkg/clientip pkg/events pkg/signin/authn"},
	{"pkg/accounts/legacylogin", "pkg/accounts pkg/signin/authn internal/lazily"},
	{"pkg/accounts/accountstest", "pkg/accounts pkg/accounts/password pkg/accounts/throttle pkg/signin/authn"},
	{"pkg/legacy", ""},
	{"pkg/legacy/...", "pkg/legacy"},
	{"pkg/bridge", "pkg/clientip pkg/events pkg/legacy pkg/session pkg/signin/authn"},
	{"pkg/bridge/...", "pkg/bridge pkg/session internal/stores/..."},
	{"pkg/smoketest", "pkg/signin/site"},
	{"pkg/canary", "pkg/events pkg/smoketest"},
	{"pkg/config", "pkg/clientip pkg/events pkg/session"},
	{"pkg/config/legacyconfig", "pkg/config pkg/bridge pkg/legacy pkg/legacy/... internal/lazily"},
	{"pkg/config/bridgeconfig", "pkg/config pkg/config/legacyconfig pkg/config/signinconfig pkg/bridge pkg/legacy pkg/session pkg/signin/authn pkg/signin/site"},
	{"pkg/config/oidcconfig", "pkg/config pkg/signin/oidc"},
	{"pkg/config/lambdaconfig", "internal/stores/loopback"},
	{"pkg/config/dynamoconfig", "pkg/config pkg/config/lambdaconfig pkg/events pkg/session pkg/session/dynamostore pkg/storetimes"},
	{"pkg/config/signinconfig", "pkg/config pkg/events pkg/accounts pkg/accounts/legacylogin pkg/accounts/password pkg/accounts/throttle pkg/signin pkg/signin/site internal/lazily"},
	{"pkg/config/deployed", "pkg/config pkg/config/... pkg/audit pkg/audit/... pkg/events pkg/accounts pkg/accounts/dynamoaccounts pkg/accounts/throttle pkg/session pkg/bridge pkg/bridge/dynamobridge pkg/signin pkg/signin/site"},
	{"pkg/config/storeconfig", "pkg/audit pkg/audit/... pkg/config pkg/config/deployed pkg/config/dynamoconfig pkg/session pkg/session/... pkg/accounts pkg/accounts/... pkg/bridge pkg/bridge/... pkg/signin/oidc pkg/signin/oidc/... pkg/config/oidcconfig internal/stores/loopback internal/stores/rediscall internal/stores/sqldb internal/lazily"},
	{"pkg/session/storetest/history", "pkg/session"},
	{"prove/...", "prove/explore"},
	{"prove/explore", ""},
	{"prove/histories", "pkg/session pkg/session/..."},
	{"bench/functions/...", ""},
	{"bench/load", ""},
	{"bench/scsserver", ""},
	{"bench/race", "pkg/session pkg/session/... internal/testing/redistest internal/local/..."},
	{"mutations", ""},
	{"internal/lazily", ""},
	{"internal/stores/...", ""},
	{"internal/local/...", "internal/local/... cmd/server/demo internal/stores/loopback pkg/accounts pkg/accounts/... pkg/signin/site"},
	{"internal/testing/...", "internal/testing/... internal/local/..."},
	{"internal/testing/cheaphash", "pkg/accounts/password"},
	{"internal/testing/faults", "pkg/session"},
	{"internal/testing/testenv", "internal/local/... pkg/events"},
	{"functions/...", "pkg/..."},
	{"example.org/...", "pkg/..."},
	{"cmd/...", "pkg/... internal/local/... cmd/server/demo"},
	{"cmd/server", "pkg/... cmd/server/..."},
	{"cmd/server/...", "pkg/..."},
}

// TestNothingIsCompiledAtStart: no package compiles a regular expression before main begins,
// because each cold start of a function would wait for it.
func TestNothingIsCompiledAtStart(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, "pkg/") && !strings.HasPrefix(p.ImportPath, "internal/stores/") {
			continue
		}
		for _, name := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, compiled := range compiledAtStart(parsed) {
				t.Errorf("%s/%s compiles %s at the start; write lazily.Regexp", p.ImportPath, name, compiled)
			}
		}
	}
}

// compiledAtStart returns the variables of a file that hold a regular expression. What stands in
// a function is compiled when that is called.
func compiledAtStart(file *ast.File) (names []string) {
	for _, declared := range file.Decls {
		variables, ok := declared.(*ast.GenDecl)
		if !ok || variables.Tok != token.VAR {
			continue
		}
		ast.Inspect(variables, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(call.Sel.Name, "MustCompile") {
				names = append(names, call.Sel.Name)
			}
			_, function := n.(*ast.FuncLit)
			return !function
		})
	}
	return names
}

// matches reports whether the pattern matches a package.
func matches(pattern, name string) bool {
	if folder, below := strings.CutSuffix(pattern, "..."); below {
		return strings.HasPrefix(name, folder)
	}
	return name == pattern
}

// allImports returns what p imports, whatever the build tags are.
func allImports(t *testing.T, p pkg) []string {
	t.Helper()
	all := p.Imports
	for _, name := range p.IgnoredGoFiles {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			all = append(all, strings.Trim(spec.Path.Value, `"`))
		}
	}
	return all
}

// TestDependenciesPointInward tests that a package imports only what the table above
// allows.
func TestDependenciesPointInward(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		may, known := "", false
		for _, rule := range mayImport {
			if matches(rule.who, p.ImportPath) {
				may, known = rule.may, true
			}
		}
		if !known {
			t.Errorf("%s stands nowhere: say in the table above what it may import", p.ImportPath)
		}
		for _, imported := range allImports(t, p) {
			own, inside := strings.CutPrefix(imported, module+"/")
			if inside && !slices.ContainsFunc(strings.Fields(may), func(pattern string) bool { return matches(pattern, own) }) {
				t.Errorf("%s imports %s, which stands further out; it may import %q", p.ImportPath, own, may)
			}
			if p.ImportPath == "pkg/session" && strings.Contains(imported, ".") {
				t.Errorf("pkg/session imports %s; it may import only the standard library", imported)
			}
			if p.ImportPath == "pkg/legacy" && strings.Contains(imported, ".") && !strings.HasPrefix(imported, "golang.org/x/crypto/") {
				t.Errorf("pkg/legacy imports %s; it may import only the standard library and golang.org/x/crypto", imported)
			}
			if strings.HasPrefix(imported, "github.com/aws/aws-lambda-go/lambda") && !strings.HasSuffix(imported, "lambdacontext") &&
				p.ImportPath != "pkg/lambdahttp" && !strings.HasPrefix(p.ImportPath, "bench/functions/") {
				t.Errorf("%s imports %s; only pkg/lambdahttp speaks to Lambda", p.ImportPath, imported)
			}
		}
	}
}

// TestFunctions tests that the folders and the template have the same functions.
func TestFunctions(t *testing.T) {
	template, err := samtemplate.Read("template.yaml", "HasBridge", "HasProvider", "HasCanary")
	if err != nil {
		t.Fatal(err)
	}
	var inTemplate []string
	for _, function := range template.Functions {
		inTemplate = append(inTemplate, function.Folder)
	}
	folders, err := filepath.Glob("functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for i := range folders {
		folders[i] = filepath.ToSlash(filepath.Dir(folders[i]))
	}
	slices.Sort(inTemplate)
	slices.Sort(folders)
	if !slices.Equal(inTemplate, folders) {
		t.Errorf("template.yaml has %v, the tree has %v", inTemplate, folders)
	}
	if !strings.Contains(read(t, "Makefile"), "\nbuild-%Function:") {
		t.Error("the Makefile has no rule that builds each function of template.yaml")
	}
}

// TestRaceDetectorWatchesUs tests that make test uses the race detector for all packages
// of this repository. The race detector needs a C compiler. Without one, make test must
// not use it.
func TestRaceDetectorWatchesUs(t *testing.T) {
	plan, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "--dry-run", "test", "test-product", "test-modules").Output()
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := exec.CommandContext(t.Context(), "go", "env", "CC").Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(strings.TrimSpace(string(compiler))); err != nil {
		if strings.Contains(string(plan), "-race ") {
			t.Errorf("without a C compiler make test runs %s", plan)
		}
		return
	}
	flags := regexp.MustCompile(`\.ci/test "(-race(?: -gcflags=\S+)+) `).FindStringSubmatch(string(plan))
	if flags == nil || !strings.Contains(string(plan), " test-product test-modules\n") || !strings.Contains(string(plan), `GOFLAGS="$GOFLAGS `+flags[1]+`"`) {
		t.Fatalf("make test runs %s", plan)
	}
	args := append([]string{"run"}, strings.Fields(flags[1])...)
	found, err := exec.CommandContext(t.Context(), "go", append(args, "./testdata/race")...).CombinedOutput()
	if err == nil || !strings.Contains(string(found), "WARNING: DATA RACE") {
		t.Errorf("go %s finds no race: %v\n%s", strings.Join(args, " "), err, found)
	}
}

// TestInternal: internal has at most four entries, and ARCHITECTURE.md says of each
// what it is for.
func TestInternal(t *testing.T) {
	wings, err := filepath.Glob("internal/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(wings) > 4 {
		t.Errorf("internal has the entries %q; at most four", wings)
	}
	for _, wing := range wings {
		if !strings.Contains(read(t, "ARCHITECTURE.md"), "\n- `"+filepath.ToSlash(wing)+"` ") {
			t.Errorf("ARCHITECTURE.md has no sentence for %s", wing)
		}
	}
}
