package session_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
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
			"INFO session_ended by_session_id="+s.ID+" reason=limit session_id="+oldest.ID+" user_id=u1"+byClient,
			"INFO session_created session_id="+s.ID+" user_id=u1"+byClient,
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
					"WARN session_limit_failed error="+test.cause+" session_id="+s.ID+" user_id=u1"+byClient,
					"INFO session_created session_id="+s.ID+" user_id=u1"+byClient,
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

// List runs at the same time as Confirm. The oldest session is deleted after the session
// that the request came with, because the login can still fail until that has ended.
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
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("the login took %v, want 4s: Create, then Confirm and List, then the two Deletes", took)
		}
		r.store.up()
		r.wantAliveFrom(1, tokens)
		r.wantDead(presented)
	})
}

// undeletable is a store that cannot delete one session.
type undeletable struct {
	session.Store
	key session.Key
	hook
}

func (s undeletable) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if key == s.key {
		if err := s.hook(ctx); err != nil {
			return "", err
		}
	}
	return s.Store.Delete(ctx, key, secret, now)
}

// A login that fails because the session that it came with could not be ended has ended
// no other session either.
func TestFailedLoginEndsNoOtherSession(t *testing.T) {
	for name, hook := range map[string]hook{"down": fails, "hangs": hangs} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{MaxSessions: 3})
				tokens := r.logins(3, "u1")
				old, presented := r.login("u2")
				r.store.Store = undeletable{r.store.Store, old.Key(), hook}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				w := httptest.NewRecorder()
				_, err := r.Create(w, r.request(cookie(presented)).WithContext(ctx), session.User{ID: "u1"})
				if err == nil || errors.Is(err, session.ErrNoSession) {
					t.Errorf("error is %v, want an outage", err)
				}
				wantNoCookie(t, w)
				r.wantAliveFrom(0, append(tokens, presented))
				if n := r.sessionCount("u1"); n != 3 {
					t.Errorf("%d sessions are stored, want the 3 from before", n)
				}
			})
		})
	}
}

// If the clock was put back, a new session is older than those that were there before
// and would be ended at once by the limit. Then the login fails, and ends nothing.
func TestClockThatWasPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			max     int
			future  int // sessions made before the clock was put back
			refused bool
		}{
			"the limit is full":     {3, 3, true},
			"the limit is exceeded": {3, 5, true},
			"there is room":         {3, 2, false},
			"there is no limit":     {-1, 20, false},
		} {
			r := newFixture(t, session.Config{MaxSessions: tt.max})
			unlimited := r.withConfig(session.Config{MaxSessions: -1})
			var tokens []string
			for range tt.future {
				s, token := unlimited.login("u1")
				_, err := r.store.Store.Delete(t.Context(), s.Key(), nil, time.Now())
				want(t, err, nil)
				s.CreatedAt = s.CreatedAt.Add(time.Minute)
				want(t, r.store.Store.Create(t.Context(), s), nil)
				tokens = append(tokens, token)
			}
			_, presented := r.login("u2")
			w := httptest.NewRecorder()
			_, err := r.Create(w, r.request(cookie(presented)), session.User{ID: "u1"})
			if (err != nil) != tt.refused {
				t.Fatalf("%s: the login's error is %v", name, err)
			}
			r.wantAliveFrom(0, tokens)
			if !tt.refused {
				r.wantAlive(tokenIn(t, w))
				continue
			}
			if !strings.Contains(err.Error(), "the clock was put back") || errors.Is(err, session.ErrNoSession) || errors.Is(err, session.ErrConflict) {
				t.Errorf("%s: error is %v, want an outage that names the cause", name, err)
			}
			wantNoCookie(t, w)
			r.wantAlive(presented)
			if n := r.sessionCount("u1"); n != tt.future {
				t.Errorf("%s: %d sessions are stored, want the %d from before", name, n, tt.future)
			}
		}
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
