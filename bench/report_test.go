// Package bench_test measures the product beside other libraries for the same purpose. It is a
// separate module, so that the product does not depend on them.
package bench_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/internal/testing/testmain"
)

func TestMain(m *testing.M) {
	testmain.Main(m, dynamotest.Main, postgrestest.Main, redistest.Main)
}

// document has the tables, each between two markers with its name. Everything else in it is
// written by hand.
const document = "../docs/performance.md"

var write = flag.Bool("write", false, "write the tables into docs/performance.md")

// table is a table of the document.
type table struct {
	name    string
	modules []string // other people's, whose versions stand below the table
	npm     []string // packages, the same
	paper   bool     // nothing is measured, but computed
	measure func(t *testing.T) grid
}

// grid is what was measured.
type grid struct {
	head []string
	rows [][]string
	plot *plot    // nil if there is none
	more []string // what else stands below the table: servers' versions, counts
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

var tables = slices.Concat([]table{checkTable}, storeTables, serversTables, []table{initTable, adapterTable}, growthTables, []table{costTable})

// TestTables measures each table and prints it; with the flag write it writes it into the
// document. Without the flag rounds it only tries every case.
func TestTables(t *testing.T) {
	for _, table := range tables {
		t.Run(table.name, func(t *testing.T) {
			g := table.measure(t)
			for _, row := range g.rows {
				if len(row) != len(g.head) {
					t.Errorf("a row has %d cells under %d heads: %q", len(row), len(g.head), row)
				}
			}
			if trying() {
				table.wantRows(t, g)
				return
			}
			text := g.markdown() + "\n" + table.below(t, g)
			fmt.Printf("\n%s\n\n%s\n", table.name, text)
			if *write {
				table.put(t, text)
				if g.plot != nil {
					g.plot.write(t)
				}
			}
		})
	}
}

// wantRows reports an error unless the document has the same cases as g.
func (table table) wantRows(t *testing.T, g grid) {
	t.Helper()
	_, old, _ := table.cut(t)
	for _, row := range append([][]string{g.head}, g.rows...) {
		if row[0] != "" && !strings.Contains(old, "| "+row[0]+" |") {
			t.Errorf("the table %s of %s has no row %q; make bench TABLE=%s writes it", table.name, document, row[0], table.name)
		}
	}
}

// cut returns the document before, between and after the markers of the table.
func (table table) cut(t *testing.T) (before, between, after string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- make bench writes the table "+table.name+" -->\n", "<!-- end of the table "+table.name+" -->"
	before, rest, ok := strings.Cut(string(text), begin)
	between, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no lines %q and %q", document, begin, end)
	}
	return before + begin, between, end + after
}

func (table table) put(t *testing.T, text string) {
	t.Helper()
	before, _, after := table.cut(t)
	if err := os.WriteFile(document, []byte(before+text+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// markdown returns the table. All columns but the first are numbers.
func (g grid) markdown() string {
	lines := []string{"| " + strings.Join(g.head, " | ") + " |", "|---|" + strings.Repeat("---:|", len(g.head)-1)}
	for _, row := range g.rows {
		lines = append(lines, "| "+strings.Join(row, " | ")+" |")
	}
	return strings.Join(lines, "\n") + "\n"
}

// below returns the line below the table: how, when, where and with which versions it was measured.
func (table table) below(t *testing.T, g grid) string {
	t.Helper()
	parts := []string{"`make bench TABLE=" + table.name + "`", time.Now().UTC().Format("2 January 2006")}
	if !table.paper {
		parts = append(parts, fmt.Sprintf("%d rounds", *rounds), machine(t), "Go "+strings.TrimPrefix(runtime.Version(), "go"))
	}
	for _, module := range table.modules {
		parts = append(parts, strings.TrimPrefix(module, "github.com/")+" "+goList(t, "-f", "{{.Version}}", module))
	}
	for _, name := range table.npm {
		parts = append(parts, name+" "+npmVersion(t, name))
	}
	return "<sub>" + strings.Join(append(parts, g.more...), "; ") + ".</sub>\n"
}

// machine describes the processors.
func machine(t *testing.T) string {
	t.Helper()
	info, _ := os.ReadFile("/proc/cpuinfo") // Linux has it
	model := runtime.GOARCH
	if match := regexp.MustCompile(`(?m)^model name\s*: (.+)$`).FindSubmatch(info); match != nil {
		model = string(match[1])
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), model)
}

// goList asks for something about a module.
func goList(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-m"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list -m %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// tree returns the folder of the product that is measured. It is not the one above this folder if
// go.mod has been told to replace it by another.
func tree(t *testing.T) string { return goList(t, "-f", "{{.Dir}}", "example.com/coatcheck") }

// npmVersion returns the version of a package in expressserver/package.json.
func npmVersion(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("expressserver", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`"` + name + `": "([^"]+)"`).FindSubmatch(text)
	if match == nil {
		t.Fatalf("expressserver/package.json does not name %s", name)
	}
	return string(match[1])
}

// number writes a number with as many digits as its size deserves.
func number(n float64) string {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return "–"
	case n < 10 && n != math.Trunc(n):
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	text := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// times writes a ratio.
func times(ratio float64) string {
	if ratio >= 10 {
		return fmt.Sprintf("**%.0f**", ratio)
	}
	return fmt.Sprintf("**%.2f**", ratio)
}
