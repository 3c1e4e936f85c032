package main

// step is one thing that can happen, and the state after it.
type step struct {
	to    state
	label string
}

// result is what an exploration found.
type result struct {
	states  int
	problem string   // "" if nothing goes wrong
	trace   []string // the steps of the shortest way to the problem
}

// explore visits every state that the model can reach, the nearest first, and stops at the
// first state with a problem.
func explore(m *model) result {
	first := m.first()
	seen := map[state]bool{first: true}
	states, parents := []state{first}, []int{-1}
	for i := 0; i < len(states); i++ {
		s := states[i]
		steps := m.steps(&s)
		problem := m.problem(&s)
		if problem == "" && len(steps) == 0 {
			problem = m.problemAtEnd(&s)
		}
		if problem != "" {
			return result{len(states), problem, m.trace(states, parents, i)}
		}
		for _, next := range steps {
			if !seen[next.to] {
				seen[next.to] = true
				states, parents = append(states, next.to), append(parents, i)
			}
		}
	}
	return result{states: len(states)}
}

// trace returns the labels of the steps that lead to the state with that index.
func (m *model) trace(states []state, parents []int, i int) []string {
	var labels []string
	for parents[i] >= 0 {
		before := states[parents[i]]
		for _, next := range m.steps(&before) {
			if next.to == states[i] {
				labels = append([]string{next.label}, labels...)
				break
			}
		}
		i = parents[i]
	}
	return labels
}
