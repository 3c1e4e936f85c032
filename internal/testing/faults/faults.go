// Package faults tests what a [session.Store] does when its server cannot be reached,
// when an answer is lost, or when a call arrives late. It tests the store alone, and
// behind a [session.Manager]. It is for the stores of this module. Each store provides
// a [Fixture], which makes its calls fail. Package storetest tests the contract without
// faults.
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
	Refused              // the connection is closed; the server never gets the call
	Hanging              // nothing happens until the sender gives up; the server never gets the call
	Lost                 // the server carries the call out, then the connection is closed
	Cut                  // like Lost, but the sender gets a part of the answer; not every proxy can do it
	Late                 // the connection is closed, and the call is kept for Deliver
)

func (f Fault) String() string {
	return [...]string{"none", "refused", "hanging", "lost", "cut", "late"}[f]
}

// carriesOut reports whether the server gets the call and carries it out at once.
func (f Fault) carriesOut() bool { return f == None || f == Lost || f == Cut }

// Proxy makes calls fail between a Store and its server.
type Proxy interface {
	// Inject gives the next calls of c's kind one fault each, in order. A proxy that
	// does not know the kinds of calls gives the faults to the next calls of any
	// kind. So a test must call Inject in the order in which the calls are sent.
	Inject(c Call, faults ...Fault)

	// InjectAll gives every call the fault from now on. InjectAll(None) ends this.
	InjectAll(Fault)

	// Hung returns how many calls, or attempts to connect, have met Hanging so far.
	Hung() int

	// Between runs f once, after the next call that fails and before that call is
	// sent again. It may use any goroutine. It is only for a store that sends calls
	// again.
	Between(f func())

	// Sent returns how many calls were sent since the last Sent or Forget. It fails
	// the test if it knows that one of them was not of c's kind.
	Sent(c Call) int
	Forget()

	// Deliver sends the kept calls to the server, the oldest first. For each it
	// returns whether the call changed something. It returns nil if it does not know.
	Deliver() []bool
}

// Fixture is the Store of one test, with the proxy that makes its calls fail.
type Fixture struct {
	testing.TB
	Proxy
	Store  session.Store // through the proxy
	Direct session.Store // without the proxy, on the same data

	Tries int     // how often a call is sent, including the first time; Create is sent once
	Pages int     // how many calls List needs if there is something to list
	More  []Fault // faults that this proxy can do and others cannot
}

// Open returns a Fixture with data that no other test uses.
type Open func(*testing.T) *Fixture

// Calls returns the calls that the Store has.
func (b *Fixture) Calls() []Call {
	if _, can := b.Store.(session.CreateLister); can {
		return append([]Call{CreateAndList}, All...)
	}
	return All
}

// login returns the call by which a Manager with a limit for sessions stores a new one.
func (b *Fixture) login() Call { return b.Calls()[0] }

// triesOf returns how often c is sent if no try is answered.
func (b *Fixture) triesOf(c Call) int {
	if c.Creates() {
		return 1
	}
	return b.Tries
}

// Created stores a new session and returns it.
func (b *Fixture) Created() *session.Session {
	b.Helper()
	s := NewSession()
	Want(b, b.Direct.Create(b.Context(), s), nil)
	return s
}

// Subject returns a session for the call: a new one for Create, else a stored one.
func (b *Fixture) Subject(c Call) *session.Session {
	b.Helper()
	if c.Creates() {
		return NewSession()
	}
	return b.Created()
}

// Holds fails the test unless Get and List both return exactly s.
func (b *Fixture) Holds(s *session.Session) {
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

// Gone fails the test if Get or List finds the session.
func (b *Fixture) Gone(s *session.Session) {
	b.Helper()
	_, err := b.Direct.Get(b.Context(), s.Key())
	Want(b, err, session.ErrNoSession)
	if listed := b.listed(s); listed != nil {
		b.Errorf("still listed: %+v", listed)
	}
}

// listed returns the session from List, or nil if List does not have it.
func (b *Fixture) listed(s *session.Session) *session.Session {
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

// Left fails the test unless the store has for s what the call leaves.
func (b *Fixture) Left(c Call, s *session.Session) {
	b.Helper()
	if after := c.Leaves(s); after != nil {
		b.Holds(after)
		return
	}
	b.Gone(s)
}

// Untouched fails the test if the call for s was carried out.
func (b *Fixture) Untouched(c Call, s *session.Session) {
	b.Helper()
	if c.Creates() {
		b.Gone(s)
		return
	}
	b.Holds(s)
}

// UpdateForeign replaces the stored session, whatever its version is, with Foreign(s).
func (b *Fixture) UpdateForeign(s *session.Session) error {
	current, err := b.Direct.Get(b.Context(), s.Key())
	if err != nil {
		return err
	}
	return b.Direct.Update(b.Context(), Write(Foreign(s), current.Version), Now, Foreign(s).Version)
}

// TouchLater touches the stored session a minute after Now. See [TouchedLater].
func (b *Fixture) TouchLater(s *session.Session) error {
	return touch(b.Context(), b.Direct, TouchedLater(s))
}

// expire changes the stored session so that it is dead at Now, and returns it.
func (b *Fixture) expire(s *session.Session) *session.Session {
	b.Helper()
	dead, err := b.Direct.Get(b.Context(), s.Key())
	Want(b, err, nil)
	dead.ExpiresAt = Now
	Want(b, b.Direct.Update(b.Context(), dead, Now.Add(-time.Second), dead.Version), nil)
	return dead
}

// connect makes the client of the store open a new connection. A client may have its
// own retries for a connection that was used before.
func (b *Fixture) connect(store session.Store) {
	b.Helper()
	Want(b, Get.Do(b.Context(), store, b.Created()), nil)
	b.Forget()
}

// between makes f run before the next second try. The returned function fails the test
// unless f ran and succeeded.
func (b *Fixture) between(f func() error) (check func()) {
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

// ErrOutage stands in tests for any error that says nothing about the session.
var ErrOutage = errors.New("an outage")

// Want ends the test unless got is target: nil, an error, or ErrOutage. Only the
// goroutine of the test may call it.
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
