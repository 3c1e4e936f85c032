package main

import (
	"reflect"
	"testing"
)

// TestScenarios explores all but the largest scenarios.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios() {
		if s.large {
			continue
		}
		t.Run(s.title, func(t *testing.T) {
			t.Parallel()
			r := explore(s.model)
			t.Log(describe(s, r, false))
			if !s.expects(r) {
				t.Errorf("found %q, want %q", r.problem, s.problem)
			}
			if s.problem != "" && len(r.trace) == 0 {
				t.Error("no way to the problem")
			}
		})
	}
}

// TestEveryRuleIsNeeded tests that for each rule there is a scenario that goes wrong when
// only this rule is taken out. Only the link that stays after a failure does no harm.
func TestEveryRuleIsNeeded(t *testing.T) {
	needed := map[string]bool{"keepsLink": true}
	for _, s := range scenarios() {
		if out := takenOut(s.model.rules); s.problem != "" && len(out) == 1 {
			needed[out[0]] = true
		}
	}
	for _, rule := range reflect.VisibleFields(reflect.TypeFor[rules]()) {
		if !needed[rule.Name] {
			t.Errorf("no scenario shows what goes wrong with %s", rule.Name)
		}
	}
}

// takenOut returns the names of the rules that are taken out.
func takenOut(r rules) (names []string) {
	value := reflect.ValueOf(r)
	for i := range value.NumField() {
		if value.Field(i).Bool() {
			names = append(names, value.Type().Field(i).Name)
		}
	}
	return names
}
