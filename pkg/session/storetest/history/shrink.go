package history

import (
	"context"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"example.com/coatcheck/pkg/session"
)

// shorter returns the violation with fewer calls. What it leaves out changes no judgement. A
// history whose beginning is wrong is wrong. So is one that is wrong without a call that only
// looked. And so is one that is wrong if nobody can tell one content from another, or one time
// from another: then more calls are such that only look.
func (v *violation) shorter() *violation {
	if v.steps[0].Input.(action).verb == signIn { // about the limit, and short
		return v
	}
	steps := beginning(v.steps)
	for _, blind := range []func(*action, *answer) bool{toTimes, toData} {
		if less := blinded(steps, blind); wrong(less) {
			steps = less
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if less := slices.Delete(slices.Clone(steps), i, i+1); looks(steps[i]) && wrong(less) {
			steps = less
		}
	}
	short := *v
	short.steps = steps
	return &short
}

// wrong reports whether the checker is certain that the calls have no order.
func wrong(steps []porcupine.Operation) bool {
	return porcupine.CheckOperationsTimeout(model, steps, 5*time.Second) == porcupine.Illegal
}

// beginning returns the calls until the first moment at which they are wrong.
func beginning(steps []porcupine.Operation) []porcupine.Operation {
	var moments []int64
	for _, s := range steps {
		if s.Return != never {
			moments = append(moments, s.Return)
		}
	}
	slices.Sort(moments)
	for _, moment := range moments {
		if cut := until(steps, moment); wrong(cut) {
			return cut
		}
	}
	return steps
}

// until returns what is known at that moment: of a call that has not answered yet nobody knows
// whether it has taken effect.
func until(steps []porcupine.Operation, moment int64) (cut []porcupine.Operation) {
	for _, s := range steps {
		switch {
		case s.Call > moment, s.Return > moment && looks(s):
			continue
		case s.Return > moment:
			s.Return, s.Output = never, answer{outcome: unknown}
		}
		cut = append(cut, s)
	}
	return cut
}

// looks reports whether the call changes nothing, in whatever order.
func looks(s porcupine.Operation) bool {
	a, told := s.Input.(action), s.Output.(answer).outcome
	switch a.verb {
	case load, list:
		return true
	case touch:
		return told == noSession || a.at == 0
	case update:
		return told == noSession || told == conflict || a.data == 0
	case renew, reauthenticate:
		return told == noSession || told == conflict
	}
	return false
}

// blinded returns the calls as blind leaves them. It returns false for one to leave out.
func blinded(steps []porcupine.Operation, blind func(*action, *answer) bool) (less []porcupine.Operation) {
	for _, s := range steps {
		a, got := s.Input.(action), s.Output.(answer)
		if blind(&a, &got) {
			s.Input, s.Output = a, got
			less = append(less, s)
		}
	}
	return less
}

// toTimes makes all times the same, so that a touch changes nothing.
func toTimes(a *action, got *answer) bool {
	a.at, a.browser = 0, 0
	got.saw.proved, got.saw.seen, got.saw.ends, got.saw.browser = 0, 0, 0, 0
	return a.notBefore == 0
}

// toData makes all roles and values the same, so that an update changes nothing.
func toData(a *action, got *answer) bool {
	a.data, a.prior, got.saw.data = 0, 0, 0
	return true
}

const (
	mostReruns = 1000 // of one violation
	reruns     = 10   // of one plan: how calls cross is chance
)

// minimised looks for a shorter violation of the same store: it leaves out browsers, calls and
// faults of the plan as long as a run is still wrong, and returns the shortest that it has seen.
// It makes that many runs at most.
func minimised(ctx context.Context, store session.Store, v *violation, left int) *violation {
	best := v.shorter()
	wrongAgain := func(p plan) bool {
		for n := 0; n < reruns && left > 0; n++ {
			left--
			if found, err := makeOne(ctx, store, p); err == nil && found != nil {
				if found = found.shorter(); len(found.steps) <= len(best.steps) {
					best = found
				}
				return true
			}
		}
		return false
	}
	p := v.plan
	for i, smaller := 0, p.smaller(); i < len(smaller); i++ {
		if wrongAgain(smaller[i]) {
			p = smaller[i]
			i, smaller = -1, p.smaller()
		}
	}
	return best
}

// smaller returns the plans that are a step smaller than p, those that leave out most first.
func (p plan) smaller() (all []plan) {
	for i := range p.browsers {
		if len(p.browsers) > 1 {
			all = append(all, p.with(func(q *plan) { q.browsers = slices.Delete(q.browsers, i, i+1) }))
		}
	}
	for i, moves := range p.browsers {
		if half := len(moves) / 2; half > 1 {
			all = append(all, p.with(func(q *plan) { q.browsers[i] = q.browsers[i][:half] }),
				p.with(func(q *plan) { q.browsers[i] = q.browsers[i][half:] }))
		}
	}
	for i, moves := range p.browsers {
		for j := range moves {
			all = append(all, p.with(func(q *plan) { q.browsers[i] = slices.Delete(q.browsers[i], j, j+1) }))
		}
	}
	for i, moves := range p.browsers {
		for j := range moves {
			if moves[j].faults {
				all = append(all, p.with(func(q *plan) { q.browsers[i][j].faults = false }))
			}
		}
	}
	return all
}

// with returns a copy of p that change has changed.
func (p plan) with(change func(*plan)) plan {
	q := p
	q.browsers = nil
	for _, moves := range p.browsers {
		q.browsers = append(q.browsers, slices.Clone(moves))
	}
	change(&q)
	return q
}
