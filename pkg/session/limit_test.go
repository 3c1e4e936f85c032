package session_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// logins creates sessions of the user, a millisecond apart.
func (r *fixture) logins(n int, userID string) (tokens []string) {
	r.t.Helper()
	for range n {
		time.Sleep(time.Millisecond)
		_, token := r.login(userID)
		tokens = append(tokens, token)
	}
	time.Sleep(time.Millisecond)
	return tokens
}

// wantAliveFrom checks that exactly the tokens from index from on are alive.
func (r *fixture) wantAliveFrom(from int, tokens []string) {
	r.t.Helper()
	for i, token := range tokens {
		if _, err := r.load(token); (err == nil) != (i >= from) {
			r.t.Errorf("token %d of %d: %v; want those from %d on alive", i, len(tokens), err, from)
		}
	}
}

func TestMaxSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct{ configured, limit int }{{0, 10}, {1, 1}, {3, 3}, {-1, 20}} {
			r := newFixture(t, session.Config{MaxSessions: test.configured})
			others := r.logins(1, "u2")
			tokens := r.logins(20, "u1")
			r.wantAliveFrom(20-test.limit, tokens)
			r.wantAliveFrom(0, others)
			if n := r.store.count("List"); (n > 0) != (test.configured >= 0) {
				t.Errorf("MaxSessions %d: %d Lists", test.configured, n)
			}
		}
	})
}

// The oldest session is the one that was created first, even if it was used or
// renewed since.
func TestMaxSessionsEndsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 3})
		oldest, token := r.login("u1")
		tokens := r.logins(2, "u1")
		time.Sleep(touchDue)
		w := httptest.NewRecorder()
		want(t, r.Reauthenticate(t.Context(), w, r.wantAlive(token)), nil)
		r.log.reset()
		s, newest := r.login("u1")
		r.log.wantLines(
			"INFO session_expired reason=limit session_id="+oldest.ID,
			"INFO session_created session_id="+s.ID+" user_id=u1",
		)
		r.wantDead(tokenIn(t, w))
		r.wantAliveFrom(0, append(tokens, newest))
	})
}

// Of sessions made in the same millisecond, those with the smaller IDs are ended.
func TestMaxSessionsInOneMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 3})
		var made []string
		for range 8 {
			s, _ := r.login("u1")
			made = append(made, s.ID)
		}
		slices.Sort(made)
		all, err := r.List(t.Context(), "u1")
		want(t, err, nil)
		if got := ids(all); !slices.Equal(got, made[5:]) {
			t.Errorf("left are %v of %v, want the last three", got, made)
		}
	})
}

func TestDeadSessionsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 3})
		r.logins(2, "u1") // idle at the end
		time.Sleep(idle - time.Minute)
		tokens := r.logins(1, "u1")
		time.Sleep(2 * time.Minute)
		tokens = append(tokens, r.logins(2, "u1")...)
		r.wantAliveFrom(0, tokens)

		// Sessions that are dead only by the current limits do not count either.
		r = r.withConfig(session.Config{MaxSessions: 2, IdleTimeout: time.Minute})
		r.wantAliveFrom(0, append(tokens[1:], r.logins(1, "u1")...)[1:])
		if n := r.sessionCount("u1"); n != 5 {
			t.Errorf("%d sessions are stored, want 5: three that are dead, for whatever reason, and two", n)
		}
	})
}

// newFixtureWithSlowDeletes returns a fixture with a limit of three. Its deletes are
// so slow that every list still has the sessions that are about to be deleted.
func newFixtureWithSlowDeletes(t *testing.T) *fixture {
	r := newFixture(t, session.Config{MaxSessions: 3})
	r.store.before["Delete"] = func(context.Context) error { time.Sleep(time.Second); return nil }
	return r
}

// The session that a login replaces does not count, so no other session is ended
// because of it.
func TestThePresentedSessionDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for place := range 3 {
			r := newFixtureWithSlowDeletes(t)
			tokens := r.logins(3, "u1")
			presented := tokens[place]
			_, token := r.login("u1", cookie(presented))
			r.wantDead(presented)
			r.wantAliveFrom(0, append(slices.Delete(tokens, place, place+1), token))
		}

		// The secret from before the last renewal also proves which session to
		// replace.
		r := newFixtureWithSlowDeletes(t)
		tokens := r.logins(3, "u1")
		want(t, r.Renew(t.Context(), httptest.NewRecorder(), r.wantAlive(tokens[2])), nil)
		r.login("u1", cookie(tokens[2]))
		r.wantAliveFrom(0, tokens[:2])

		// A session that the cookie does not prove stays, and counts.
		r = newFixtureWithSlowDeletes(t)
		tokens = r.logins(3, "u1")
		_, token := r.login("u1", cookie(tokens[2][:secretStart]+tokens[1][secretStart:]))
		r.wantAliveFrom(1, append(tokens, token))

		// Another user's session never counts.
		r = newFixtureWithSlowDeletes(t)
		tokens = r.logins(3, "u1")
		others := r.logins(1, "u2")
		_, token = r.login("u1", cookie(others[0]))
		r.wantDead(others[0])
		r.wantAliveFrom(1, append(tokens, token))
	})
}

