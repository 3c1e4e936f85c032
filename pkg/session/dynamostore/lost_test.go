package dynamostore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/session"
)

// left demands that the table holds of s what the call leaves.
func (r *rig) left(c call, s *session.Session) {
	r.t.Helper()
	if after := c.leaves(s); after != nil {
		r.holds(after)
		return
	}
	r.gone(s)
}

// A call whose answer is lost is sent again, and ends as if it had been sent once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range retried {
		t.Run(c.method, func(t *testing.T) {
			r := newRig(t)
			for _, faults := range [][]dynamotest.Fault{{lost}, {refused}, {lost, lost}, {lost, refused}, {refused, lost}} {
				s := r.created()
				r.proxy.Fail(c.action, faults...)
				want(t, c.do(t.Context(), r.store, s), nil)
				r.left(c, s)
				if calls := r.proxy.Take(); len(calls) != len(faults)+1 {
					t.Errorf("sent %d times, want %d", len(calls), len(faults)+1)
				}
			}
		})
	}
}

// When every answer is lost nobody knows what happened, and the error says so:
// it is no verdict on the session.
func TestAllAnswersLost(t *testing.T) {
	t.Parallel()
	for _, c := range retried {
		t.Run(c.method, func(t *testing.T) {
			r := newRig(t)
			s := r.created()
			r.proxy.Fail(c.action, refused, refused, refused)
			want(t, c.do(t.Context(), r.store, s), errOutage)
			r.holds(s)

			r.proxy.Fail(c.action, lost, lost, lost)
			want(t, c.do(t.Context(), r.store, s), errOutage)
			r.left(c, s)
		})
	}
}

// Between the two tries of a call, other requests go on. "Came" says that the
// first try was carried out before them, "failed" that it never arrived.
func TestWritesBetweenTries(t *testing.T) {
	t.Parallel()
	const came, failed = lost, refused
	updates := (*rig).updateForeign
	touchesLater := (*rig).touchLater
	touches := func(r *rig, s *session.Session) { want(r.t, touch.do(r.t.Context(), r.direct, s), nil) }
	deletes := func(r *rig, s *session.Session) { want(r.t, revoke.do(r.t.Context(), r.direct, s), nil) }
	for _, test := range []struct {
		name    string
		call    call
		first   dynamotest.Fault
		between func(*rig, *session.Session)
		want    error
		leaves  func(*session.Session) *session.Session
	}{
		{"Update came, foreign update", update, came, updates, errOutage, foreign},
		{"Update failed, foreign update", update, failed, updates, errOutage, foreign},
		{"Update came, touch", update, came, touches, nil, func(s *session.Session) *session.Session { return touched(updated(s)) }},
		{"Update failed, touch", update, failed, touches, nil, func(s *session.Session) *session.Session { return touched(updated(s)) }},
		{"Update came, delete", update, came, deletes, session.ErrNoSession, nothing},
		{"Update failed, delete", update, failed, deletes, session.ErrNoSession, nothing},

		{"Touch came, update", touch, came, updates, nil, func(s *session.Session) *session.Session { return touched(foreign(s)) }},
		{"Touch failed, update", touch, failed, updates, nil, func(s *session.Session) *session.Session { return touched(foreign(s)) }},
		{"Touch came, later touch", touch, came, touchesLater, nil, touchedLater},
		{"Touch failed, later touch", touch, failed, touchesLater, nil, touchedLater},
		{"Touch came, delete", touch, came, deletes, session.ErrNoSession, nothing},
		{"Touch failed, delete", touch, failed, deletes, session.ErrNoSession, nothing},

		{"Delete failed, delete", revoke, failed, deletes, nil, nothing}, // which of the two did it cannot be known
		{"Delete failed, update", logout, failed, updates, nil, nothing},
		{"Get came, delete", get, came, deletes, session.ErrNoSession, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.created()
			r.proxy.Fail(test.call.action, test.first)
			r.between = func() { test.between(r, s) }
			want(t, test.call.do(t.Context(), r.store, s), test.want)
			r.left(call{leaves: test.leaves}, s)
		})
	}
}

// updateForeign makes foreign(s) of whatever version of s the table has.
func (r *rig) updateForeign(s *session.Session) {
	r.t.Helper()
	current, err := r.direct.Get(r.t.Context(), s.Key())
	want(r.t, err, nil)
	want(r.t, r.direct.Update(r.t.Context(), write(foreign(s), current.Version), now, foreign(s).Version), nil)
}

func (r *rig) touchLater(s *session.Session) {
	r.t.Helper()
	later := touchedLater(s)
	want(r.t, r.direct.Touch(r.t.Context(), s.Key(), later.LastSeenAt, later.ExpiresAt), nil)
}

func touchedLater(s *session.Session) *session.Session {
	s = s.Clone()
	s.LastSeenAt, s.ExpiresAt = now.Add(time.Minute), now.Add(31*time.Minute)
	return s
}

// A try that was given up may still arrive, at any time. It never brings a
// session back, and never undoes what came after it.
func TestLateTries(t *testing.T) {
	t.Parallel()
	for _, c := range []call{update, touch} {
		t.Run(c.method, func(t *testing.T) {
			r := newRig(t)
			s, ended := r.created(), r.created()
			for _, s := range []*session.Session{s, ended} {
				r.proxy.Fail(c.action, late)
				want(t, c.do(t.Context(), r.store, s), nil)
			}
			r.updateForeign(s)
			r.touchLater(s)
			want(t, revoke.do(t.Context(), r.direct, ended), nil)

			if got := r.proxy.Deliver(); !slices.Equal(got, []int{400, 400}) {
				t.Errorf("the late tries were answered with %v, want two failed conditions", got)
			}
			r.gone(ended)
			r.holds(touchedLater(foreign(s)))
		})
	}
}

// Create is sent once, whatever happens to it and whatever the client's settings
// are: a second try could bring back what was revoked in between.
func TestCreateIsSentOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	persistent := r.through(func(o *dynamodb.Options) { o.RetryMaxAttempts = 9 })
	for _, store := range []session.Store{r.store, persistent} {
		for _, fault := range []dynamotest.Fault{lost, refused, late} {
			s := newSession()
			_, err := store.Get(t.Context(), s.Key()) // opens the connection: net/http has retries of its own for a used one
			want(t, err, session.ErrNoSession)
			r.proxy.Take()

			r.proxy.Fail("PutItem", fault)
			want(t, store.Create(t.Context(), s), errOutage)
			if calls := r.proxy.Take(); len(calls) != 1 {
				t.Errorf("%v: sent %d times", fault, len(calls))
			}
			if fault == lost {
				r.holds(s)
			} else {
				r.gone(s)
			}
		}
	}
}
