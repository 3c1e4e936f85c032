package faults

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// LostAnswers tests calls whose answers are lost. The store sends such a call again,
// and the result must be as if the call was sent once. If every answer is lost, the
// store cannot know what happened. Then the error must be an outage, which says nothing
// about the session. A later call must find what was carried out.
func LostAnswers(t *testing.T, open Open) {
	t.Parallel()
	for _, c := range open(t).Calls() {
		t.Run(c.Method, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for _, faults := range faultSequences(b.triesOf(c), append([]Fault{Lost, Refused}, b.More...)) {
				t.Run(fmt.Sprint(faults), func(t *testing.T) { b.forSubtest(t).loseAnswers(c, faults) })
			}
		})
	}
}

// faultSequences returns every sequence of these faults with a length from 1 to n.
func faultSequences(n int, kinds []Fault) (all [][]Fault) {
	if n == 0 {
		return nil
	}
	for _, first := range kinds {
		all = append(all, []Fault{first})
		for _, rest := range faultSequences(n-1, kinds) {
			all = append(all, append([]Fault{first}, rest...))
		}
	}
	return all
}

// forSubtest returns a copy of the Fixture for a subtest.
func (b *Fixture) forSubtest(t *testing.T) *Fixture {
	sub := *b
	sub.TB = t
	return &sub
}

// loseAnswers makes the call, gives its first tries these faults, and checks the results.
func (b *Fixture) loseAnswers(c Call, faults []Fault) {
	b.Helper()
	s := b.Subject(c)
	b.connect(b.Store)
	b.Inject(c, faults...)
	err := c.Do(b.Context(), b.Store, s)

	answered := len(faults) < b.triesOf(c)
	tries := len(faults)
	if answered {
		tries++
		if c.Method == List.Method {
			tries += b.Pages - 1
		}
	}
	if sent := b.Sent(c); sent != tries {
		b.Errorf("sent %d times, want %d", sent, tries)
	}
	again := c.Again
	switch {
	case answered:
		Want(b, err, nil)
		b.Left(c, s)
	case slices.ContainsFunc(faults, Fault.carriesOut):
		Want(b, err, ErrOutage)
		b.Left(c, s)
	default:
		Want(b, err, ErrOutage)
		b.Untouched(c, s)
		again = nil
	}
	Want(b, c.Do(b.Context(), b.Store, s), again)
	b.Left(c, s)
}

// CreateIsSentOnce tests that each of the stores, which use the proxy of the Fixture,
// sends Create and CreateAndList only once, whatever the fault is. A second try could restore a session
// that was revoked after the first try.
func CreateIsSentOnce(b *Fixture, stores ...session.Store) {
	b.Helper()
	for i, store := range stores {
		for _, fault := range []Fault{Lost, Refused, Late} {
			for _, c := range b.Calls() {
				if c.Creates() {
					b.connect(store)
					b.createOnce(fmt.Sprintf("store %d, fault %v", i, fault), c, store, fault)
				}
			}
		}
	}
}

func (b *Fixture) createOnce(when string, c Call, store session.Store, fault Fault) {
	b.Helper()
	s := NewSession()
	b.Inject(c, fault)
	Want(b, c.Do(b.Context(), store, s), ErrOutage)
	if sent := b.Sent(c); sent != 1 {
		b.Errorf("%s: %s was sent %d times", when, c.Method, sent)
	}
	if fault == Lost {
		b.Holds(s)
	} else {
		b.Gone(s)
	}
}

// WritesBetweenTries tests writes of other requests between two tries of a call. In
// the names, "came" means that the first try was carried out before the other write,
// and "failed" means that the first try never reached the server.
func WritesBetweenTries(t *testing.T, open Open) {
	t.Parallel()
	const came, failed = Lost, Refused
	updates, touchesLater := (*Fixture).UpdateForeign, (*Fixture).TouchLater
	touches := func(b *Fixture, s *session.Session) error { return Touch.Do(b.Context(), b.Direct, s) }
	deletes := func(b *Fixture, s *session.Session) error { return Revoke.Do(b.Context(), b.Direct, s) }
	both := func(s *session.Session) *session.Session { return Touched(Updated(s)) }
	touchedForeign := func(s *session.Session) *session.Session { return Touched(Foreign(s)) }
	for _, test := range []struct {
		name    string
		call    Call
		first   Fault
		between func(*Fixture, *session.Session) error
		want    error
		leaves  func(*session.Session) *session.Session
	}{
		{"Update came, foreign update", Update, came, updates, ErrOutage, Foreign},
		{"Update failed, foreign update", Update, failed, updates, ErrOutage, Foreign},
		{"Update came, touch", Update, came, touches, nil, both},
		{"Update failed, touch", Update, failed, touches, nil, both},
		{"Update came, delete", Update, came, deletes, session.ErrNoSession, nothing},
		{"Update failed, delete", Update, failed, deletes, session.ErrNoSession, nothing},

		{"Touch came, update", Touch, came, updates, nil, touchedForeign},
		{"Touch failed, update", Touch, failed, updates, nil, touchedForeign},
		{"Touch came, later touch", Touch, came, touchesLater, nil, TouchedLater},
		{"Touch failed, later touch", Touch, failed, touchesLater, nil, TouchedLater},
		{"Touch came, delete", Touch, came, deletes, session.ErrNoSession, nothing},
		{"Touch failed, delete", Touch, failed, deletes, session.ErrNoSession, nothing},

		{"Delete failed, delete", Revoke, failed, deletes, nil, nothing}, // nobody can know which of the two deleted it
		{"Delete failed, update", Logout, failed, updates, nil, nothing},
		{"Get came, delete", Get, came, deletes, session.ErrNoSession, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			s := b.Created()
			b.Inject(test.call, test.first)
			written := b.between(func() error { return test.between(b, s) })
			err := test.call.Do(t.Context(), b.Store, s)
			written()
			Want(t, err, test.want)
			b.Left(Call{Leaves: test.leaves}, s)
		})
	}
	t.Run("foreign update before the first try", func(t *testing.T) { // so the first try was certainly not applied
		t.Parallel()
		b := open(t)
		s := b.Created()
		Want(t, b.UpdateForeign(s), nil)
		Want(t, Update.Do(t.Context(), b.Store, s), session.ErrConflict)
		b.Holds(Foreign(s))
	})
}

