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
	counters map[string]throttle.Counter
	sweepAt  int // the number of counters at which expired ones are removed
}

// NewAttempts returns an empty store.
func NewAttempts() *Attempts {
	return &Attempts{counters: map[string]throttle.Counter{}, sweepAt: 1024}
}

// Count implements [throttle.Store].
func (m *Attempts) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	if err := ctx.Err(); err != nil {
		return throttle.Counter{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(c.At)
	counter, ok := m.counters[c.Key]
	if ok && !c.Allows(counter) {
		return counter, false, nil
	}
	counter = throttle.Counter{Failures: counter.Failures + 1, Last: c.At.Truncate(time.Millisecond), Expires: c.Expires.Truncate(time.Second)}
	m.counters[c.Key] = counter
	return counter, true, nil
}

// sweep removes expired counters each time their number has doubled. Otherwise
// attempts with unknown names could fill the memory.
func (m *Attempts) sweep(now time.Time) {
	if len(m.counters) < m.sweepAt {
		return
	}
	maps.DeleteFunc(m.counters, func(_ string, counter throttle.Counter) bool {
		return !counter.Expires.IsZero() && !counter.Expires.After(now)
	})
	m.sweepAt = max(1024, 2*len(m.counters))
}

// Withdraw implements [throttle.Store].
func (m *Attempts) Withdraw(ctx context.Context, key string) error {
	return m.change(ctx, key, func(counter *throttle.Counter) { counter.Failures = max(0, counter.Failures-1) })
}

// Keep implements [throttle.Store].
func (m *Attempts) Keep(ctx context.Context, key string) error {
	return m.change(ctx, key, func(counter *throttle.Counter) { counter.Expires = time.Time{} })
}

func (m *Attempts) change(ctx context.Context, key string, change func(*throttle.Counter)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if counter, ok := m.counters[key]; ok {
		change(&counter)
		m.counters[key] = counter
	}
	return nil
}

// Clear implements [throttle.Store].
func (m *Attempts) Clear(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.counters, key)
	return nil
}
