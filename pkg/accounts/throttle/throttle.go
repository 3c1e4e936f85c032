// Package throttle slows down the guessing of passwords, across all instances of a
// program: every attempt to sign in is counted in a shared [Store] before a
// password is looked at, so that guesses made at the same time cost no more hashes
// than guesses made one after another.
//
// Three counters are kept. That of a name answers guesses at one account, from
// wherever they come; that of a network answers one guesser who tries many names;
// and that of a device lets the owner of a name in, on a device that signed in
// before, while strangers hammer the name.
package throttle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config is how many failures are borne. The zero Config has the defaults.
type Config struct {
	// Name is the ladder of a name on devices that are not known. Default: 10
	// failures, then 30 s doubling to 1 h, and at 100 failures in a row locked until
	// an operator unlocks it (NIST SP 800-63B-4, section 3.2.2: no more than 100).
	Name Ladder

	// Device is the ladder of a name on a device that signed in to it before. When it
	// locks, the device is a stranger again. Default: 5 failures, the waits of Name,
	// and locked at 20.
	Device Ladder

	// Network is how many attempts that are no success one network may make: an IPv4
	// address, or the /64 of an IPv6 one. Default: 100 in 10 minutes. It is wide,
	// because a network may be an office or a mobile carrier.
	Network Window

	// DeviceKeys sign the cookies of known devices: the first signs, all verify.
	// Without any, no device is ever known.
	DeviceKeys [][]byte
}

// Window is a limit by the clock: so many in each period.
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

// New returns a Limiter on store. An error names the part of cfg that cannot be.
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
	Name    string // normalised; nobody needs to have it
	Address string // the client's IP address
	Device  string // the value of its device cookie, "" if it sent none
}

// Admission is an attempt that was counted and may go on. Tell it the outcome,
// unless that is a wrong name or password, which is what was counted. Only the
// first outcome counts.
type Admission struct {
	KnownDevice bool // it signed in to this name before
	Failures    int  // in a row before this attempt

	store        Store
	who, network *counter
	once         sync.Once // the outcome
}

// Admit counts the attempt and says whether it may go on: with one call for the
// name, or the device, and one for the network, at the same time. An
// [*authn.ThrottledError] means no, and the attempt counts for nothing. Any other
// error is an outage:
// nobody may go on.
func (l *Limiter) Admit(ctx context.Context, a Attempt) (*Admission, error) {
	now := time.Now().UTC()
	network := l.network(a.Address, now)
	who, known := l.device(a.Device, a.Name)
	if !known {
		who = l.name(a.Name)
	}
	var wg sync.WaitGroup
	wg.Go(func() { network.count(ctx, l.store, now) })
	who.count(ctx, l.store, now)
	if who.locked && known {
		who, known = l.name(a.Name), false
		who.count(ctx, l.store, now)
	}
	wg.Wait()
	admission := &Admission{KnownDevice: known, Failures: who.failures - 1, store: l.store, who: who, network: network}
	switch {
	case who.err != nil || network.err != nil:
		admission.Withdraw(ctx)
		return nil, errors.Join(who.err, network.err)
	case who.refused != nil:
		admission.Withdraw(ctx)
		return nil, who.refused
	case network.refused != nil:
		admission.Withdraw(ctx)
		return nil, network.refused
	}
	return admission, nil
}

// Succeed forgets the failures in a row, and takes this attempt off the network's
// counter. A failure to do so is logged: it leaves the user with an attempt counted.
func (a *Admission) Succeed(ctx context.Context) {
	a.once.Do(func() {
		var wg sync.WaitGroup
		wg.Go(func() { a.network.withdraw(ctx, a.store) })
		if err := a.store.Clear(ctx, a.who.key); err != nil {
			slog.WarnContext(ctx, "attempts not forgotten", "key", a.who.key, "error", err)
		}
		wg.Wait()
	})
}

// Withdraw takes the attempt off all counters, as far as it can: it came to nothing
// by an outage, and is neither a success nor a failure.
func (a *Admission) Withdraw(ctx context.Context) {
	a.once.Do(func() {
		var wg sync.WaitGroup
		wg.Go(func() { a.network.withdraw(ctx, a.store) })
		a.who.withdraw(ctx, a.store)
		wg.Wait()
	})
}

// Unlock forgets the failures of a name, as an operator asks to.
func (l *Limiter) Unlock(ctx context.Context, name string) error {
	return l.store.Clear(ctx, l.name(name).key)
}
