package coatcheck_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAdopt: the program that docs/adopt.md shows is the example that is compiled and
// walked through, and each row of its tables of changes says by what the change is made.
func TestAdopt(t *testing.T) {
	if shown, compiled := codeBlock(t, "docs/adopt.md", "go", "func main()"), read(t, "examples/company/main.go"); shown != compiled {
		t.Errorf("docs/adopt.md shows another program than examples/company/main.go:\n%s", shown)
	}
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(section(t, "docs/adopt.md", "What can be changed, and where"), -1)
	said := map[string]int{}
	for _, row := range rows {
		if row[1] == "you want" || strings.HasPrefix(row[1], "---") {
			continue
		}
		if said[row[2]]++; !slices.Contains([]string{"variable", "option", "interface", "no", "no change"}, row[2]) {
			t.Errorf("docs/adopt.md: %q is changed by %q", row[1], row[2])
		}
	}
	if len(said) < 5 {
		t.Errorf("docs/adopt.md has changes of the kinds %v", said)
	}
}
