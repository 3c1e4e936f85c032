package main

import (
	"os"
	"strings"
	"testing"

	"example.com/coatcheck/prove/explore"
)

// TestScenarios explores all but the largest scenarios, and tests that docs/proof.md says what
// was found.
func TestScenarios(t *testing.T) {
	document, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios() {
		if s.Large {
			continue
		}
		t.Run(s.Title, func(t *testing.T) {
			t.Parallel()
			r := explore.Explore(s.Model)
			if t.Log(s.Describe(r)); !s.Expects(r) {
				t.Errorf("found %q, want %q", r.Problem, s.Problem)
			}
			if want := row(s, r); !strings.Contains(string(document), want) {
				t.Errorf("docs/proof.md has not the row\n%sRun: go run ./prove/session -table", want)
			}
		})
	}
}

// TestEveryRuleIsNeeded tests that for each rule there is a scenario that goes wrong when
// only this rule is taken out.
func TestEveryRuleIsNeeded(t *testing.T) {
	if unneeded := explore.Unneeded(scenarios()); len(unneeded) > 0 {
		t.Errorf("no scenario shows what goes wrong without %q", unneeded)
	}
}

// TestEveryRuleIsWatched tests that each rule says what it is, and which tests watch the code.
func TestEveryRuleIsWatched(t *testing.T) {
	for _, s := range scenarios() {
		for _, rule := range s.TakenOut() {
			if tag(rule, "rule") == "" || tag(rule, "tests") == "" {
				t.Errorf("%s has no sentence or no tests", rule)
			}
		}
	}
}
