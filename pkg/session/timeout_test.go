package session_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

func TestIdleTimeout(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  session.Config
		idle time.Duration
	}{
		"default":    {session.Config{}, 30 * time.Minute},
		"configured": {session.Config{IdleTimeout: 90 * time.Second}, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, tt.cfg)
				_, used := r.login("u1")
				s, unused := r.login("u1")

				time.Sleep(tt.idle - time.Second)
				r.wantAlive(used)
				r.log.reset()
				time.Sleep(time.Second)
				r.wantDead(unused)
				r.log.wantLines("INFO session_expired reason=idle session_id=" + s.ID + " user_id=u1" + byClient)
				r.wantAlive(used)
			})
		})
	}
}

// A touch that is on its way when the idle timeout ends does not bring the session back,
// after another request was told that it has ended. So a touch is sent only if it can
// be carried out before the end.
func TestLateTouchBringsNothingBack(t *testing.T) {
	for before, extends := range map[time.Duration]bool{
		2 * time.Second:        true,
		time.Second:            true, // it has this second, and gives up at the end
		500 * time.Millisecond: false,
		time.Millisecond:       false,
	} {
		t.Run(before.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				_, token := r.login("u1")
				time.Sleep(idle - before)
				var wg sync.WaitGroup
				r.store.before["Touch"] = func(ctx context.Context) error {
					time.Sleep(min(before+10*time.Millisecond, 999*time.Millisecond))
					return nil
				}
				wg.Go(func() { r.wantAlive(token) }) // its touch is slow
				time.Sleep(before)
				_, err := r.load(token)
				wg.Wait()
				if extends {
					want(t, err, nil)
					return
				}
				want(t, err, session.ErrNoSession)
				r.wantDead(token)
			})
		})
	}
}

// The store hears until when a touch may be carried out: for a second from the time that it
// writes, however much time its request has.
func TestTouchGivesUpAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, token := r.login("u1")
		time.Sleep(idle / 2)
		end := time.Now().Add(time.Second)
		r.store.before["Touch"] = func(ctx context.Context) error {
			if got, ok := ctx.Deadline(); !ok || !got.Equal(end) {
				t.Errorf("the touch gives up at %v, %v; want %v", got, ok, end)
			}
			<-ctx.Done()
			return ctx.Err()
		}
		r.store.count()
		r.wantAlive(token) // the request itself goes on
		if n := r.store.count("Touch"); n != 1 || !time.Now().Equal(end) {
			t.Errorf("%d touches until %v, want one until %v", n, time.Now(), end)
		}
	})
}

// A touch in the last second is not sent under an idle timeout that was shortened either,
// and is not the stored end.
func TestLateTouchUnderAShorterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, token := r.login("u1")
		r = r.withConfig(session.Config{IdleTimeout: time.Minute})
		time.Sleep(time.Minute - 500*time.Millisecond)
		r.wantAlive(token)
		if n := r.store.count("Touch"); n != 0 {
			t.Errorf("%d touches in the last second, want none", n)
		}
		time.Sleep(500 * time.Millisecond)
		r.wantDead(token)
	})
}

func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		end := s.AuthenticatedAt.Add(lifetime)
		for time.Until(end) > idle/2 {
			time.Sleep(idle / 2)
			if s = r.wantAlive(token); s.ExpiresAt.After(end) {
				t.Fatalf("a touch moved the expiry to %v, beyond the lifetime's end %v", s.ExpiresAt, end)
			}
		}
		time.Sleep(time.Until(end) - time.Second)
		r.wantAlive(token)
		r.log.reset()
		time.Sleep(time.Second)
		r.wantDead(token)
		r.log.wantLines("INFO session_expired reason=lifetime session_id=" + s.ID + " user_id=u1" + byClient)
	})
}

