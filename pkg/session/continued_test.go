package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// unknown is what a program passes that does not know when its user signed in.
var unknown = time.Unix(0, 0)

// create makes a session for u, and returns it with its token and the attributes of its
// cookie.
func (r *fixture) create(u session.User) (s *session.Session, token, attributes string) {
	r.t.Helper()
	w := httptest.NewRecorder()
	s, err := r.Create(w, r.request(), u)
	want(r.t, err, nil)
	return s, tokenIn(r.t, w), attributesIn(r.t, w)
}

// continued makes a session that goes on for the rest of another system's, where the user
// signed in some time ago.
func (r *fixture) continued(ago, rest time.Duration) (s *session.Session, token string) {
	r.t.Helper()
	s, token, _ = r.create(session.User{ID: "u1", AuthenticatedAt: time.Now().Add(-ago), EndsAt: time.Now().Add(rest)})
	return s, token
}

// useUntil uses the session until just before its end.
func (r *fixture) useUntil(token string, end time.Time) {
	r.t.Helper()
	for time.Until(end) > idle/2 {
		time.Sleep(idle / 2)
		if s := r.wantAlive(token); s.ExpiresAt.After(end) {
			r.t.Fatalf("a touch moved the expiry to %v, beyond the end %v", s.ExpiresAt, end)
		}
	}
	time.Sleep(time.Until(end) - time.Second)
	r.wantAlive(token)
	r.log.reset()
	time.Sleep(time.Second)
	r.wantDead(token)
}

// Whoever signed in 13 days ago at a monolith that allows 14 goes on here, for our limits
// or for what is left there, whichever is less.
func TestContinuedSessionLives(t *testing.T) {
	for name, tt := range map[string]struct {
		ago, rest time.Duration
		lives     time.Duration
		reason    string
	}{
		"13 days of 14": {13 * day, day + time.Hour, lifetime, "lifetime"},
		"an hour left":  {14*day - time.Hour, time.Hour, time.Hour, "ends_at"},
		"years left":    {time.Hour, 1000 * day, lifetime, "lifetime"},
		"our limit":     {time.Hour, lifetime, lifetime, "ends_at"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				s, token := r.continued(tt.ago, tt.rest)
				if signedIn := time.Now().UTC().Add(-tt.ago); !s.AuthenticatedAt.Equal(signedIn) {
					t.Errorf("authenticated at %v, want %v", s.AuthenticatedAt, signedIn)
				}
				r.useUntil(token, s.CreatedAt.Add(tt.lives))
				r.log.wantLines("INFO session_expired reason=" + tt.reason + " session_id=" + s.ID + " user_id=u1" + byClient)
				if all, err := r.List(t.Context(), "u1"); err != nil || len(all) != 0 {
					t.Errorf("List: %v, %v; want none", all, err)
				}
			})
		})
	}
}

// An end within the idle timeout is the stored expiry from the beginning.
func TestEndsAtBeforeTheIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		time.Sleep(300 * time.Millisecond)
		s, token, attributes := r.create(session.User{ID: "u1", EndsAt: time.Now().Add(time.Minute).In(time.FixedZone("", 3600))})
		end := time.Now().UTC().Truncate(time.Second).Add(time.Minute)
		if got := r.stored(s); got.EndsAt != end || got.ExpiresAt != end {
			t.Errorf("stored to end at %v and to expire at %v, want %v", got.EndsAt, got.ExpiresAt, end)
		}
		if !strings.Contains(attributes, "Max-Age=60;") {
			t.Errorf("the cookie is %q, want that of a minute", attributes)
		}
		time.Sleep(59 * time.Second)
		r.wantAlive(token)
		time.Sleep(time.Second)
		r.wantDead(token)
	})
}

// The cookie lives as long as the session may, also after a renewal.
func TestCookieOfAContinuedSession(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg      session.Config
		user     session.User
		ends     time.Duration // 0: never
		lifetime time.Duration // 0: no Max-Age
	}{
		"our lifetime":              {session.Config{}, session.User{AuthenticatedAt: unknown}, 0, lifetime},
		"ours is less":              {session.Config{}, session.User{AuthenticatedAt: unknown}, 2 * lifetime, lifetime},
		"theirs is less":            {session.Config{}, session.User{AuthenticatedAt: unknown}, time.Hour, time.Hour},
		"theirs, of a persistent":   {persistentConfig, session.User{Persistent: true}, 3 * day, 3 * day},
		"while a choice is offered": {persistentConfig, session.User{}, time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, tt.cfg)
				if tt.user.ID = "u1"; tt.ends > 0 {
					tt.user.EndsAt = time.Now().Add(tt.ends)
				}
				maxAge := func(after time.Duration) string {
					if tt.lifetime == 0 {
						return shortCookie
					}
					return strings.Replace(lifetimeCookie, "86400", strconv.Itoa(int((tt.lifetime - after).Seconds())), 1)
				}
				s, _, attributes := r.create(tt.user)
				if attributes != maxAge(0) {
					t.Errorf("the cookie is %q, want %q", attributes, maxAge(0))
				}
				time.Sleep(20 * time.Minute)
				w := httptest.NewRecorder()
				want(t, r.Renew(t.Context(), w, s), nil)
				if got := attributesIn(t, w); got != maxAge(20*time.Minute) {
					t.Errorf("renewed, the cookie is %q, want %q", got, maxAge(20*time.Minute))
				}
				if got := r.stored(s); !got.EndsAt.Equal(s.EndsAt) || !got.EndsAt.Equal(tt.user.EndsAt) {
					t.Errorf("renewed, it ends at %v, want %v", got.EndsAt, tt.user.EndsAt)
				}
			})
		})
	}
}

