package throttle

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Subject is a name, and the owner of the name if it has one.
type Subject struct {
	Name  string // normalised
	Owner Owner  // zero if it has none
}

// Stop is a limit that a subject meets at a time.
type Stop struct {
	By       string    // "name", "device" or "user"
	Failures int       // in a row
	Since    time.Time // the last failed attempt
	Until    time.Time // when the next attempt is allowed; zero: when an operator unlocks the name, or for "user" also when the user signs in
}

// checks returns the checks of all limits of a subject.
func (l *Limiter) checks(s Subject) []*limitCheck {
	checks := []*limitCheck{l.name(s.Name)}
	if s.Owner.UserID != "" {
		checks = append(checks, l.devices(s.Name, s.Owner), l.user(s.Owner.UserID))
	}
	return checks
}

// Stops returns the limits that each of the subjects meets now. It is for operators.
// Networks are not among them.
func (l *Limiter) Stops(ctx context.Context, subjects ...Subject) ([][]Stop, error) {
	var keys []string
	for _, s := range subjects {
		for _, check := range l.checks(s) {
			keys = append(keys, check.key)
		}
	}
	counters, err := l.store.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	stops := make([][]Stop, len(subjects))
	for i, s := range subjects {
		for _, check := range l.checks(s) {
			if stop, ok := check.stop(counters[check.key], now); ok {
				stops[i] = append(stops[i], stop)
			}
		}
	}
	return stops, nil
}

// stop returns what the stored counter means at that time, if it stops attempts.
func (c *limitCheck) stop(stored Counter, now time.Time) (stop Stop, ok bool) {
	c.stored = stored
	if stored.Failures == 0 || stored.Expired(now) {
		return stop, false
	}
	stop = Stop{By: c.by, Failures: stored.Failures, Since: stored.Last}
	switch {
	case c.locked() && c.by == "device":
		stop.Until = stored.Expires
	case !c.locked():
		stop.Until = stored.Last.Add(c.ladder.wait(stored.Failures))
	}
	return stop, stop.Until.IsZero() || stop.Until.After(now)
}

// Unlock clears the failures of a name, of the devices of its owner and of the owner.
// It is for operators.
func (l *Limiter) Unlock(ctx context.Context, s Subject) error {
	checks := l.checks(s)
	errs := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { errs[i] = l.store.Clear(ctx, check.key) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
