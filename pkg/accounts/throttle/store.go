package throttle

import (
	"context"
	"time"
)

// Store keeps tallies by key. It is dumb, safe for concurrent use and never reads a
// clock. An error is an outage: the answer is not known.
type Store interface {
	// Count adds one failure to the tally of c.Key and sets its other fields, in one
	// atomic step, if there is none yet or c.Rungs let it: the rung that its failures
	// stand on has no wait, or the wait since its last attempt is over at c.At. It returns the tally as it is then, and whether the attempt was
	// counted. A call that was sent twice counts once.
	Count(ctx context.Context, c Count) (Tally, bool, error)

	// Withdraw takes one failure off the tally, if it has any. It is sent once.
	Withdraw(ctx context.Context, key string) error

	// Keep makes the tally stay until it is cleared.
	Keep(ctx context.Context, key string) error

	// Clear removes the tally. None is not an error.
	Clear(ctx context.Context, key string) error
}

// Count is one attempt to be counted.
type Count struct {
	Key     string
	ID      string // random
	At      time.Time
	Rungs   []Rung    // from the ground up, the first from 0, the last one's Wait without end
	Expires time.Time // when the tally may be removed, as by a TTL
}

// Tally is what is kept under a key.
type Tally struct {
	Failures int
	Last     time.Time // milliseconds
	Expires  time.Time // whole seconds; zero: it is kept
}

// Allows reports whether the attempt may be counted on top of the tally.
func (c Count) Allows(t Tally) bool {
	for i, rung := range c.Rungs[:len(c.Rungs)-1] {
		if t.Failures >= rung.From && t.Failures < c.Rungs[i+1].From {
			// Without a wait no clocks are compared: those of two instances differ.
			return rung.Wait == 0 || !t.Last.After(c.At.Add(-rung.Wait))
		}
	}
	return false
}
