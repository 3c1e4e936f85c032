package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

const (
	day            = 24 * time.Hour
	longIdle       = 7 * day
	longLifetime   = 30 * day
	shortCookie    = "Path=/; HttpOnly; Secure; SameSite=Lax"
	lifetimeCookie = "Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"
	longCookie     = "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"
)

var persistentConfig = session.Config{PersistentIdleTimeout: longIdle, PersistentLifetime: longLifetime}

// loginPersistent is login for a user who has chosen to stay signed in.
func (r *fixture) loginPersistent(userID string) (*session.Session, string) {
	r.t.Helper()
	w := httptest.NewRecorder()
	s, err := r.Create(w, r.request(), session.User{ID: userID, Persistent: true})
	want(r.t, err, nil)
	return s, tokenIn(r.t, w)
}

// attributesIn returns the attributes of the session cookie that the response sets.
func attributesIn(t *testing.T, w http.ResponseWriter) string {
	t.Helper()
	tokenIn(t, w) // it is the only cookie
	_, attributes, _ := strings.Cut(w.Header().Get("Set-Cookie"), "; ")
	return attributes
}

// Each session ends by its own pair of limits, although both are the same user's.
func TestPersistentIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, persistentConfig)
		long, longToken := r.loginPersistent("u1")
		short, shortToken := r.login("u1")
		if !long.Persistent || short.Persistent || !r.stored(long).Persistent || r.stored(short).Persistent {
			t.Fatalf("persistent: %v, %v; want true, false, as stored", long.Persistent, short.Persistent)
		}
		time.Sleep(idle)
		r.log.reset()
		r.wantDead(shortToken)
		r.log.wantLines("INFO session_expired reason=idle session_id=" + short.ID + " user_id=u1" + byClient)
		if all, err := r.List(t.Context(), "u1"); err != nil || len(all) != 1 || all[0].ID != long.ID {
			t.Errorf("List: %v, %v; want the persistent session alone", all, err)
		}
		time.Sleep(longIdle - idle - time.Second)
		if got, end := r.stored(long).ExpiresAt, long.LastSeenAt.Add(longIdle); !got.Equal(end) {
			t.Errorf("stored to end at %v, want %v", got, end)
		}
		time.Sleep(time.Second)
		r.log.reset()
		r.wantDead(longToken)
		r.log.wantLines("INFO session_expired reason=idle session_id=" + long.ID + " user_id=u1" + byClient)
	})
}

func TestPersistentLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, persistentConfig)
		s, token := r.loginPersistent("u1")
		end := s.AuthenticatedAt.Add(longLifetime)
		for time.Until(end) > longIdle-day {
			time.Sleep(longIdle - day)
			if got := r.wantAlive(token); got.ExpiresAt.After(end) || !got.Persistent {
				t.Fatalf("ends at %v, persistent %v; want at most %v, and true", got.ExpiresAt, got.Persistent, end)
			}
		}
		time.Sleep(time.Until(end) - time.Second)
		r.wantAlive(token)
		time.Sleep(time.Second)
		r.log.reset()
		r.wantDead(token)
		r.log.wantLines("INFO session_expired reason=lifetime session_id=" + s.ID + " user_id=u1" + byClient)
	})
}

// A touch comes as often as for other sessions, so that LastSeenAt is as exact.
func TestPersistentTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, persistentConfig)
		s, token := r.loginPersistent("u1")
		time.Sleep(touchDue - time.Second)
		if got := r.wantAlive(token); !got.LastSeenAt.Equal(s.LastSeenAt) {
			t.Error("a touch came before it was due")
		}
		time.Sleep(time.Second)
		now := s.LastSeenAt.Add(touchDue)
		r.wantAlive(token)
		if got := r.stored(s); !got.LastSeenAt.Equal(now) || !got.ExpiresAt.Equal(now.Add(longIdle)) {
			t.Errorf("last seen at %v, ends at %v; want %v and %v", got.LastSeenAt, got.ExpiresAt, now, now.Add(longIdle))
		}
	})
}

// In the last second of a persistent session no touch is sent either.
func TestLateTouchOfAPersistentSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, persistentConfig)
		_, token := r.loginPersistent("u1")
		time.Sleep(longIdle - 500*time.Millisecond)
		r.store.count()
		r.wantAlive(token)
		if n := r.store.count("Touch"); n != 0 {
			t.Errorf("%d touches in the last second, want none", n)
		}
	})
}

