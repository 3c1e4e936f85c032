package throttle

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"sync"
	"time"
)

// Carry gives the failures of from to the subject to, which is the same user by another
// name, so that a new name allows no more guesses: afterwards each counter of to has at
// least the failures that the one of from has, and is kept as long. It leaves the counters
// of from as they are: see [Limiter.Forget]. Called again, it adds nothing. It is for
// operators.
func (l *Limiter) Carry(ctx context.Context, from, to Subject) error {
	pairs := l.pairs(from, to)
	var keys []string
	for _, p := range pairs {
		keys = append(keys, p.from.key, p.to.key)
	}
	counters, err := l.store.Get(ctx, keys)
	if err != nil {
		return err
	}
	errs := make([]error, len(pairs))
	var wg sync.WaitGroup
	for i, p := range pairs {
		wg.Go(func() { errs[i] = l.raise(ctx, p.to.key, counters[p.to.key], counters[p.from.key]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Forget clears the counters of from that the subject to does not have. It is for operators,
// after [Limiter.Carry].
func (l *Limiter) Forget(ctx context.Context, from, to Subject) error {
	var errs []error
	for _, p := range l.pairs(from, to) {
		errs = append(errs, l.store.Clear(ctx, p.from.key))
	}
	return errors.Join(errs...)
}

// pair are two checks of one kind.
type pair struct{ from, to *limitCheck }

// pairs returns the checks of the two subjects that have counters of their own.
func (l *Limiter) pairs(from, to Subject) (pairs []pair) {
	after := l.checks(to)
	for i, check := range l.checks(from) {
		if i < len(after) && check.key != after[i].key {
			pairs = append(pairs, pair{check, after[i]})
		}
	}
	return pairs
}

// anyNumber counts without a wait.
var anyNumber = Ladder{Free: math.MaxInt32, Lock: math.MaxInt32}

// raise counts as many failures as are missing under the key.
func (l *Limiter) raise(ctx context.Context, key string, have, want Counter) error {
	now := time.Now().UTC()
	if want.Failures == 0 || want.Expired(now) {
		return nil
	}
	if have.Failures > 0 && have.Expired(now) {
		if err := l.store.Clear(ctx, key); err != nil {
			return err
		}
		have = Counter{}
	}
	count := Count{Key: key, At: want.Last, Steps: anyNumber.Steps(), Expires: want.Expires}
	if have.Last.After(count.At) {
		count.At = have.Last
	}
	if count.Expires.IsZero() || have.Expires.After(count.Expires) {
		count.Expires = count.At.Add(keepName) // a lock is kept below
	}
	for range want.Failures - have.Failures {
		count.ID = rand.Text()
		if _, _, err := l.store.Count(ctx, count); err != nil {
			return err
		}
	}
	if want.Expires.IsZero() {
		return l.store.Keep(ctx, key)
	}
	return nil
}
