// Package faults tests what a [session.Store] does when its server cannot be
// reached, or when answers are lost or calls come late: alone, and behind a
// [session.Manager]. It is for the stores of this module, each of which says with a
// [Bench] how its calls are made to fail. The contract without faults is storetest's.
package faults

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// Fault is what happens to a call in place of an answer.
type Fault int

const (
	None    Fault = iota // the call is answered
	Refused              // the connection is closed; the server never sees the call
	Hanging              // nothing happens until the sender gives up; the server never sees the call
	Lost                 // the server carries the call out, then the connection is closed
	Cut                  // the same, but a part of the answer comes; not every proxy can do it
	Late                 // the connection is closed, and the call kept for Deliver
)

func (f Fault) String() string {
	return [...]string{"none", "refused", "hanging", "lost", "cut", "late"}[f]
}

// carriesOut reports whether the server sees the call and does what it says.
func (f Fault) carriesOut() bool { return f == None || f == Lost || f == Cut }

// Proxy makes calls fail between a Store and its server.
type Proxy interface {
	// Spoil gives the next calls of c's kind one fault each, in order. A proxy that
	// cannot tell kinds apart gives them to the next calls, so a test names them in
	// the order in which they are sent.
	Spoil(c Call, faults ...Fault)

	// SpoilAll gives every call the fault, from now on. None ends it.
	SpoilAll(Fault)

	// Between runs f once, after the next call that fails and before it is sent
	// again, in any goroutine. Only for a store that sends calls again.
	Between(f func())

	// Sent returns how many calls were sent since it or Forget was last called. It
	// fails the test if it can tell that one of them was not of c's kind.
	Sent(c Call) int
	Forget()

	// Deliver sends the calls that were held to the server, oldest first. It
	// returns which of them changed something, or nil if it cannot tell.
	Deliver() []bool
}

// Bench is a Store of one test, and what makes its calls fail.
type Bench struct {
	testing.TB
	Proxy
	Store  session.Store // through the proxy
	Direct session.Store // past the proxy, on the same data

	Tries int     // how often a call is sent, the first time included; Create is sent once
	Pages int     // how many calls List takes where there is something to list
	More  []Fault // that this proxy can do and others cannot
}

// Open returns a Bench on data that no other test has.
type Open func(*testing.T) *Bench

// triesOf returns how often c is sent.
func (b *Bench) triesOf(c Call) int {
	if c.creates() {
		return 1
	}
	return b.Tries
}

// Created returns a new session that is stored.
func (b *Bench) Created() *session.Session {
	b.Helper()
	s := NewSession()
	Want(b, b.Direct.Create(b.Context(), s), nil)
	return s
}

// Subject returns a session to do the call for.
func (b *Bench) Subject(c Call) *session.Session {
	b.Helper()
	if c.creates() {
		return NewSession()
	}
	return b.Created()
}

// Holds demands that Get and List return the session just as it is in s.
func (b *Bench) Holds(s *session.Session) {
	b.Helper()
	got, err := b.Direct.Get(b.Context(), s.Key())
	Want(b, err, nil)
	if !reflect.DeepEqual(got, s) {
		b.Errorf("stored is\n\t%+v\nwant\n\t%+v", got, s)
	}
	if listed := b.listed(s); !reflect.DeepEqual(listed, s) {
		b.Errorf("listed is\n\t%+v\nwant\n\t%+v", listed, s)
	}
}

// Gone demands that neither Get nor List finds the session.
func (b *Bench) Gone(s *session.Session) {
	b.Helper()
	_, err := b.Direct.Get(b.Context(), s.Key())
	Want(b, err, session.ErrNoSession)
	if listed := b.listed(s); listed != nil {
		b.Errorf("still listed: %+v", listed)
	}
}

// listed returns the session as List does, or nil.
func (b *Bench) listed(s *session.Session) *session.Session {
	b.Helper()
	all, err := b.Direct.List(b.Context(), s.Key().Owner)
	Want(b, err, nil)
	for _, other := range all {
		if other.ID == s.ID {
			return other
		}
	}
	return nil
}

// Left demands that the store holds of s what the call leaves.
func (b *Bench) Left(c Call, s *session.Session) {
	b.Helper()
	if after := c.Leaves(s); after != nil {
		b.Holds(after)
		return
	}
	b.Gone(s)
}

// Untouched demands that the call for s was not carried out.
func (b *Bench) Untouched(c Call, s *session.Session) {
	b.Helper()
	if c.creates() {
		b.Gone(s)
		return
	}
	b.Holds(s)
}

// UpdateForeign makes Foreign(s) of whatever version of s is stored.
func (b *Bench) UpdateForeign(s *session.Session) error {
	current, err := b.Direct.Get(b.Context(), s.Key())
	if err != nil {
		return err
	}
	return b.Direct.Update(b.Context(), Write(Foreign(s), current.Version), Now, Foreign(s).Version)
}

// TouchLater makes TouchedLater(s) of what is stored of s.
func (b *Bench) TouchLater(s *session.Session) error {
	later := TouchedLater(s)
	return b.Direct.Touch(b.Context(), s.Key(), later.LastSeenAt, later.ExpiresAt)
}

// kill lets s be dead at Now, and returns it as it is then stored.
func (b *Bench) kill(s *session.Session) *session.Session {
	b.Helper()
	dead, err := b.Direct.Get(b.Context(), s.Key())
	Want(b, err, nil)
	dead.ExpiresAt = Now
	Want(b, b.Direct.Update(b.Context(), dead, Now.Add(-time.Second), dead.Version), nil)
	return dead
}

// connect opens a connection: a client may have retries of its own for a used one.
func (b *Bench) connect(store session.Store) {
	b.Helper()
	Want(b, Get.Do(b.Context(), store, b.Created()), nil)
	b.Forget()
}

// between has f run before the next second try. The function that it returns
// demands that f was run and that it succeeded.
func (b *Bench) between(f func() error) (demand func()) {
	done := make(chan error, 1)
	b.Between(func() { done <- f() })
	return func() {
		b.Helper()
		select {
		case err := <-done:
			Want(b, err, nil)
		default:
			b.Fatal("no call was sent again")
		}
	}
}

// ErrOutage stands for any error that is not a verdict on the session.
var ErrOutage = errors.New("an outage")

// Want demands that got is target: nil, an error, or ErrOutage. Otherwise it ends
// the test, so only the goroutine of the test may call it.
func Want(tb testing.TB, got, target error) {
	tb.Helper()
	ok := errors.Is(got, target)
	if target == ErrOutage {
		ok = got != nil && !errors.Is(got, session.ErrNoSession) && !errors.Is(got, session.ErrConflict)
	}
	if !ok {
		tb.Fatalf("error is %v, want %v", got, target)
	}
}
