// Package throttle slows down the guessing of passwords, across all instances of a
// program. Every attempt to sign in is counted in a shared [Store] before its
// password is checked. So guesses made at the same time cost no more hashes than
// guesses made one after another.
//
// There are four kinds of counters. The counter of a name limits guesses at one
// account, from any network. The counter of a network limits one attacker who tries
// many names. The counter of a name's known devices lets its owner sign in on a device
// that signed in before, while others attack the name. The counter of a user limits
// guesses by whoever has one of the user's sessions. One address may be many people, so
// known devices and users who are signed in do not meet the limit of a network.
//
// This package may still change in ways that break programs.
package throttle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// Config says how many failed attempts are allowed. The zero Config has the defaults.
type Config struct {
	// Name is the ladder of a name on devices that are not known, and of a user who is
	// signed in. Default: 10 failures without a wait; then a wait of 30 s that doubles
	// up to 1 h; at 100 failures in a row the name is locked until an operator unlocks
	// it (NIST SP 800-63B-4, section 3.2.2: no more than 100).
	Name Ladder

	// Device is the ladder of all devices together on which the owner of a name signed
	// in before. When it locks, these devices count as unknown, until a sign-in that
	// sends one of their cookies succeeds, or an operator unlocks the name, or the
	// counter expires. Default: 5 failures, the waits of Name, and a lock at 20 failures.
	Device Ladder

	// Network is how many failed attempts one network may make. Attempts that succeed,
	// that an outage ends or that the counter of a name refuses are taken off. A network
	// is an IPv4 address, or the /64 of an IPv6 address. Default: 100 in 10 minutes. The
	// limit is high, because a network may be an office or a mobile carrier.
	Network Window

	// DeviceKeys sign the cookies of known devices. The first key signs, and all keys
	// verify. Without keys no device is ever known. Whoever has a key and the user ID
	// and CredentialVersion of an owner can forge a cookie. It is worth the guesses of
	// Device.
	DeviceKeys [][]byte

	// Logger receives authn_login_lock, and what could not be written about attempts. A
	// line has the key of a counter and the user ID, and never a name or a cookie. The
	// default is slog.Default().
	Logger *slog.Logger
}

// Window is a limit of a fixed time window: at most Limit attempts in each Period.
type Window struct {
	Limit  int           // 1 or more
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
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
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

// Attempt is one attempt to sign in, or to give the password again.
type Attempt struct {
	Name    string // normalised; it may be a name that no account has
	Address string // the client's IP address
	Device  string // the value of the client's device cookie, "" if it sent none
	UserID  string // of the user who is signed in, "" at a sign-in
}

// Admission is an attempt that was counted and may go on. The caller must report its
// outcome. Only the first outcome has an effect. An outcome is reported also after the
// request's own time is over.
type Admission struct {
	KnownDevice bool // the owner has signed in on this device before
	Failures    int  // failed attempts in a row before this one

	store  Store
	owner  Owner
	checks []*limitCheck // the outcome is reported to all of them
	once   sync.Once     // for the first outcome
}

// outcomeTimeout limits how long the report of an outcome may take.
const outcomeTimeout = time.Second

// Admit counts the attempt and decides whether it may go on. It calls find once, for
// the owner of the name.
//
// While find runs, Admit counts the attempt for its network. Only if the network has
// not made too many, Admit counts it for the name. So a network that is stopped cannot
// keep an owner out. The attempt of a known device is counted for the devices of the
// name instead, and that of a user who is signed in for the user. These do not count
// for a network.
//
// If the attempt is refused, Admit returns an [*authn.ThrottledError]. Any other error
// is an outage, and the attempt must not go on. In both cases Admit takes the attempt
// off all counters, as far as it can.
func (l *Limiter) Admit(ctx context.Context, a Attempt, find func(context.Context) (Owner, error)) (*Admission, error) {
	admission := &Admission{store: l.store, owner: Owner{UserID: a.UserID}}
	if err := l.admit(ctx, admission, a, find); err != nil {
		admission.Withdraw(ctx)
		if refused, ok := errors.AsType[*authn.ThrottledError](err); ok {
			refused.UserID = admission.owner.UserID
		}
		return nil, err
	}
	if a.UserID == "" { // a sign-in is not counted for the user, but its success clears that counter too
		admission.checks = append(admission.checks, l.user(admission.owner.UserID))
	}
	return admission, nil
}

func (l *Limiter) admit(ctx context.Context, admission *Admission, a Attempt, find func(context.Context) (Owner, error)) error {
	generation := l.signedGeneration(a.Device, a.Name)
	var first *limitCheck
	switch {
	case a.UserID != "":
		first = l.user(a.UserID)
	case generation == "":
		first = l.network(a.Address)
	}
	owner, err := admission.countWhile(ctx, first, find)
	if err != nil || a.UserID != "" {
		return err
	}
	admission.owner = owner
	if generation != "" {
		if owner.UserID != "" && generation == owner.generation() {
			devices := l.devices(a.Name, owner)
			err := admission.count(ctx, devices)
			if devices.counted || !devices.locked() {
				admission.KnownDevice = true
				return err
			}
		}
		// The cookie is from before a change, or the devices are strangers now.
		if err := admission.count(ctx, l.network(a.Address)); err != nil {
			return err
		}
	}
	return admission.count(ctx, l.name(a.Name))
}

// countWhile calls find, and at the same time it counts the attempt for the first
// limit, if there is one.
func (a *Admission) countWhile(ctx context.Context, first *limitCheck, find func(context.Context) (Owner, error)) (owner Owner, err error) {
	var unknown error
	var wg sync.WaitGroup
	wg.Go(func() { owner, unknown = find(ctx) })
	if first != nil {
		err = a.count(ctx, first)
	}
	wg.Wait()
	if unknown != nil {
		return owner, unknown
	}
	return owner, err
}

// count counts the attempt for one limit.
func (a *Admission) count(ctx context.Context, check *limitCheck) error {
	a.checks = append(a.checks, check)
	err := check.count(ctx, a.store)
	if check.counted {
		a.Failures = check.stored.Failures - 1
	} else if !check.unknown {
		check.lock(ctx, a.store, a.owner)
	}
	return err
}

// Succeed clears the failures in a row, and takes this attempt off the network's
// counter. A sign-in also clears the failures in the user's sessions: whoever had one of
// them does not know the password, and must not keep the owner from changing it. If that
// fails, Succeed logs the error, and the attempt stays counted.
func (a *Admission) Succeed(ctx context.Context) { a.report(ctx, (*limitCheck).succeed) }

// Withdraw takes the attempt off all counters, as far as it can. It is for an attempt
// that an outage ended, which neither succeeded nor failed.
func (a *Admission) Withdraw(ctx context.Context) { a.report(ctx, (*limitCheck).withdraw) }

// Fail leaves the attempt counted. It is for a wrong name or password. If this attempt
// is the one that locks a counter, Fail logs this and makes the lock permanent.
func (a *Admission) Fail(ctx context.Context) {
	a.report(ctx, (*limitCheck).lock)
}

// report reports the outcome to all limits at the same time.
func (a *Admission) report(ctx context.Context, outcome func(*limitCheck, context.Context, Store, Owner)) {
	a.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTimeout)
		defer cancel()
		var wg sync.WaitGroup
		for _, check := range a.checks {
			wg.Go(func() { outcome(check, ctx, a.store, a.owner) })
		}
		wg.Wait()
	})
}