// A store's own clean-up may be days late.
func TestExpiredButStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		time.Sleep(24 * time.Hour)
		if r.stored(s) == nil {
			t.Fatal("the store removed the session; this test needs one that does not")
		}
		r.wantDead(token)
	})
}

// A client that knows an ID but not its secret learns nothing, and nothing is
// logged.
func TestWrongSecretLogsNoExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, token := r.login("u1")
		time.Sleep(idle)
		r.log.reset()
		r.wantDead(token[:secretStart] + strings.Repeat("A", 43))
		r.log.wantLines()
	})
}

// The stored expiry counts too, so longer limits do not revive a session.
func TestStoredExpiryCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{IdleTimeout: time.Minute})
		s, token := r.login("u1")
		time.Sleep(time.Minute)
		r.log.reset()
		r.withConfig(session.Config{IdleTimeout: time.Hour}).wantDead(token)
		r.log.wantLines("INFO session_expired reason=expired session_id=" + s.ID + " user_id=u1" + byClient)
	})
}

func TestTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		start, version := s.LastSeenAt, s.Version

		time.Sleep(touchDue - time.Second)
		if got := r.wantAlive(token); !got.LastSeenAt.Equal(start) || r.store.count("Touch") != 0 {
			t.Errorf("a touch came before it was due")
		}
		time.Sleep(1500 * time.Millisecond)
		now := start.Add(touchDue)
		for name, got := range map[string]*session.Session{"returned": r.wantAlive(token), "stored": r.stored(s)} {
			if !got.LastSeenAt.Equal(now) || !got.ExpiresAt.Equal(now.Add(idle)) || got.Version != version {
				t.Errorf("the %s session was last seen at %v, expires at %v, version %d, want %v, %v, %d",
					name, got.LastSeenAt, got.ExpiresAt, got.Version, now, now.Add(idle), version)
			}
		}
	})
}

func TestTouchAtMostOncePerTenthOfIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, token := r.login("u1")
		r.store.count()
		for range 10 * 60 { // seconds; touches are due after 180, 360 and 540
			time.Sleep(time.Second)
			r.wantAlive(token)
		}
		if n := r.store.count("Touch"); n != 3 {
			t.Errorf("%d touches in ten minutes, want 3", n)
		}
		if n := r.store.count("Get"); n != 600 || r.store.count() != 0 {
			t.Errorf("%d reads and more, want 600 and nothing else", n)
		}
	})
}

func TestFailedTouchServesTheRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		hook  hook
		takes time.Duration
		error string
	}{
		"outage": {fails, 0, "connection refused"},
		"hung":   {hangs, time.Second, "context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				s, token := r.login("u1")
				time.Sleep(touchDue)
				r.log.reset()
				r.store.before["Touch"] = tt.hook
				start := time.Now()
				if got := r.wantAlive(token); !got.LastSeenAt.Equal(s.LastSeenAt) || !got.ExpiresAt.Equal(s.ExpiresAt) {
					t.Error("the session pretends to have been touched")
				}
				if took := time.Since(start); took != tt.takes {
					t.Errorf("the request took %v, want %v", took, tt.takes)
				}
				r.log.wantLines("WARN session_touch_failed error=" + tt.error + " session_id=" + s.ID + " user_id=u1" + byClient)

				r.store.up()
				if got := r.wantAlive(token); !got.LastSeenAt.After(s.LastSeenAt) {
					t.Error("the next request did not touch again")
				}
			})
		})
	}
}

func TestTouchThatFindsTheSessionGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		time.Sleep(touchDue)
		r.store.before["Touch"] = func(ctx context.Context) error { return r.Revoke(ctx, "u1", s.ID) }
		r.wantDead(token)
		if r.stored(s) != nil {
			t.Error("the touch brought the session back")
		}
	})
}