// Who proves again who they are no longer continues a session of elsewhere: a lifetime of
// ours begins. It does so also in the second in which the session was made.
func TestReauthenticateDropsEndsAt(t *testing.T) {
	for name, tt := range map[string]struct{ ago, after time.Duration }{
		"unknown sign-in": {0, time.Minute},
		"days ago":        {3 * day, time.Minute},
		"at once":         {3 * day, 0},
		"same second":     {time.Nanosecond, 0}, // AuthenticatedAt does not change
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				at := time.Now().Add(-tt.ago)
				if tt.ago == 0 {
					at = unknown
				}
				s, _, _ := r.create(session.User{ID: "u1", AuthenticatedAt: at.Add(time.Millisecond), EndsAt: time.Now().Add(2 * time.Minute)})
				time.Sleep(tt.after)
				w := httptest.NewRecorder()
				want(t, r.Reauthenticate(t.Context(), w, s), nil)
				if attributes := attributesIn(t, w); attributes != lifetimeCookie {
					t.Errorf("the cookie is %q, want %q", attributes, lifetimeCookie)
				}
				now := time.Now().UTC().Truncate(time.Second)
				if got := r.stored(s); !got.EndsAt.IsZero() || got.AuthenticatedAt != now || got.ExpiresAt != now.Add(idle) || !s.EndsAt.IsZero() {
					t.Errorf("ends at %v, authenticated at %v, expires at %v", got.EndsAt, got.AuthenticatedAt, got.ExpiresAt)
				}
				r.useUntil(tokenIn(t, w), now.Add(lifetime))
			})
		})
	}
}

// Who has proved it at another system has done so when that says, and never before the proof
// that the session has, nor later than now.
func TestReauthenticateAt(t *testing.T) {
	for name, tt := range map[string]struct{ at, want time.Duration }{
		"a while ago":        {-5 * time.Minute, -5 * time.Minute},
		"now":                {0, 0},
		"in the future":      {time.Minute, 0},
		"before the sign-in": {-time.Hour, -10 * time.Minute},
		"nobody knows when":  {-20 * 365 * day, -10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				s, _, _ := r.create(session.User{ID: "u1"})
				time.Sleep(10 * time.Minute)
				now, w := time.Now().UTC(), httptest.NewRecorder()
				want(t, r.ReauthenticateAt(t.Context(), w, s, now.Add(tt.at)), nil)
				if got := r.stored(s); got.AuthenticatedAt != now.Add(tt.want) {
					t.Errorf("authenticated at %v", got.AuthenticatedAt)
				}
				r.useUntil(tokenIn(t, w), now.Add(tt.want+lifetime))
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, _, _ := r.create(session.User{ID: "u1"})
		time.Sleep(time.Minute)
		want(t, r.ReauthenticateAt(t.Context(), httptest.NewRecorder(), s, time.Time{}), nil)
		if got := r.stored(s); got.AuthenticatedAt != time.Now().UTC() {
			t.Errorf("without a time, authenticated at %v", got.AuthenticatedAt)
		}
	})
}

