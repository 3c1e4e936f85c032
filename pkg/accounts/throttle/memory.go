package throttle

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Memory is a [Store] inside one process.
type Memory struct {
	mu      sync.Mutex
	tallies map[string]Tally
	sweepAt int // size at which expired tallies are looked for
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{tallies: map[string]Tally{}, sweepAt: 1024} }

// Count implements [Store].
func (m *Memory) Count(ctx context.Context, c Count) (Tally, bool, error) {
	if err := ctx.Err(); err != nil {
		return Tally{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(c.At)
	t, ok := m.tallies[c.Key]
	if ok && !c.lets(t) {
		return t, false, nil
	}
	t = Tally{t.Failures + 1, c.At.Truncate(time.Millisecond), c.Expires.Truncate(time.Second)}
	m.tallies[c.Key] = t
	return t, true, nil
}

// sweep removes expired tallies whenever their number has doubled, so that names
// that nobody has do not fill the memory.
func (m *Memory) sweep(now time.Time) {
	if len(m.tallies) < m.sweepAt {
		return
	}
	maps.DeleteFunc(m.tallies, func(_ string, t Tally) bool { return !t.Expires.IsZero() && !t.Expires.After(now) })
	m.sweepAt = max(1024, 2*len(m.tallies))
}

// Withdraw implements [Store].
func (m *Memory) Withdraw(ctx context.Context, key string) error {
	return m.change(ctx, key, func(t *Tally) { t.Failures = max(0, t.Failures-1) })
}

// Keep implements [Store].
func (m *Memory) Keep(ctx context.Context, key string) error {
	return m.change(ctx, key, func(t *Tally) { t.Expires = time.Time{} })
}

func (m *Memory) change(ctx context.Context, key string, change func(*Tally)) error {
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

// Clear implements [Store].
func (m *Memory) Clear(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tallies, key)
	return nil
}
