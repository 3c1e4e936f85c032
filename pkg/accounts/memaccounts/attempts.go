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
	mu      sync.Mutex
	tallies map[string]throttle.Tally
	sweepAt int // size at which expired tallies are looked for
}

// NewAttempts returns an empty store.
func NewAttempts() *Attempts { return &Attempts{tallies: map[string]throttle.Tally{}, sweepAt: 1024} }

// Count implements [throttle.Store].
func (m *Attempts) Count(ctx context.Context, c throttle.Count) (throttle.Tally, bool, error) {
	if err := ctx.Err(); err != nil {
		return throttle.Tally{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(c.At)
	t, ok := m.tallies[c.Key]
	if ok && !c.Allows(t) {
		return t, false, nil
	}
	t = throttle.Tally{Failures: t.Failures + 1, Last: c.At.Truncate(time.Millisecond), Expires: c.Expires.Truncate(time.Second)}
	m.tallies[c.Key] = t
	return t, true, nil
}

// sweep removes expired tallies whenever their number has doubled, so that names
// that nobody has do not fill the memory.
func (m *Attempts) sweep(now time.Time) {
	if len(m.tallies) < m.sweepAt {
		return
	}
	maps.DeleteFunc(m.tallies, func(_ string, t throttle.Tally) bool { return !t.Expires.IsZero() && !t.Expires.After(now) })
	m.sweepAt = max(1024, 2*len(m.tallies))
}

// Withdraw implements [throttle.Store].
func (m *Attempts) Withdraw(ctx context.Context, key string) error {
	return m.change(ctx, key, func(t *throttle.Tally) { t.Failures = max(0, t.Failures-1) })
}

// Keep implements [throttle.Store].
func (m *Attempts) Keep(ctx context.Context, key string) error {
	return m.change(ctx, key, func(t *throttle.Tally) { t.Expires = time.Time{} })
}

func (m *Attempts) change(ctx context.Context, key string, change func(*throttle.Tally)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, ok := m.tallies[key]; ok {
		change(&t)
		m.tallies[key] = t
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
	delete(m.tallies, key)
	return nil
}
