// Command migration explores how sessions of a monolith become ours: what any order of
// requests, crashes, lost answers and late writes can lead to. It is a model of the rules
// of package bridge, and no part of it. For each scenario it prints whether the rules hold,
// and for each rule that is taken out the shortest way in which something goes wrong.
//
// What must never happen:
//
//   - a session lives that was ended before, or that was made of what was ended before;
//   - somebody goes round without end, or is refused who has just signed in at the monolith;
//   - two people have a live session each of one session of the monolith.
//
// "go run ./prove/migration" explores everything. The tests explore all but the largest.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	surprises := 0
	for _, s := range scenarios() {
		r := explore(s.model)
		surprise := !s.expects(r)
		if surprise {
			surprises++
		}
		fmt.Println(describe(s, r, surprise))
	}
	if surprises > 0 {
		fmt.Fprintf(os.Stderr, "%d scenarios ended otherwise than expected\n", surprises)
		os.Exit(1)
	}
}

// expects reports whether the exploration ended as the scenario says.
func (s scenario) expects(r result) bool {
	return strings.HasPrefix(r.problem, s.problem) && (r.problem == "") == (s.problem == "")
}

// describe returns what people read about a scenario.
func describe(s scenario, r result, surprise bool) string {
	verdict := "holds"
	if r.problem != "" {
		verdict = "goes wrong: " + r.problem
	}
	if surprise {
		verdict += " (not expected)"
	}
	lines := append([]string{fmt.Sprintf("%s: %s; %d states", s.title, verdict, r.states)}, r.trace...)
	return strings.Join(lines, "\n    ")
}