// ReauthenticateAlone does so too, and after a lost race as well. Update and Renew do not.
func TestWhatKeepsEndsAt(t *testing.T) {
	for name, tt := range map[string]struct {
		write func(*fixture, *session.Session) error
		drops bool
	}{
		"Update": {func(r *fixture, s *session.Session) error {
			return r.Update(r.t.Context(), s, func(s *session.Session) { s.EndsAt, s.AuthenticatedAt, s.Roles = time.Time{}, time.Now(), nil })
		}, false},
		"Renew": {func(r *fixture, s *session.Session) error { return r.Renew(r.t.Context(), httptest.NewRecorder(), s) }, false},
		"Reauthenticate": {func(r *fixture, s *session.Session) error {
			return r.Reauthenticate(r.t.Context(), httptest.NewRecorder(), s)
		}, true},
		"ReauthenticateAlone": {func(r *fixture, s *session.Session) error {
			return r.ReauthenticateAlone(r.t.Context(), httptest.NewRecorder(), s)
		}, true},
	} {
		for _, raced := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				s, _ := r.continued(day, time.Hour)
				ends, authenticated := s.EndsAt, s.AuthenticatedAt
				if raced {
					r.store.before["Update"] = once(func(ctx context.Context) error {
						return r.Update(ctx, s.Clone(), func(s *session.Session) { s.Values["theme"] = "dark" })
					})
				}
				want(t, tt.write(r, s), nil)
				got := r.stored(s)
				if dropped := got.EndsAt.IsZero(); dropped != tt.drops || !dropped && !(got.EndsAt.Equal(ends) && got.AuthenticatedAt.Equal(authenticated)) {
					t.Errorf("raced %v: it ends at %v and was authenticated at %v; ended at %v and %v before", raced, got.EndsAt, got.AuthenticatedAt, ends, authenticated)
				}
				if raced && got.Values["theme"] != "dark" {
					t.Error("the write that came first is lost")
				}
			})
		}
	}
}

// A program from before EndsAt touches a session as if it had none. Here it has still
// ended, and nothing of ours moves its expiry any further.
func TestTouchOfAnOldProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.continued(day, 10*time.Minute)
		time.Sleep(5 * time.Minute)
		late := time.Now().Add(idle)
		want(t, r.store.Store.Touch(t.Context(), s.Key(), time.Now(), late, "", ""), nil)
		time.Sleep(touchDue)
		if got := r.wantAlive(token); !got.ExpiresAt.Equal(late) {
			t.Errorf("it expires at %v, want %v, as stored", got.ExpiresAt, late)
		}
		time.Sleep(time.Until(s.EndsAt))
		r.wantDead(token)
		if all, err := r.List(t.Context(), "u1"); err != nil || len(all) != 0 {
			t.Errorf("List: %v, %v; want none", all, err)
		}
		want(t, r.Update(t.Context(), r.stored(s), func(*session.Session) {}), session.ErrNoSession)
		want(t, r.Reauthenticate(t.Context(), httptest.NewRecorder(), r.stored(s)), session.ErrNoSession)
	})
}

// A touch that would be carried out after the end is not sent.
func TestLateTouchBeforeEndsAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, token := r.continued(day, time.Hour)
		for range 3 {
			time.Sleep(idle / 2)
			r.wantAlive(token)
		}
		time.Sleep(idle/2 - 500*time.Millisecond)
		r.store.count()
		r.wantAlive(token)
		if n := r.store.count("Touch"); n != 0 {
			t.Errorf("%d touches in the last second, want none", n)
		}
	})
}

// NotBefore counts from when the session was made, if its user signed in elsewhere before.
// So does the lifetime when it is shortened.
func TestLimitsOfAContinuedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		time.Sleep(time.Hour + 700*time.Millisecond)
		s, token := r.continued(time.Hour, 10*day)
		made := s.CreatedAt.Truncate(time.Second)
		for notBefore, alive := range map[time.Time]bool{
			s.AuthenticatedAt.Add(time.Second): true,
			made:                               true, // its fraction of a second counts for nothing
			made.Add(time.Nanosecond):          false,
		} {
			_, err := r.withConfig(session.Config{NotBefore: notBefore}).load(token)
			if (err == nil) != alive {
				t.Errorf("with NotBefore at %v: %v; alive %v", notBefore, err, alive)
			}
		}
		short := r.withConfig(session.Config{Lifetime: time.Minute})
		time.Sleep(time.Until(made.Add(time.Minute - time.Millisecond)))
		short.wantAlive(token)
		time.Sleep(time.Millisecond)
		short.wantDead(token)
	})
}

// RequireRecent counts from when the user proved who they are, wherever that was. A time
// that nobody knows is not recent, and one in the future is now.
func TestRequireRecentOfAContinuedSession(t *testing.T) {
	for name, tt := range map[string]struct {
		at     time.Time
		status int
	}{
		"not said":      {time.Time{}, 200},
		"a minute ago":  {time.Now().Add(-time.Minute), 200},
		"an hour ago":   {time.Now().Add(-time.Hour), 403},
		"nobody knows":  {unknown, 403},
		"in the future": {time.Now().Add(time.Hour), 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			s, token, _ := r.create(session.User{ID: "u1", AuthenticatedAt: tt.at})
			recent := func(next http.Handler) http.Handler { return r.RequireRecent(30*time.Minute, next) }
			if w := r.inside(token, func(http.ResponseWriter, *http.Request) {}, recent); w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if s.AuthenticatedAt.After(time.Now()) || s.AuthenticatedAt.Location() != time.UTC || s.AuthenticatedAt.Nanosecond() != 0 {
				t.Errorf("authenticated at %v; want whole seconds in UTC, not in the future", s.AuthenticatedAt)
			}
			if tt.at == unknown && s.AuthenticatedAt.Unix() != 0 {
				t.Errorf("authenticated at %v, want 1970", s.AuthenticatedAt)
			}
		})
	}
}

