package throttle

import (
	"context"
	"time"
)

// Store keeps counters by key. It applies no rules of its own, never reads a clock,
// and is safe for concurrent use. An error is an outage: the result is unknown.
type Store interface {
	// Count adds one failure to the counter of c.Key and sets its other fields, in
	// one atomic step. It does so only if there is no counter yet or if
	// [Count.Allows] is true for it. It returns the counter after that step, and
	// whether the attempt was counted. A call that was sent twice counts once.
	Count(ctx context.Context, c Count) (Counter, bool, error)

	// Withdraw takes one failure off the counter, if the counter has any. The store
	// sends this change only once, without a retry.
	Withdraw(ctx context.Context, key string) error

	// Keep removes the expiry of the counter. The counter then stays until it is
	// cleared.
	Keep(ctx context.Context, key string) error

	// Clear removes the counter. It returns nil if there is no counter.
	Clear(ctx context.Context, key string) error
}

// Count is one attempt that is to be counted.
type Count struct {
	Key     string
	ID      string // random
	At      time.Time
	Steps   []Step    // in the order of From; the first From is 0, and the last Wait is without end
	Expires time.Time // when the counter may be removed, for example by a TTL
}

// Counter is the value that is stored under a key.
type Counter struct {
	Failures int
	Last     time.Time // milliseconds
	Expires  time.Time // whole seconds; zero: it never expires
}

// Allows reports whether the attempt may be counted on top of the stored counter. It
// may be if the step for its failures has no wait, or if the wait since the last
// attempt is over at c.At.
func (c Count) Allows(stored Counter) bool {
	for i, step := range c.Steps[:len(c.Steps)-1] {
		if stored.Failures >= step.From && stored.Failures < c.Steps[i+1].From {
			// Without a wait, times are not compared, because the clocks of two
			// instances differ.
			return step.Wait == 0 || !stored.Last.After(c.At.Add(-step.Wait))
		}
	}
	return false
}
