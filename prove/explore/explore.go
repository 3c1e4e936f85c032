// Package explore visits every state that a small model of a protocol can reach, and finds the
// shortest way to one in which something is wrong.
package explore

// Step is one thing that can happen, and the state after it.
type Step[S comparable] struct {
	To    S
	Label string // what happened, for people
}

// Model is a protocol with the requests, crashes and faults of one scenario.
type Model[S comparable] interface {
	// First returns the state in which everything begins.
	First() S

	// Steps returns what can happen in the state.
	Steps(s *S) []Step[S]

	// Problem returns what is wrong in the state, or "". Last says that nothing more can happen.
	Problem(s *S, last bool) string

	// Rules returns the rules of the model: a struct in which the zero value of each field is
	// the rule, and true takes it out.
	Rules() any
}

// Result is what an exploration found.
type Result struct {
	States  int      // how many were visited
	Problem string   // "" if nothing goes wrong
	Trace   []string // the steps of the shortest way to the problem
}

// Explore visits every state that the model can reach, the nearest first, and stops at the
// first one with a problem.
func Explore[S comparable](m Model[S]) Result {
	first := m.First()
	seen := map[S]bool{first: true}
	states, parents := []S{first}, []int{-1}
	for i := 0; i < len(states); i++ {
		s := states[i]
		steps := m.Steps(&s)
		if problem := m.Problem(&s, len(steps) == 0); problem != "" {
			return Result{len(states), problem, trace(m, states, parents, i)}
		}
		for _, next := range steps {
			if !seen[next.To] {
				seen[next.To] = true
				states, parents = append(states, next.To), append(parents, i)
			}
		}
	}
	return Result{States: len(states)}
}

// trace returns the labels of the steps that lead to the state with that index.
func trace[S comparable](m Model[S], states []S, parents []int, i int) []string {
	var labels []string
	for parents[i] >= 0 {
		before := states[parents[i]]
		for _, next := range m.Steps(&before) {
			if next.To == states[i] {
				labels = append([]string{next.Label}, labels...)
				break
			}
		}
		i = parents[i]
	}
	return labels
}
