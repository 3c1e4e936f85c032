package main

import (
	"slices"
	"testing"

	"example.com/coatcheck/prove/explore"
)

// TestScenarios explores all but the largest scenarios.
func TestScenarios(t *testing.T) {
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
		})
	}
}

// TestEveryRuleIsNeeded tests that for each rule there is a scenario that goes wrong when
// only this rule is taken out. Only the link that stays after a failure does no harm.
func TestEveryRuleIsNeeded(t *testing.T) {
	if unneeded := explore.Unneeded(scenarios()); !slices.Equal(unneeded, []string{"keepsLink"}) {
		t.Errorf("no scenario shows what goes wrong without %q", unneeded)
	}
}
