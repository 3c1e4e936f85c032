package throttle

import (
	"context"
	"time"
)

// Store keeps counters by key. It applies no rules of its own, never reads a clock,
// and is safe for concurrent use. An error is an outage: the result is unknown.
// accountstest.RunAttempts tests this contract. A store that loses counts, or counts two
// attempts as one, allows that many more guesses; it never lets in who knows no password.
type Store interface {
	// Count adds one failure to the counter of c.Key and sets its other fields, in
	// one atomic step. It does so only if there is no counter yet or if
	// [Count.Allows] is true for it. A stored counter that has [Counter.Expired] at
	// c.At counts as absent: it starts again at one failure. Count returns the counter
	// after that step, and whether the attempt was counted. A call that was sent twice
	// counts once.
	Count(ctx context.Context, c Count) (Counter, bool, error)

	// Withdraw undoes the Count of the attempt with that ID. If that is the last
	// attempt of the counter, the counter has one failure less and the time of the
	// attempt before it. If others have counted since, it has only one failure less.
	// A counter that comes to no failures is removed.
	//
	// If the answer to Count was lost, counted is false. Then Withdraw changes nothing
	// unless the attempt is the last one of the counter. Otherwise it could take back
	// an attempt of somebody else.
	//
	// The store sends each change only once, without a retry.
	Withdraw(ctx context.Context, key, id string, counted bool) error

	// Keep removes the expiry of the counter. The counter then stays until it is
	// cleared, or until the next attempt is counted.
	Keep(ctx context.Context, key string) error

	// Clear removes the counter. It returns nil if there is no counter.
	Clear(ctx context.Context, key string) error

	// Get returns the counters of those keys that have one, also expired ones. A key may
	// be there twice. Get sees every change that finished before the call. It is for
	// operators.
	Get(ctx context.Context, keys []string) (map[string]Counter, error)
}

// Count is one attempt that is to be counted.
type Count struct {
	Key     string    // of the counter
	ID      string    // random
	At      time.Time // of the attempt; milliseconds
	Steps   []Step    // in the order of From; the first From is 0, and the last Wait is without end
	Expires time.Time // when the counter may be removed, for example by a TTL
}

// Counter is the value that is stored under a key. A store also keeps the ID of the
// last attempt and the time of the attempt before it, for Withdraw.
type Counter struct {
	Failures int       // attempts that were counted and not taken back
	Last     time.Time // milliseconds
	Expires  time.Time // whole seconds; zero: it never expires
}

// Expired reports whether the counter counts as absent at that time.
func (c Counter) Expired(at time.Time) bool { return !c.Expires.IsZero() && !c.Expires.After(at) }

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
