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
	"os"

	"example.com/coatcheck/prove/explore"
)

func main() {
	if explore.All(os.Stdout, scenarios()) > 0 {
		os.Exit(1)
	}
}
