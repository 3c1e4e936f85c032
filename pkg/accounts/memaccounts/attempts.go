package memaccounts

import (
	"context"
	"maps"
	"sync"
	"time"

	"example.com/coatcheck/pkg/accounts/throttle"
)

// Attempts is a [throttle.Store].
type Attempts struct {
	mu       sync.Mutex
	counters map[string]counter
	sweepAt  int // the number of counters at which expired ones are removed
}

type counter struct {
	throttle.Counter
	attempt  string    // the ID of the last attempt
	previous time.Time // the time of the attempt before it
}

// NewAttempts returns an empty store.
func NewAttempts() *Attempts {
	return &Attempts{counters: map[string]counter{}, sweepAt: 1024}
}

// Count implements [throttle.Store].
func (m *Attempts) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	if err := ctx.Err(); err != nil {
		return throttle.Counter{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(c.At)
	stored := m.counters[c.Key]
	if stored.Expired(c.At) {
		stored = counter{}
	}
	if stored.attempt == c.ID || stored.Failures > 0 && !c.Allows(stored.Counter) {
		return stored.Counter, stored.attempt == c.ID, nil
	}
	next := throttle.Counter{Failures: stored.Failures + 1, Last: c.At.Truncate(time.Millisecond), Expires: c.Expires.Truncate(time.Second)}
	m.counters[c.Key] = counter{next, c.ID, stored.Last}
	return next, true, nil
}

// sweep removes expired counters each time their number has doubled. Otherwise
// attempts with unknown names could fill the memory.
func (m *Attempts) sweep(now time.Time) {
	if len(m.counters) < m.sweepAt {
		return
	}
	maps.DeleteFunc(m.counters, func(_ string, stored counter) bool { return stored.Expired(now) })
	m.sweepAt = max(1024, 2*len(m.counters))
}

// Withdraw implements [throttle.Store].
func (m *Attempts) Withdraw(ctx context.Context, key, id string, counted bool) error {
	return m.change(ctx, key, func(stored *counter) {
		last := stored.attempt == id
		if last {
			stored.Last = stored.previous
		}
		if last || counted {
			stored.Failures--
		}
	})
}

// Keep implements [throttle.Store].
func (m *Attempts) Keep(ctx context.Context, key string) error {
	return m.change(ctx, key, func(stored *counter) { stored.Expires = time.Time{} })
}

// Clear implements [throttle.Store].
func (m *Attempts) Clear(ctx context.Context, key string) error {
	return m.change(ctx, key, func(stored *counter) { stored.Failures = 0 })
}

// change changes the counter of the key, if there is one, and removes it if it then has
// no failures.
func (m *Attempts) change(ctx context.Context, key string, change func(*counter)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.counters[key]
	if !ok {
		return nil
	}
	change(&stored)
	m.counters[key] = stored
	if stored.Failures == 0 {
		delete(m.counters, key)
	}
	return nil
}

// Get implements [throttle.Store].
func (m *Attempts) Get(ctx context.Context, keys []string) (map[string]throttle.Counter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]throttle.Counter{}
	for _, key := range keys {
		if stored, ok := m.counters[key]; ok {
			found[key] = stored.Counter
		}
	}
	return found, nil
}
