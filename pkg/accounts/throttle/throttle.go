// Package throttle slows down the guessing of passwords, across all instances of a
// program. Every attempt to sign in is counted in a shared [Store] before its
// password is checked. So guesses made at the same time cost no more hashes than
// guesses made one after another.
//
// There are three kinds of counters. The counter of a name limits guesses at one
// account, from any network. The counter of a network limits one attacker who tries
// many names. The counter of a device lets the owner of a name sign in on a device
// that signed in before, while others attack the name.
//
// This package may still change in ways that break programs.
package throttle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config says how many failed attempts are allowed. The zero Config has the defaults.
type Config struct {
	// Name is the ladder of a name on devices that are not known. Default: 10
	// failures without a wait; then a wait of 30 s that doubles up to 1 h; at 100
	// failures in a row the name is locked until an operator unlocks it (NIST SP
	// 800-63B-4, section 3.2.2: no more than 100).
	Name Ladder

	// Device is the ladder of a name on a device that signed in to it before. When it
	// locks, the device counts as unknown again. Default: 5 failures, the waits of
	// Name, and a lock at 20 failures.
	Device Ladder

	// Network is how many attempts that do not succeed one network may make. A
	// network is an IPv4 address, or the /64 of an IPv6 address. Default: 100 in 10
	// minutes. The limit is high, because a network may be an office or a mobile
	// carrier.
	Network Window

	// DeviceKeys sign the cookies of known devices. The first key signs, and all keys
	// verify. Without keys no device is ever known.
	DeviceKeys [][]byte
}

// Window is a limit of a fixed time window: at most Limit attempts in each Period.
type Window struct {
	Limit  int
	Period time.Duration // whole seconds
}

// Limiter applies a [Config] to the counters in a [Store]. It is safe for
// concurrent use.
type Limiter struct {
	store Store
	cfg   Config
}

// New returns a Limiter on store. The error names the invalid part of cfg.
func New(store Store, cfg Config) (*Limiter, error) {
	if cfg.Name == (Ladder{}) {
		cfg.Name = Ladder{Free: 10, First: 30 * time.Second, Longest: time.Hour, Lock: 100}
	}
	if cfg.Device == (Ladder{}) {
		cfg.Device = Ladder{Free: 5, First: cfg.Name.First, Longest: cfg.Name.Longest, Lock: 20}
	}
	if cfg.Network == (Window{}) {
		cfg.Network = Window{Limit: 100, Period: 10 * time.Minute}
	}
	if err := errors.Join(cfg.Name.check(), cfg.Device.check(), cfg.Network.check()); err != nil {
		return nil, err
	}
	return &Limiter{store, cfg}, nil
}

func (w Window) check() error {
	if w.Limit < 1 || w.Period < time.Second || w.Period%time.Second != 0 {
		return fmt.Errorf("a limit of %d in %v cannot be; want 1 or more, in whole seconds", w.Limit, w.Period)
	}
	return nil
}

// Attempt is one attempt to sign in.
type Attempt struct {
	Name    string // normalised; it may be a name that no account has
	Address string // the client's IP address
	Device  string // the value of the client's device cookie, "" if it sent none
}

// Admission is an attempt that was counted and may go on. The caller must report its
// outcome, except for a wrong name or password: the attempt is already counted as
// failed. Only the first outcome has an effect.
type Admission struct {
	KnownDevice bool // the device has signed in to this name before
	Failures    int  // failed attempts in a row before this one

	store            Store
	subject, network *limitCheck // subject is the check of the name or of the device
	once             sync.Once   // for the first outcome
}

// Admit counts the attempt and decides whether it may go on. It makes one call for
// the name or the device, and at the same time one for the network. If the attempt is
// refused, Admit returns an [*authn.ThrottledError], and the attempt does not count.
// Any other error is an outage, and the attempt must not go on.
func (l *Limiter) Admit(ctx context.Context, a Attempt) (*Admission, error) {
	now := time.Now().UTC()
	network := l.network(a.Address, now)
	subject, known := l.device(a.Device, a.Name)
	if !known {
		subject = l.name(a.Name)
	}
	var wg sync.WaitGroup
	wg.Go(func() { network.count(ctx, l.store, now) })
	subject.count(ctx, l.store, now)
	if subject.locked && known {
		subject, known = l.name(a.Name), false
		subject.count(ctx, l.store, now)
	}
	wg.Wait()
	admission := &Admission{KnownDevice: known, Failures: subject.failures - 1, store: l.store, subject: subject, network: network}
	switch {
	case subject.err != nil || network.err != nil:
		admission.Withdraw(ctx)
		return nil, errors.Join(subject.err, network.err)
	case subject.refused != nil:
		admission.Withdraw(ctx)
		return nil, subject.refused
	case network.refused != nil:
		admission.Withdraw(ctx)
		return nil, network.refused
	}
	return admission, nil
}

// Succeed clears the failures in a row, and takes this attempt off the network's
// counter. If that fails, it logs the error, and the attempt stays counted.
func (a *Admission) Succeed(ctx context.Context) {
	a.once.Do(func() {
		var wg sync.WaitGroup
		wg.Go(func() { a.network.withdraw(ctx, a.store) })
		if err := a.store.Clear(ctx, a.subject.key); err != nil {
			slog.WarnContext(ctx, "attempts not forgotten", "key", a.subject.key, "error", err)
		}
		wg.Wait()
	})
}

// Withdraw takes the attempt off all counters, as far as it can. It is for an attempt
// that an outage ended, which neither succeeded nor failed.
func (a *Admission) Withdraw(ctx context.Context) {
	a.once.Do(func() {
		var wg sync.WaitGroup
		wg.Go(func() { a.network.withdraw(ctx, a.store) })
		a.subject.withdraw(ctx, a.store)
		wg.Wait()
	})
}

// Unlock clears the failures of a name. It is for operators.
func (l *Limiter) Unlock(ctx context.Context, name string) error {
	return l.store.Clear(ctx, l.name(name).key)
}
