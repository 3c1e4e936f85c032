package session_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

func TestReauthenticateAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		other, othersToken := r.login("u1")
		_, strangersToken := r.login("u2")
		time.Sleep(time.Minute)
		r.log.reset()
		w := httptest.NewRecorder()
		want(t, r.ReauthenticateAlone(t.Context(), w, s), nil)
		r.log.wantLines(
			"INFO session_renewed session_id="+s.ID+" user_id=u1",
			"INFO session_ended by_session_id="+s.ID+" reason=password_changed session_id="+other.ID+" user_id=u1",
		)
		r.wantDead(token)
		r.wantDead(othersToken)
		r.wantAlive(strangersToken)
		if got := r.wantAlive(tokenIn(t, w)); got.ID != s.ID || !got.AuthenticatedAt.Equal(time.Now().UTC().Truncate(time.Second)) {
			t.Errorf("session %s, authenticated at %v; want %s, now", got.ID, got.AuthenticatedAt, s.ID)
		}
	})
}

// If the session itself cannot be renewed, the others stay, because the caller has
// proved nothing.
func TestFailedReauthenticateAloneEndsNoSession(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		setUp func(r *fixture, s *session.Session)
	}{
		"ended": {session.ErrNoSession, func(r *fixture, s *session.Session) {
			want(t, r.Revoke(t.Context(), "u1", s.ID), nil)
		}},
		"renewed": {session.ErrConflict, func(r *fixture, s *session.Session) {
			want(t, r.Renew(t.Context(), httptest.NewRecorder(), s.Clone()), nil)
		}},
		"outage": {errOutage, func(r *fixture, _ *session.Session) { r.store.down("Update") }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			_, other := r.login("u1")
			s, _ := r.login("u1")
			test.setUp(r, s)
			r.store.count()
			w := httptest.NewRecorder()
			want(t, r.ReauthenticateAlone(t.Context(), w, s), test.err)
			wantNoCookie(t, w)
			if n := r.store.count("Delete"); n != 0 {
				t.Errorf("%d Deletes, want none", n)
			}
			r.wantAlive(other)
		})
	}
}

// An outage after the renewal is an error, but the browser gets the new token,
// because the old one is dead.
func TestReauthenticateAloneKeepsTheNewToken(t *testing.T) {
	for _, call := range []string{"List", "Delete"} {
		t.Run(call, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			_, other := r.login("u1")
			s, old := r.login("u1")
			r.store.down(call)
			w := httptest.NewRecorder()
			want(t, r.ReauthenticateAlone(t.Context(), w, s), errOutage)
			r.store.up()
			r.wantDead(old)
			r.wantAlive(tokenIn(t, w))
			r.wantAlive(other)

			w = httptest.NewRecorder()
			want(t, r.ReauthenticateAlone(t.Context(), w, s), nil) // called again
			r.wantAlive(tokenIn(t, w))
			r.wantDead(other)
		})
	}
}

func TestReauthenticateAloneTakesTwoRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		r.logins(5, "u1")
		s, _ := r.login("u1")
		for _, method := range methods {
			r.store.before[method] = func(context.Context) error { time.Sleep(time.Second); return nil }
		}
		start := time.Now()
		want(t, r.ReauthenticateAlone(t.Context(), httptest.NewRecorder(), s), nil)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v, want 2s: Update and List, then the Deletes", took)
		}
	})
}
