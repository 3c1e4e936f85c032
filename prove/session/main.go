// Command session explores how the requests of one user's sessions can cross: logins, renewals,
// touches, updates, logouts, "end all sessions", changes of the password and conversions, with
// crashes, lost answers and late writes. It is a model of the rules of package session and of
// what package accounts does with it, and no part of them. For each scenario it prints whether
// the rules hold, and for each rule that is taken out the shortest way in which something goes
// wrong.
//
// What must never happen:
//
//   - a session lives that was ended, or that was made with an old password;
//   - an answer is not true: somebody is told to be signed in, or not to be, and it is not so;
//   - two people have one session, or a token opens that a renewal has replaced;
//   - what was confirmed is lost: a session that nobody has ended, a change, a touch;
//   - the limit leaves too many sessions, or a failed login leaves one that nobody holds.
//
// Begin with rules.go, which states each rule, and state.go; then read store.go, what a store does,
// actions.go and login.go, what requests do, step by step, and problems.go, what must never be.
//
// "go run ./prove/session" explores everything. The tests explore all but the largest. With
// -table it prints the tables of docs/proof.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"

	"example.com/coatcheck/prove/explore"
)

func main() {
	asTables := flag.Bool("table", false, "print the tables of docs/proof.md")
	flag.Parse()
	if *asTables {
		fmt.Print(tables())
		return
	}
	if explore.All(os.Stdout, scenarios()) > 0 {
		os.Exit(1)
	}
}

// tables returns two tables: the scenarios with all rules, and what each rule prevents.
func tables() string {
	var hold, broken strings.Builder
	for _, s := range scenarios() {
		table := &hold
		if len(s.TakenOut()) > 0 {
			table = &broken
		}
		table.WriteString(row(s, explore.Explore(s.Model)))
	}
	return "| with all rules | states | |\n|---|---:|---|\n" + hold.String() +
		"\n| rule | without it | tests of the code |\n|---|---|---|\n" + broken.String()
}

// row returns the row of a scenario.
func row(s scenario, r explore.Result) string {
	out := s.TakenOut()
	if len(out) == 0 {
		return fmt.Sprintf("| %s | %d | %s |\n", s.Title, r.States, verdict(r))
	}
	tests := "`" + strings.ReplaceAll(tag(out[0], "tests"), " ", "`, `") + "`"
	return fmt.Sprintf("| %s | %s: %s | %s |\n", tag(out[0], "rule"), s.Title, verdict(r), tests)
}

func verdict(r explore.Result) string {
	if r.Problem == "" {
		return "holds"
	}
	return fmt.Sprintf("%s (%d steps)", r.Problem, len(r.Trace))
}

// tag returns what the tag of the rule says.
func tag(rule, key string) string {
	field, _ := reflect.TypeFor[rules]().FieldByName(rule)
	return field.Tag.Get(key)
}