// A request that loaded the session before a Reauthenticate and touches it
// afterwards knows only the old lifetime.
func TestStaleTouchDoesNotShorten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		end := s.AuthenticatedAt.Add(lifetime)
		for time.Until(end) > idle/2 {
			time.Sleep(idle / 2)
			s = r.wantAlive(token)
		}
		time.Sleep(touchDue)
		r.store.before["Touch"] = once(func(ctx context.Context) error { return r.Reauthenticate(ctx, httptest.NewRecorder(), s) })
		_, err := r.load(token)
		want(t, err, nil)
		if got, want := r.stored(s).ExpiresAt, time.Now().Add(idle); !got.Equal(want) {
			t.Errorf("expires at %v, want %v as the re-authentication said", got, want)
		}
	})
}

func TestShortenedTimeouts(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg    session.Config
		unused time.Duration // after this time the session is dead under cfg, and not earlier
		reason string
	}{
		"idle":     {session.Config{IdleTimeout: time.Minute}, time.Minute, "idle"},
		"lifetime": {session.Config{IdleTimeout: 5 * time.Minute, Lifetime: 5 * time.Minute}, 5 * time.Minute, "lifetime"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := newFixture(t, session.Config{})
				after := before.withConfig(tt.cfg)
				_, used := before.login("u1")
				s, token := before.login("u1")
				time.Sleep(tt.unused - time.Second)
				after.wantAlive(used)
				time.Sleep(time.Second)
				before.log.reset()
				after.wantDead(token)
				before.log.wantLines("INFO session_expired reason=" + tt.reason + " session_id=" + s.ID + " user_id=u1" + byClient)
				before.wantAlive(token) // refused but not deleted: it is alive under the old setting
			})
		})
	}
}

// Sessions from before a change of the settings keep the expiry that was written for
// them. A store ignores a touch with an earlier expiry, because it looks like a late
// write.
func TestShortenedIdleTimeoutKeepsActiveUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := newFixture(t, session.Config{})
		after := before.withConfig(session.Config{IdleTimeout: time.Minute, Lifetime: time.Hour})
		s, token := before.login("u1")
		for time.Since(s.AuthenticatedAt) < 59*time.Minute {
			time.Sleep(30 * time.Second)
			after.wantAlive(token)
			if got := after.stored(s).LastSeenAt; !got.Equal(time.Now()) {
				t.Fatalf("last seen at %v, want now, %v", got, time.Now())
			}
		}
		time.Sleep(time.Minute)
		after.wantDead(token) // the hour is over
	})
}

func TestLengthenedTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := newFixture(t, session.Config{IdleTimeout: 10 * time.Minute, Lifetime: 10 * time.Minute})
		after := before.withConfig(session.Config{IdleTimeout: time.Hour, Lifetime: 2 * time.Hour})
		_, used := before.login("u1")
		_, unused := before.login("u1")
		time.Sleep(9 * time.Minute)
		after.wantAlive(used) // this touch gives it the new limits
		time.Sleep(time.Minute)
		after.wantDead(unused)
		time.Sleep(58 * time.Minute)
		after.wantAlive(used)
		time.Sleep(52 * time.Minute)
		after.wantDead(used)
	})
}

func TestNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, ended := r.login("u1")
		renewed, _ := r.login("u1")
		w := httptest.NewRecorder()
		want(t, r.Renew(t.Context(), w, renewed), nil)
		proven, _ := r.login("u1")
		time.Sleep(time.Minute)
		after := r.withConfig(session.Config{NotBefore: time.Now()})
		_, same := r.login("u1") // in the same second
		time.Sleep(time.Minute)
		r.log.reset()
		after.wantDead(ended)
		r.log.wantLines("INFO session_expired reason=not_before session_id=" + s.ID + " user_id=u1" + byClient)
		after.wantDead(tokenIn(t, w)) // a renewal is not an authentication
		after.wantAlive(same)
		w = httptest.NewRecorder()
		want(t, r.Reauthenticate(t.Context(), w, proven), nil)
		after.wantAlive(tokenIn(t, w))
	})
}
