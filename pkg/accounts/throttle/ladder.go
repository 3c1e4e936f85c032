package throttle

import (
	"fmt"
	"math"
	"time"
)

// Ladder is how long the next attempt has to wait after so many failures in a row.
type Ladder struct {
	Free    int           // failures after which there is no wait yet
	First   time.Duration // the wait after one more; each failure doubles it
	Longest time.Duration // until it is this
	Lock    int           // failures after which no attempt is let through
}

// forever is the wait after a ladder has locked.
const forever = time.Duration(math.MaxInt64)

// Step is a part of a ladder: from so many failures on, the next attempt is let
// through Wait after the last one.
type Step struct {
	From int
	Wait time.Duration
}

func (l Ladder) check() error {
	if l.Free < 1 || l.Lock <= l.Free || l.First < time.Second || l.Longest < l.First {
		return fmt.Errorf("a ladder of %d free failures, waits from %v to %v and a lock at %d cannot be; "+
			"want 1 or more, waits of a second or more that grow, and a lock beyond the free ones", l.Free, l.First, l.Longest, l.Lock)
	}
	return nil
}

// Steps returns the ladder from the ground up. The first step is for no failures.
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

// wait returns how long after the last one the next attempt may come.
func (l Ladder) wait(failures int) (wait time.Duration) {
	for _, step := range l.Steps() {
		if failures >= step.From {
			wait = step.Wait
		}
	}
	return wait
}