// A window that began in 1970 is no exception.
func TestRequireRecentNeverTakesAnUnknownTime(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token, _ := r.create(session.User{ID: "u1", AuthenticatedAt: unknown})
	recent := func(next http.Handler) http.Handler { return r.RequireRecent(400*day, next) }
	if w := r.inside(token, func(http.ResponseWriter, *http.Request) {}, recent); w.Code != 403 {
		t.Errorf("status %d, want 403", w.Code)
	}
}

// What has ended elsewhere is not continued: nobody is announced and nothing is stored.
func TestCreateRefusesWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		time.Sleep(300 * time.Millisecond)
		for ends, err := range map[time.Time]error{
			time.Now().Add(-day):                   session.ErrNoSession,
			unknown:                                session.ErrNoSession,
			time.Now():                             session.ErrNoSession,
			time.Now().Add(699 * time.Millisecond): session.ErrNoSession, // its whole second has begun
			time.Now().Add(700 * time.Millisecond): nil,
		} {
			_, own := r.login("u2")
			announced := 0
			r.store.count()
			w := httptest.NewRecorder()
			_, got := r.Create(w, r.request(cookie(own)), session.User{ID: "u1", EndsAt: ends, Announce: func(context.Context, session.Key) error {
				announced++
				return nil
			}})
			want(t, got, err)
			if err == nil {
				continue
			}
			wantNoCookie(t, w)
			if n := r.store.count(); n != 0 || announced != 0 {
				t.Errorf("an end at %v: %d calls, announced %d times; want none", ends, n, announced)
			}
			r.wantAlive(own)
		}
	})
}

// A session is announced before the store is called, by the key that it gets.
func TestAnnounce(t *testing.T) {
	r := newFixture(t, session.Config{})
	var announced []session.Key
	calls := 0
	user := session.User{ID: "u1", Announce: func(ctx context.Context, key session.Key) error {
		announced, calls = append(announced, key), r.store.count()
		if _, ok := ctx.Deadline(); ok {
			t.Error("the context has a deadline that the request has not")
		}
		return nil
	}}
	s, _, _ := r.create(user)
	if len(announced) != 1 || announced[0] != s.Key() || calls != 0 {
		t.Errorf("announced %v after %d calls, want %v alone, after none", announced, calls, s.Key())
	}
}

// If the announcement fails, that is the error, and nothing is stored or ended.
func TestFailedAnnounce(t *testing.T) {
	for _, err := range []error{errOutage, session.ErrNoSession, context.Canceled} {
		r := newFixture(t, session.Config{})
		_, own := r.login("u1")
		r.store.count()
		w := httptest.NewRecorder()
		confirmed := false
		s, got := r.Create(w, r.request(cookie(own)), session.User{
			ID:       "u1",
			Announce: func(context.Context, session.Key) error { return err },
			Confirm:  func(context.Context) error { confirmed = true; return nil },
		})
		if s != nil || got != err || confirmed || r.store.count() != 0 {
			t.Errorf("Create returned %v, %v, and perhaps called; want %v and no call", s, got, err)
		}
		wantNoCookie(t, w)
		r.wantAlive(own)
	}
}

// What was announced is the only key that is tried. A write that may arrive late is taken
// back.
func TestAnnouncedSessionIsTriedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		calls []string
	}{
		"lost answer": {errOutage, []string{"Create", "Delete"}},
		"taken key":   {session.ErrConflict, []string{"Create"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			announced := 0
			r.store.after["Create"] = func(context.Context) error { return tt.err }
			w := httptest.NewRecorder()
			_, err := r.Create(w, r.request(), session.User{ID: "u1", Announce: func(context.Context, session.Key) error {
				announced++
				return nil
			}})
			if !errors.Is(err, tt.err) || announced != 1 {
				t.Errorf("Create: %v, announced %d times; want %v, once", err, announced, tt.err)
			}
			wantNoCookie(t, w)
			for _, method := range tt.calls {
				if n := r.store.count(method); n != 1 {
					t.Errorf("%d times %s, want one", n, method)
				}
			}
			if n := r.store.count(); n != 0 {
				t.Errorf("%d calls more, want none", n)
			}
		})
	}
}
