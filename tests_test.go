package coatcheck_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOfEveryPackage: the script behind make test tests every package, two of one name too, and
// compiles those without tests. It fails if one fails. A test of which nothing has changed is not
// linked again, and one whose code has changed is not run as it was.
func TestOfEveryPackage(t *testing.T) {
	folder := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		file = filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	empty := "import \"testing\"\n\nfunc Test(*testing.T) {}\n"
	failing := "import \"testing\"\n\nfunc Test(t *testing.T) { t.Error(\"wrong\") }\n"
	write(".ci/test", read(t, ".ci/test"))
	write("go.mod", "module example.org/m\n\ngo 1.26\n")
	write("one/same/same_test.go", "package same\n\n"+empty)
	write("two/same/same_test.go", "package same\n\n"+empty)
	write("other/other_test.go", "package other\n\n"+empty)
	write("untested/untested.go", "package untested\n")

	run := func() (output string, failed bool) { // -x prints the commands, that which links too
		cmd := exec.CommandContext(t.Context(), ".ci/test", "-vet=off -x", "./other")
		cmd.Dir = folder
		out, err := cmd.CombinedOutput()
		return string(out), err != nil
	}
	want := func(links int, results ...string) {
		t.Helper()
		output, failed := run()
		if got := strings.Count(output, "/link -o "); got != links {
			t.Errorf("%d tests were linked, want %d: %s", got, links, output)
		}
		shouldFail := false
		for _, result := range results {
			shouldFail = shouldFail || strings.HasPrefix(result, "FAIL")
			if !strings.Contains(output, result) {
				t.Errorf("no %q in %s", result, output)
			}
		}
		if failed != shouldFail {
			t.Errorf("failed: %t, want %t: %s", failed, shouldFail, output)
		}
	}

	want(3, "ok  \texample.org/m/one/same\t", "ok  \texample.org/m/two/same\t", "ok  \texample.org/m/other\t", "example.org/m/untested\t[no test files]")
	want(0, "ok  \texample.org/m/one/same\t", "ok  \texample.org/m/two/same\t", "ok  \texample.org/m/other\t")
	for i, name := range []string{"one/same", "two/same"} {
		file := name + "/same_test.go"
		write(file, "package same\n\n"+failing)
		want(1+i, "FAIL\texample.org/m/"+name+"\t", "ok  \texample.org/m/other\t")
		write(file, "package same\n\n"+empty) // what is linked next
	}
	write("untested/untested.go", "package untested\n\nvar x int = \"\"\n")
	want(1, "FAIL\texample.org/m/untested [build failed]")
	write("go.mod", "no module\n")
	if output, failed := run(); !failed {
		t.Errorf("without a list of packages it passes: %s", output)
	}
}