// A persistent session is renewed as what it is, with what is left of its lifetime; a
// cookie without Max-Age stays without.
func TestPersistentCookies(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg     session.Config
		chosen  bool
		created string
		renewed string // an hour later
	}{
		"not offered":             {session.Config{}, false, lifetimeCookie, strings.Replace(lifetimeCookie, "86400", "82800", 1)},
		"not offered, but chosen": {session.Config{}, true, lifetimeCookie, strings.Replace(lifetimeCookie, "86400", "82800", 1)},
		"offered, not chosen":     {persistentConfig, false, shortCookie, shortCookie},
		"chosen":                  {persistentConfig, true, longCookie, strings.Replace(longCookie, "2592000", "2588400", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, tt.cfg)
				w := httptest.NewRecorder()
				_, err := r.Create(w, r.request(), session.User{ID: "u1", Persistent: tt.chosen})
				want(t, err, nil)
				wantAttributes := func(w http.ResponseWriter, attributes string) {
					t.Helper()
					if got := attributesIn(t, w); got != attributes {
						t.Errorf("the cookie has %q, want %q", got, attributes)
					}
				}
				wantAttributes(w, tt.created)
				time.Sleep(29 * time.Minute)
				r.wantAlive(tokenIn(t, w))
				time.Sleep(29 * time.Minute)
				s := r.wantAlive(tokenIn(t, w))
				time.Sleep(2 * time.Minute)
				want(t, r.Update(t.Context(), s, func(s *session.Session) { s.Values["theme"] = "dark" }), nil)
				w = httptest.NewRecorder()
				want(t, r.Renew(t.Context(), w, s), nil)
				wantAttributes(w, tt.renewed)
				for _, again := range []func(context.Context, http.ResponseWriter, *session.Session) error{r.Reauthenticate, r.ReauthenticateAlone} {
					w = httptest.NewRecorder()
					want(t, again(t.Context(), w, s), nil)
					wantAttributes(w, tt.created)
				}
				persistent := tt.created == longCookie
				end := time.Now().Truncate(time.Second).Add(idle)
				if persistent {
					end = end.Add(longIdle - idle)
				}
				for where, got := range map[string]*session.Session{"returned": s, "stored": r.stored(s)} {
					if got.Persistent != persistent || !got.ExpiresAt.Equal(end) {
						t.Errorf("the %s session: persistent %v, ends at %v; want %v, %v", where, got.Persistent, got.ExpiresAt, persistent, end)
					}
				}
			})
		})
	}
}

// A session that was made before the limits were set does not get them.
func TestPersistentLimitsComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := newFixture(t, session.Config{})
		after := before.withConfig(persistentConfig)
		_, token := before.loginPersistent("u1")
		after.wantAlive(token)
		time.Sleep(idle)
		after.wantDead(token)
	})
}

// A process without the limits applies the short ones to a persistent session, and harms
// nothing: the session is as long as before where the limits are set. One that is in use
// lives in both.
func TestPersistentSessionWithoutItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, persistentConfig)
		without := r.withConfig(session.Config{})
		used, usedToken := r.loginPersistent("u1")
		_, unused := r.loginPersistent("u1")
		for range 10 {
			time.Sleep(idle - touchDue)
			without.wantAlive(usedToken) // the touch of each serves the other
			time.Sleep(touchDue)
			r.wantAlive(usedToken)
			time.Sleep(idle - touchDue)
			r.wantAlive(usedToken)
			time.Sleep(touchDue)
			without.wantAlive(usedToken)
		}
		without.wantDead(unused)
		r.wantAlive(unused)
		if got := r.stored(used); !got.Persistent || got.ExpiresAt.Before(used.ExpiresAt) {
			t.Errorf("after touches of the other process: persistent %v, ends at %v; want true, and not before %v", got.Persistent, got.ExpiresAt, used.ExpiresAt)
		}
		time.Sleep(longIdle - day)
		without.wantDead(usedToken)
		r.wantAlive(usedToken)
	})
}

// What ends all sessions ends persistent ones too.
func TestNotBeforeEndsPersistentSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, persistentConfig)
		s, token := r.loginPersistent("u1")
		time.Sleep(2 * day)
		cfg := persistentConfig
		cfg.NotBefore = time.Now()
		after := r.withConfig(cfg)
		r.log.reset()
		after.wantDead(token)
		r.log.wantLines("INFO session_expired reason=not_before session_id=" + s.ID + " user_id=u1" + byClient)
	})
}

// Shorter limits hold at once for persistent sessions too.
func TestShortenedPersistentTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, persistentConfig)
		after := r.withConfig(session.Config{PersistentIdleTimeout: day, PersistentLifetime: 2 * day})
		_, used := r.loginPersistent("u1")
		_, unused := r.loginPersistent("u1")
		time.Sleep(day - time.Second)
		after.wantAlive(used)
		time.Sleep(time.Second)
		after.wantDead(unused)
		r.wantAlive(unused)
		time.Sleep(day - 2*time.Second)
		after.wantAlive(used)
		time.Sleep(2 * time.Second)
		after.wantDead(used)
	})
}

// A persistent session counts for the limit as long as it lives.
func TestPersistentSessionsCountForTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := persistentConfig
		cfg.MaxSessions = 2
		r := newFixture(t, cfg)
		_, oldest := r.loginPersistent("u1")
		time.Sleep(time.Second)
		_, older := r.loginPersistent("u1")
		time.Sleep(3 * day)
		r.login("u1")
		r.wantDead(oldest)
		r.wantAlive(older)
	})
}
