package explore

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Scenario is a model and what is expected of it.
type Scenario[S comparable] struct {
	Title   string
	Problem string // how the problem begins that is to be found; "" if the rules hold
	Large   bool   // explored by the program, and not by the tests
	Model   Model[S]
}

// Expects reports whether the exploration ended as the scenario says. A problem must have a
// way that leads to it.
func (s Scenario[S]) Expects(r Result) bool {
	if s.Problem == "" {
		return r.Problem == ""
	}
	return strings.HasPrefix(r.Problem, s.Problem) && len(r.Trace) > 0
}

// Describe returns what people read about a scenario. It names the rules that are taken out.
func (s Scenario[S]) Describe(r Result) string {
	verdict := "holds"
	if r.Problem != "" {
		verdict = "goes wrong: " + r.Problem
	}
	if out := s.TakenOut(); len(out) > 0 {
		verdict += "; taken out: " + strings.Join(out, ", ")
	}
	if !s.Expects(r) {
		verdict += " (not expected)"
	}
	lines := append([]string{fmt.Sprintf("%s: %s; %d states", s.Title, verdict, r.States)}, r.Trace...)
	return strings.Join(lines, "\n    ")
}

// TakenOut returns the names of the rules that the scenario does without.
func (s Scenario[S]) TakenOut() (names []string) {
	rules := reflect.ValueOf(s.Model.Rules())
	for i := range rules.NumField() {
		if rules.Field(i).Bool() {
			names = append(names, rules.Type().Field(i).Name)
		}
	}
	return names
}

// All explores all scenarios, describes them to w, and returns how many ended otherwise than
// expected.
func All[S comparable](w io.Writer, scenarios []Scenario[S]) (surprises int) {
	for _, s := range scenarios {
		r := Explore(s.Model)
		fmt.Fprintln(w, s.Describe(r))
		if !s.Expects(r) {
			surprises++
		}
	}
	if surprises > 0 {
		fmt.Fprintf(w, "%d scenarios ended otherwise than expected\n", surprises)
	}
	return surprises
}

// Unneeded returns the names of the rules for which no scenario shows what goes wrong when
// this rule alone is taken out.
func Unneeded[S comparable](scenarios []Scenario[S]) (names []string) {
	needed := map[string]bool{}
	for _, s := range scenarios {
		if out := s.TakenOut(); s.Problem != "" && len(out) == 1 {
			needed[out[0]] = true
		}
	}
	for _, rule := range reflect.VisibleFields(reflect.TypeOf(scenarios[0].Model.Rules())) {
		if !needed[rule.Name] {
			names = append(names, rule.Name)
		}
	}
	slices.Sort(names)
	return names
}
