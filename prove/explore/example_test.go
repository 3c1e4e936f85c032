package explore_test

import (
	"os"

	"example.com/coatcheck/prove/explore"
)

// counters are two programs that add one to a number. Each reads it and then writes what it
// has read, and one more.
type counters struct{ rules }

// rules has the one rule.
type rules struct{ readsApart bool } // reading and writing are one step

type numbers struct {
	number, written int
	read            [2]int // by each program, and one more; 0 before it reads and after it has written
	done            [2]bool
}

func (counters) First() numbers { return numbers{} }

func (c counters) Rules() any { return c.rules }

func (c counters) Steps(s *numbers) (steps []explore.Step[numbers]) {
	for i, who := range []string{"one", "two"} {
		n := *s
		switch {
		case s.done[i]:
			continue
		case c.readsApart && s.read[i] == 0:
			n.read[i] = n.number + 1
			steps = append(steps, explore.Step[numbers]{To: n, Label: who + " reads"})
			continue
		case c.readsApart:
			n.number, n.read[i] = n.read[i], 0
		default:
			n.number++
		}
		n.written, n.done[i] = n.written+1, true
		steps = append(steps, explore.Step[numbers]{To: n, Label: who + " writes"})
	}
	return steps
}

func (counters) Problem(s *numbers, _ bool) string {
	if s.number < s.written {
		return "one is lost"
	}
	return ""
}

func ExampleAll() {
	explore.All(os.Stdout, []explore.Scenario[numbers]{
		{Title: "Two at once", Model: counters{}},
		{Title: "Reads apart: the same", Problem: "one is lost", Model: counters{rules{readsApart: true}}},
	})
	// Output:
	// Two at once: holds; 4 states
	// Reads apart: the same: goes wrong: one is lost; taken out: readsApart; 12 states
	//     one reads
	//     two reads
	//     one writes
	//     two writes
}