// A login never fails because the limit could not be enforced. The next login ends
// the sessions that this one could not end.
func TestLimitInAnOutage(t *testing.T) {
	for _, test := range []struct {
		call    string
		failure hook
		cause   string
	}{
		{"List", fails, "connection refused"},
		{"Delete", fails, "connection refused"},
		{"List", hangs, "context deadline exceeded"},
		{"Delete", hangs, "context deadline exceeded"},
	} {
		t.Run(test.call+", "+test.cause, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{MaxSessions: 3})
				tokens := r.logins(3, "u1")
				r.store.before[test.call] = test.failure
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r.log.reset()
				w := httptest.NewRecorder()
				s, err := r.Create(w, r.request().WithContext(ctx), session.User{ID: "u1"})
				want(t, err, nil)
				r.log.wantLines(
					"WARN session_limit_failed error="+test.cause+" session_id="+s.ID+" user_id=u1",
					"INFO session_created session_id="+s.ID+" user_id=u1",
				)
				r.store.up()
				tokens = append(tokens, tokenIn(t, w))
				r.wantAliveFrom(0, tokens)
				r.wantAliveFrom(2, append(tokens, r.logins(1, "u1")...))
			})
		})
	}
}

// If List hangs, the session that the request came with is still replaced.
func TestHangingListDoesNotKeepThePresentedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, old := r.login("u1")
		r.store.before["List"] = hangs
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := httptest.NewRecorder()
		_, err := r.Create(w, r.request(cookie(old)).WithContext(ctx), session.User{ID: "u1"})
		want(t, err, nil)
		r.wantDead(old)
		r.wantAlive(tokenIn(t, w))
	})
}

// A session that cannot be read does not stop the others from being counted.
func TestLimitWithADamagedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 3})
		r.store.after["List"] = fails // List also returns those that could be read
		r.wantAliveFrom(1, r.logins(4, "u1"))
	})
}

// A login that is refused ends no session, even if the limit is reached.
func TestRefusedLoginsEndNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 3})
		tokens := r.logins(3, "u1")
		refusal := errors.New("account disabled")
		_, err := r.Create(httptest.NewRecorder(), r.request(), session.User{ID: "u1", Confirm: func(context.Context) error {
			time.Sleep(time.Second) // long after List has returned
			return refusal
		}})
		want(t, err, refusal)
		r.wantAliveFrom(0, tokens)

		func() {
			defer func() { recover() }()
			r.Create(httptest.NewRecorder(), r.request(), session.User{ID: "u1", Confirm: func(context.Context) error { panic("mistake") }})
		}()
		r.wantAliveFrom(0, tokens) // and no goroutine waits for ever, or synctest would not end
	})
}

// List runs at the same time as Confirm. The oldest session and the session that the
// request came with are deleted at the same time.
func TestLimitAddsNoRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 3})
		tokens := r.logins(3, "u1")
		_, presented := r.login("u2")
		slow := func(context.Context) error { time.Sleep(time.Second); return nil }
		for _, method := range methods {
			r.store.before[method] = slow
		}
		start := time.Now()
		_, err := r.Create(httptest.NewRecorder(), r.request(cookie(presented)), session.User{ID: "u1", Confirm: slow})
		want(t, err, nil)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the login took %v, want 3s: Create, then Confirm and List, then the two Deletes", took)
		}
		r.store.up()
		r.wantAliveFrom(1, tokens)
		r.wantDead(presented)
	})
}

// A login that stores its session late is among the oldest, and is ended as one of
// them.
func TestLoginStoredLateIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 3})
		r.store.before["Create"] = once(func(context.Context) error { time.Sleep(time.Hour / 4); return nil })
		var overtaken string
		var wg sync.WaitGroup
		wg.Go(func() { _, overtaken = r.login("u1") })
		tokens := r.logins(3, "u1")
		wg.Wait()
		r.wantDead(overtaken)
		r.wantAliveFrom(0, tokens)
	})
}
