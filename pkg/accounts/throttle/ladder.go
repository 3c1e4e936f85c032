package throttle

import (
	"fmt"
	"math"
	"time"
)

// Ladder says how long the next attempt must wait after a number of failures in a
// row.
type Ladder struct {
	Free    int           // number of failures that cause no wait
	First   time.Duration // the wait after one more failure; each further failure doubles it
	Longest time.Duration // the maximum of the wait
	Lock    int           // number of failures after which no attempt is allowed
}

// forever is the wait of a locked ladder.
const forever = time.Duration(math.MaxInt64)

// Step is a part of a ladder. When a counter has From failures or more, the next
// attempt is allowed only after Wait has passed since the last one.
type Step struct {
	From int           // failures from which the step holds
	Wait time.Duration // after the last attempt
}

func (l Ladder) check() error {
	if l.Free < 1 || l.Lock <= l.Free || l.First < time.Second || l.Longest < l.First {
		return fmt.Errorf("a ladder of %d free failures, waits from %v to %v and a lock at %d cannot be; "+
			"want 1 or more, waits of a second or more that grow, and a lock beyond the free ones", l.Free, l.First, l.Longest, l.Lock)
	}
	return nil
}

// Steps returns the steps of the ladder, in the order of From. The first step is for
// no failures.
func (l Ladder) Steps() []Step {
	all := []Step{{From: 0}}
	for from, wait := l.Free, l.First; from < l.Lock; from, wait = from+1, wait*2 {
		all = append(all, Step{from, min(wait, l.Longest)})
		if wait >= l.Longest {
			break
		}
	}
	return append(all, Step{l.Lock, forever})
}

// wait returns how long the next attempt must wait after the last one.
func (l Ladder) wait(failures int) (wait time.Duration) {
	for _, step := range l.Steps() {
		if failures >= step.From {
			wait = step.Wait
		}
	}
	return wait
}
