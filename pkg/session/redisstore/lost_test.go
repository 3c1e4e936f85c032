package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

// A call whose answer is lost is sent again, and ends as if it had been sent once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		for _, c := range retried {
			for _, faults := range [][]redistest.Fault{{lost}, {refused}, {lost, lost}, {lost, refused}, {refused, lost}} {
				s := r.created()
				r.proxy.Fail(faults...)
				want(t, c.do(t.Context(), r.store, s), nil)
				r.left(c, s)
				sent := len(r.proxy.Take())
				if c.method == list.method {
					sent-- // its second script
				}
				if sent != len(faults)+1 {
					t.Errorf("%s: sent %d times, want %d", c.method, sent, len(faults)+1)
				}
			}
		}
	})
}

// When every answer is lost nobody knows what happened, and the error says so:
// it is no verdict on the session.
func TestAllAnswersLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		for _, c := range retried {
			s := r.created()
			r.proxy.Fail(refused, refused, refused)
			want(t, c.do(t.Context(), r.store, s), errOutage)
			r.holds(s)

			r.proxy.Fail(lost, lost, lost)
			want(t, c.do(t.Context(), r.store, s), errOutage)
			r.left(c, s)
			if sent := len(r.proxy.Take()); sent != 2*tries {
				t.Errorf("%s: sent %d times, want %d", c.method, sent, 2*tries)
			}
		}
	})
}

// List has two scripts; the answer of the second may be lost too.
func TestLostAnswerOfList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		s := r.created()
		r.proxy.Fail(none, lost, refused)
		want(t, list.do(t.Context(), r.store, s), nil)
		r.proxy.Fail(none, lost, lost, lost)
		want(t, list.do(t.Context(), r.store, s), errOutage)
	})
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
	each(t, func(t *testing.T, r *rig) {
		for _, test := range []struct {
			name    string
			call    call
			first   redistest.Fault
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
				r := r.on(t)
				s := r.created()
				r.proxy.Between(func() { test.between(r, s) })
				r.proxy.Fail(test.first)
				want(t, test.call.do(t.Context(), r.store, s), test.want)
				r.left(call{leaves: test.leaves}, s)
			})
		}
	})
}

// An Update that loses a race at its first try was certainly not applied.
func TestConflictIsCertain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		s := r.created()
		r.updateForeign(s)
		want(t, update.do(t.Context(), r.store, s), session.ErrConflict)
		r.holds(foreign(s))
	})
}

// A try that was given up may still arrive, at any time. It never brings a
// session back, and never undoes what came after it.
func TestLateTries(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		for _, c := range []call{update, touch} {
			s, ended := r.created(), r.created()
			for _, s := range []*session.Session{s, ended} {
				r.proxy.Fail(late)
				want(t, c.do(t.Context(), r.store, s), nil)
			}
			r.updateForeign(s)
			r.touchLater(s)
			want(t, revoke.do(t.Context(), r.direct, ended), nil)

			r.proxy.Deliver()
			r.gone(ended)
			r.holds(touchedLater(foreign(s)))
		}
	})
}

// Create is sent once, whatever happens to it and whatever the client's settings
// are: a second try could bring back what was revoked in between.
func TestCreateIsSentOnce(t *testing.T) {
	t.Parallel()
	t.Run("server", func(t *testing.T) {
		r, options := newRig(t), redistest.Options(t)
		options.MaxRetries, options.Dialer = 9, r.proxy.Dial
		sentOnce(t, r, redis.NewClient(options))
	})
	t.Run("cluster", func(t *testing.T) {
		r, options := newClusterRig(t), redistest.ClusterOptions(t)
		options.MaxRetries, options.MaxRedirects, options.Dialer = 9, 9, r.proxy.Dial
		sentOnce(t, r, redis.NewClusterClient(options))
	})
}

func sentOnce(t *testing.T, r *rig, persistent redis.UniversalClient) {
	defer persistent.Close()
	for _, store := range []session.Store{r.store, redisstore.New(persistent, r.prefix)} {
		for _, fault := range []redistest.Fault{lost, refused, late} {
			s := newSession()
			r.proxy.Fail(fault)
			want(t, store.Create(t.Context(), s), errOutage)
			if calls := r.proxy.Take(); len(calls) != 1 {
				t.Errorf("fault %d: sent %d times", fault, len(calls))
			}
			if fault == lost {
				r.holds(s)
			} else {
				r.gone(s)
			}
		}
	}
}
