package throttle

import (
	"context"
	"time"
)

// Store keeps counters by key. It is dumb, safe for concurrent use and never reads a
// clock. An error is an outage: the answer is not known.
type Store interface {
	// Count adds one failure to the counter of c.Key and sets its other fields, in one
	// atomic step, if there is no counter yet or if [Count.Allows] says so. It returns
	// the counter as it is then, and whether the attempt was counted. A call that was
	// sent twice counts once.
	Count(ctx context.Context, c Count) (Counter, bool, error)

	// Withdraw takes one failure off the counter, if it has any. It is sent once.
	Withdraw(ctx context.Context, key string) error

	// Keep makes the counter stay until it is cleared.
	Keep(ctx context.Context, key string) error

	// Clear removes the counter. None is not an error.
	Clear(ctx context.Context, key string) error
}

// Count is one attempt to be counted.
type Count struct {
	Key     string
	ID      string // random
	At      time.Time
	Steps   []Step    // from the ground up, the first from 0, the last one's Wait without end
	Expires time.Time // when the counter may be removed, as by a TTL
}

// Counter is what is kept under a key.
type Counter struct {
	Failures int
	Last     time.Time // milliseconds
	Expires  time.Time // whole seconds; zero: it is kept
}

// Allows reports whether the attempt may be counted on top of the stored counter: the
// step that its failures have reached has no wait, or the wait since its last attempt
// is over at c.At.
func (c Count) Allows(t Counter) bool {
	for i, step := range c.Steps[:len(c.Steps)-1] {
		if t.Failures >= step.From && t.Failures < c.Steps[i+1].From {
			// Without a wait no clocks are compared: those of two instances differ.
			return step.Wait == 0 || !t.Last.After(c.At.Add(-step.Wait))
		}
	}
	return false
}