// LateTries tests tries that arrive late. The sender has given up such a try, but it
// can still reach the server at any time. It must never restore a session, and never
// undo a later change.
func LateTries(t *testing.T, open Open) {
	t.Parallel()
	for _, c := range []Call{Update, Touch, Logout} {
		t.Run(c.Method, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for late := 1; late <= b.Tries; late++ {
				if c.Method == Logout.Method && late < b.Tries {
					continue // the next try ends the session, so no other request can change it
				}
				b.deliverLate(c, late)
			}
		})
	}
}

// deliverLate makes the call while the proxy keeps its first n tries. It delivers these
// tries after other requests, and checks the result.
func (b *Fixture) deliverLate(c Call, n int) {
	b.Helper()
	changed, ended, dead := b.Created(), b.Created(), b.Created()
	for _, s := range []*session.Session{changed, ended, dead} {
		b.Inject(c, slices.Repeat([]Fault{Late}, n)...)
		err := c.Do(b.Context(), b.Store, s)
		if n < b.Tries {
			Want(b, err, nil)
		} else {
			Want(b, err, ErrOutage)
		}
	}
	changed = b.renewTwice(changed)
	Want(b, Revoke.Do(b.Context(), b.Direct, ended), nil)
	dead = b.expire(dead)

	found := make([]bool, 3*n)
	if c.Method == Logout.Method {
		found[2*n] = true // a late try may delete a dead session
	}
	if got := b.Deliver(); got != nil && !slices.Equal(got, found) {
		b.Errorf("%d of %d tries were late: they found something to change: %v, want %v", n, b.Tries, got, found)
	}
	b.Holds(changed)
	b.Gone(ended)
	if c.Method == Logout.Method {
		b.Gone(dead)
	} else {
		b.Holds(dead)
	}
}

// renewTwice changes every field of the stored session that can change, and returns
// the new session. Neither of its new secrets is the secret of s.
func (b *Fixture) renewTwice(s *session.Session) *session.Session {
	b.Helper()
	stored, err := b.Direct.Get(b.Context(), s.Key())
	Want(b, err, nil)
	after := Foreign(stored)
	after.Secret, after.PreviousSecret = [32]byte{8}, [32]byte{9}
	Want(b, b.Direct.Update(b.Context(), Write(after, stored.Version), Now, after.Version), nil)
	Want(b, b.TouchLater(after), nil)
	return TouchedLater(after)
}

// Outage tests calls during an outage. An outage says nothing about the session and
// changes nothing. If the server never answers, the call must end with the caller's
// timeout.
func Outage(t *testing.T, open Open) {
	t.Parallel()
	for _, c := range open(t).Calls() {
		t.Run(c.Method, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			b.testOutage(c, b.Subject(c), func(s *session.Session) { b.Untouched(c, s) })
			if c.Creates() { // also for a session that is stored already
				b.testOutage(c, b.Created(), b.Holds)
			}
		})
	}
}

// testOutage makes the call for s during two kinds of outages. After each, it calls
// check, which checks that the outage did not change s.
func (b *Fixture) testOutage(c Call, s *session.Session, check func(*session.Session)) {
	b.Helper()
	b.InjectAll(Refused)
	Want(b, c.Do(b.Context(), b.Store, s), ErrOutage)
	b.InjectAll(None)
	check(s)

	b.connect(b.Store)
	b.InjectAll(Hanging)
	for range 2 { // on the open connection, and on a new one
		err := b.timesOut(func(ctx context.Context) error { return c.Do(ctx, b.Store, s) })
		Want(b, err, ErrOutage)
		Want(b, err, context.DeadlineExceeded)
	}
	b.InjectAll(None)
	check(s)
}
