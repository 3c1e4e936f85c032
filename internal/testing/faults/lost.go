package faults

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// LostAnswers: a call whose answer is lost is sent again and ends as if it had been
// sent once. When every answer is lost nobody knows what happened, and the error
// says so: it is no verdict on the session. Whoever calls again meets what was done.
func LostAnswers(t *testing.T, open Open) {
	t.Parallel()
	for _, c := range All {
		t.Run(c.Method, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for _, faults := range losses(b.triesOf(c), append([]Fault{Lost, Refused}, b.More...)) {
				t.Run(fmt.Sprint(faults), func(t *testing.T) { b.on(t).lose(c, faults) })
			}
		})
	}
}

// losses returns every sequence of the kinds that is at most n long.
func losses(n int, kinds []Fault) (all [][]Fault) {
	if n == 0 {
		return nil
	}
	for _, first := range kinds {
		all = append(all, []Fault{first})
		for _, rest := range losses(n-1, kinds) {
			all = append(all, append([]Fault{first}, rest...))
		}
	}
	return all
}

// on returns the Bench for a subtest.
func (b *Bench) on(t *testing.T) *Bench {
	sub := *b
	sub.TB = t
	return &sub
}

// lose makes the call while its first tries have these faults.
func (b *Bench) lose(c Call, faults []Fault) {
	b.Helper()
	s := b.Subject(c)
	b.connect(b.Store)
	b.Spoil(c, faults...)
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

// CreateIsSentOnce: by each of the stores on the Bench, whatever happens to it. A
// second try could bring back what was revoked in between.
func CreateIsSentOnce(b *Bench, stores ...session.Store) {
	b.Helper()
	for i, store := range stores {
		for _, fault := range []Fault{Lost, Refused, Late} {
			s := NewSession()
			b.connect(store)
			b.Spoil(Create, fault)
			Want(b, store.Create(b.Context(), s), ErrOutage)
			if sent := b.Sent(Create); sent != 1 {
				b.Errorf("store %d, fault %v: sent %d times", i, fault, sent)
			}
			if fault == Lost {
				b.Holds(s)
			} else {
				b.Gone(s)
			}
		}
	}
}

// WritesBetweenTries: between the two tries of a call, other requests go on. "Came"
// says that the first try was carried out before them, "failed" that it never
// arrived.
func WritesBetweenTries(t *testing.T, open Open) {
	t.Parallel()
	const came, failed = Lost, Refused
	updates, touchesLater := (*Bench).UpdateForeign, (*Bench).TouchLater
	touches := func(b *Bench, s *session.Session) error { return Touch.Do(b.Context(), b.Direct, s) }
	deletes := func(b *Bench, s *session.Session) error { return Revoke.Do(b.Context(), b.Direct, s) }
	both := func(s *session.Session) *session.Session { return Touched(Updated(s)) }
	touchedForeign := func(s *session.Session) *session.Session { return Touched(Foreign(s)) }
	for _, test := range []struct {
		name    string
		call    Call
		first   Fault
		between func(*Bench, *session.Session) error
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

		{"Delete failed, delete", Revoke, failed, deletes, nil, nothing}, // which of the two did it cannot be known
		{"Delete failed, update", Logout, failed, updates, nil, nothing},
		{"Get came, delete", Get, came, deletes, session.ErrNoSession, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			s := b.Created()
			b.Spoil(test.call, test.first)
			written := b.between(func() error { return test.between(b, s) })
			err := test.call.Do(t.Context(), b.Store, s)
			written()
			Want(t, err, test.want)
			b.Left(Call{Leaves: test.leaves}, s)
		})
	}
	t.Run("foreign update before the first try", func(t *testing.T) { // so it was certainly not applied
		t.Parallel()
		b := open(t)
		s := b.Created()
		Want(t, b.UpdateForeign(s), nil)
		Want(t, Update.Do(t.Context(), b.Store, s), session.ErrConflict)
		b.Holds(Foreign(s))
	})
}

// LateTries: a try that was given up may still arrive, at any time. It never brings
// a session back, and never undoes what came after it.
func LateTries(t *testing.T, open Open) {
	t.Parallel()
	for _, c := range []Call{Update, Touch, Logout} {
		t.Run(c.Method, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for late := 1; late <= b.Tries; late++ {
				if c.Method == Logout.Method && late < b.Tries {
					continue // the next try ends the session, so nothing can come after it
				}
				b.late(c, late)
			}
		})
	}
}

// late makes the call while its first n tries are held, and delivers them after
// other requests.
func (b *Bench) late(c Call, n int) {
	b.Helper()
	changed, ended, dead := b.Created(), b.Created(), b.Created()
	for _, s := range []*session.Session{changed, ended, dead} {
		b.Spoil(c, slices.Repeat([]Fault{Late}, n)...)
		err := c.Do(b.Context(), b.Store, s)
		if n < b.Tries {
			Want(b, err, nil)
		} else {
			Want(b, err, ErrOutage)
		}
	}
	changed = b.renewTwice(changed)
	Want(b, Revoke.Do(b.Context(), b.Direct, ended), nil)
	dead = b.kill(dead)

	found := make([]bool, 3*n)
	if c.Method == Logout.Method {
		found[2*n] = true // what is dead may go
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

// renewTwice changes everything of s that can be changed, its secrets so that the
// one which s has is none of them, and returns it as it is then stored.
func (b *Bench) renewTwice(s *session.Session) *session.Session {
	b.Helper()
	stored, err := b.Direct.Get(b.Context(), s.Key())
	Want(b, err, nil)
	after := Foreign(stored)
	after.Secret, after.PreviousSecret = [32]byte{8}, [32]byte{9}
	Want(b, b.Direct.Update(b.Context(), Write(after, stored.Version), Now, after.Version), nil)
	Want(b, b.TouchLater(after), nil)
	return TouchedLater(after)
}

// shortly is how long a call may take that is meant to run out of time.
const shortly = 100 * time.Millisecond

// Outage: it is no verdict on the session and changes nothing, and a server that
// says nothing costs no more than the caller's time.
func Outage(t *testing.T, open Open) {
	t.Parallel()
	for _, c := range All {
		t.Run(c.Method, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			b.down(c, b.Subject(c), func(s *session.Session) { b.Untouched(c, s) })
			if c.creates() { // for one that is stored, too
				b.down(c, b.Created(), b.Holds)
			}
		})
	}
}

// down makes the call for s in outages, which leave it as demand demands.
func (b *Bench) down(c Call, s *session.Session, demand func(*session.Session)) {
	b.Helper()
	b.SpoilAll(Refused)
	Want(b, c.Do(b.Context(), b.Store, s), ErrOutage)
	b.SpoilAll(None)
	demand(s)

	b.connect(b.Store)
	b.SpoilAll(Hanging)
	for range 2 { // on the connection that is open, and on a new one
		ctx, cancel := context.WithTimeout(b.Context(), shortly)
		err := c.Do(ctx, b.Store, s)
		cancel()
		Want(b, err, ErrOutage)
		Want(b, err, context.DeadlineExceeded)
	}
	b.SpoilAll(None)
	demand(s)
}
