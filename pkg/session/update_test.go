package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

func setTheme(theme string) func(*session.Session) {
	return func(s *session.Session) { s.Values["theme"] = theme }
}

func TestUpdate(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	want(t, r.Update(t.Context(), s, func(s *session.Session) {
		s.Roles = append(s.Roles, "writer")
		s.Values["theme"] = "light"
	}), nil)
	for name, got := range map[string]*session.Session{"caller's": s, "stored": r.stored(s), "loaded": r.wantAlive(token)} {
		if !slices.Equal(got.Roles, []string{"reader", "writer"}) || got.Values["theme"] != "light" {
			t.Errorf("the %s session has roles %v and values %v", name, got.Roles, got.Values)
		}
	}
	// The session can be updated again, with no read in between.
	r.store.count()
	want(t, r.Update(t.Context(), s, setTheme("dark")), nil)
	if n := r.store.count("Update"); n != 1 || r.store.count() != 0 {
		t.Error("the second Update did more than one write")
	}
}

func TestUpdateChangesRolesAndValuesOnly(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, _ := r.login("u1")
	before := r.stored(s)
	want(t, r.Update(t.Context(), s, func(s *session.Session) {
		*s = session.Session{ID: "other", UserID: "u2", ExpiresAt: time.Now().AddDate(1, 0, 0), Version: 1,
			Roles: []string{"new"}, Values: map[string]string{}}
	}), nil)
	if s.Version == before.Version || s.Version <= 0 {
		t.Errorf("version went from %d to %d, want a new positive one", before.Version, s.Version)
	}
	before.Version, before.Roles, before.Values = s.Version, []string{"new"}, map[string]string{}
	for name, got := range map[string]*session.Session{"caller's": s, "stored": r.stored(s)} {
		if !reflect.DeepEqual(got, before) {
			t.Errorf("the %s session is\n%+v\nwant\n%+v", name, got, before)
		}
	}
}

// A session without values can get its first value.
func TestUpdateWithoutValues(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, err := r.Create(httptest.NewRecorder(), r.request(), session.User{ID: "u1"})
	want(t, err, nil)
	want(t, r.Update(t.Context(), s, setTheme("dark")), nil)
	if got := r.stored(s).Values["theme"]; got != "dark" {
		t.Errorf("the stored theme is %q, want dark", got)
	}
}

func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	const n = 16
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		s := r.wantAlive(token)
		wg.Go(func() {
			<-start
			errs[i] = r.Update(t.Context(), s, func(s *session.Session) {
				s.Values[fmt.Sprint(i)] = "x"
				s.Roles = append(s.Roles, fmt.Sprint(i))
			})
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		want(t, err, nil)
	}
	s := r.wantAlive(token)
	if len(s.Values) != n+1 || len(s.Roles) != n+1 {
		t.Errorf("%d values and %d roles are stored, want %d each", len(s.Values), len(s.Roles), n+1)
	}
}

// 32 writers update one session, ten times each and without a pause, and no update fails.
// The store answers as slowly as one behind a network, one write at a time.
func TestManyWritersOfOneSession(t *testing.T) {
	const writers, updates = 32, 10
	for name, write := range map[string]time.Duration{"fast": time.Millisecond, "slow": 5 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				_, token := r.login("u1")
				slot := make(chan struct{}, 1) // a Mutex would stop the bubble's clock
				r.store.before["Update"] = func(context.Context) error {
					slot <- struct{}{}
					time.Sleep(write)
					<-slot
					return nil
				}
				r.store.before["Get"] = func(context.Context) error { time.Sleep(time.Millisecond); return nil }
				errs := make([]error, writers)
				var wg sync.WaitGroup
				for i := range writers {
					s := r.wantAlive(token)
					wg.Go(func() {
						for n := range updates {
							err := r.Update(t.Context(), s, func(s *session.Session) { s.Values[fmt.Sprint(i, ".", n)] = "x" })
							errs[i] = errors.Join(errs[i], err)
						}
					})
				}
				wg.Wait()
				for _, err := range errs {
					want(t, err, nil)
				}
				if n := len(r.wantAlive(token).Values); n != writers*updates+1 {
					t.Errorf("%d values are stored, want %d", n, writers*updates+1)
				}
			})
		})
	}
}

// The pauses between two tries grow, are random, and end with the request.
func TestPauses(t *testing.T) {
	conflict := func(context.Context) error { return session.ErrConflict }
	for name, timeout := range map[string]time.Duration{"all tries": time.Hour, "until the request is over": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				s, _ := r.login("u1")
				var last time.Time
				var pauses []time.Duration
				r.store.before["Update"] = conflict
				r.store.before["Get"] = func(context.Context) error {
					pauses = append(pauses, time.Since(last))
					last = time.Now()
					return nil
				}
				last = time.Now()
				start := last
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				err := r.Update(ctx, s, setTheme("light"))
				want(t, err, session.ErrConflict)
				if timeout == time.Second {
					want(t, err, context.DeadlineExceeded)
					if took := time.Since(start); took != timeout {
						t.Errorf("Update returned after %v, want %v", took, timeout)
					}
					return
				}
				var first, rest time.Duration
				for i, pause := range pauses {
					if i < 4 {
						first += pause
					} else {
						rest += pause
					}
					if limit := min(time.Second, 2*time.Millisecond<<i); pause > limit {
						t.Errorf("pause %d took %v, want %v at most", i+1, pause, limit)
					}
				}
				if len(pauses) != 31 || first == 0 || rest < 10*first || rest > 22*time.Second {
					t.Errorf("%d pauses, the first four %v together and the others %v", len(pauses), first, rest)
				}
			})
		})
	}
}

// beforeNextUpdate runs f just before the next Update reaches the store.
func (r *fixture) beforeNextUpdate(f func(ctx context.Context)) {
	r.store.before["Update"] = once(func(ctx context.Context) error { f(ctx); return nil })
}

func TestUpdateRunsAgainOnWhatIsStored(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	other := r.wantAlive(token)
	r.beforeNextUpdate(func(ctx context.Context) {
		want(t, r.Update(ctx, other, func(s *session.Session) { s.Roles = append(s.Roles, "writer") }), nil)
	})
	var seen []int
	want(t, r.Update(t.Context(), s, func(s *session.Session) {
		seen = append(seen, len(s.Roles))
		s.Values["theme"] = "light"
	}), nil)
	if !slices.Equal(seen, []int{1, 2}) {
		t.Errorf("change saw sessions with %v roles, want 1, then 2", seen)
	}
	if !s.HasRole("writer") || !reflect.DeepEqual(s, r.stored(s)) {
		t.Errorf("on return the session is\n%+v\nbut stored is\n%+v", s, r.stored(s))
	}
}

func TestUpdateKeepsATouchMadeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		time.Sleep(touchDue)
		touched := r.wantAlive(token)
		want(t, r.Update(t.Context(), s, setTheme("light")), nil)
		if got := r.stored(s); !got.LastSeenAt.Equal(touched.LastSeenAt) || !got.ExpiresAt.Equal(touched.ExpiresAt) {
			t.Errorf("last seen at %v, expires at %v, want %v and %v", got.LastSeenAt, got.ExpiresAt, touched.LastSeenAt, touched.ExpiresAt)
		}
	})
}

// writers are the methods that change a session.
func writers(r *fixture) map[string]func(*session.Session) (*httptest.ResponseRecorder, error) {
	return map[string]func(*session.Session) (*httptest.ResponseRecorder, error){
		"Update": func(s *session.Session) (*httptest.ResponseRecorder, error) {
			return httptest.NewRecorder(), r.Update(r.t.Context(), s, setTheme("light"))
		},
		"Renew": func(s *session.Session) (*httptest.ResponseRecorder, error) {
			w := httptest.NewRecorder()
			return w, r.Renew(r.t.Context(), w, s)
		},
		"Reauthenticate": func(s *session.Session) (*httptest.ResponseRecorder, error) {
			w := httptest.NewRecorder()
			return w, r.Reauthenticate(r.t.Context(), w, s)
		},
		"ReauthenticateAlone": func(s *session.Session) (*httptest.ResponseRecorder, error) {
			w := httptest.NewRecorder()
			return w, r.ReauthenticateAlone(r.t.Context(), w, s)
		},
	}
}

func TestFailedWrites(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		tries int
		setUp func(r *fixture, s *session.Session, token string)
	}{
		{"after a logout", session.ErrNoSession, 1, func(r *fixture, s *session.Session, token string) {
			want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(token))), nil)
		}},
		{"crossing a logout", session.ErrNoSession, 1, func(r *fixture, s *session.Session, token string) {
			r.beforeNextUpdate(func(context.Context) {
				want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(token))), nil)
			})
		}},
		{"a logout between two tries", session.ErrNoSession, 2, func(r *fixture, s *session.Session, token string) {
			other := r.wantAlive(token)
			r.beforeNextUpdate(func(ctx context.Context) { want(t, r.Update(ctx, other, setTheme("x")), nil) })
			r.store.before["Get"] = func(ctx context.Context) error { return r.Revoke(ctx, "u1", s.ID) }
		}},
		{"after expiry", session.ErrNoSession, 1, func(*fixture, *session.Session, string) { time.Sleep(idle) }},
		{"expiry under shorter limits, between two tries", session.ErrNoSession, 1, func(r *fixture, s *session.Session, token string) {
			other := r.wantAlive(token)
			r.beforeNextUpdate(func(ctx context.Context) {
				want(t, r.store.Store.Update(ctx, other, time.Now(), other.Version/2), nil)
				time.Sleep(time.Minute)
			})
			r.Manager = r.withConfig(session.Config{IdleTimeout: time.Minute}).Manager
		}},
		{"after expiry under shorter limits, between two tries", session.ErrNoSession, 2, func(r *fixture, s *session.Session, token string) {
			other := r.wantAlive(token)
			r.beforeNextUpdate(func(ctx context.Context) {
				want(t, r.Update(ctx, other, setTheme("x")), nil)
				time.Sleep(time.Minute)
			})
			r.Manager = r.withConfig(session.Config{IdleTimeout: time.Minute}).Manager
		}},
		{"after the lifetime under shorter limits", session.ErrNoSession, 0, func(r *fixture, s *session.Session, token string) {
			r.Manager = r.withConfig(session.Config{IdleTimeout: time.Minute, Lifetime: time.Minute}).Manager
			time.Sleep(time.Minute)
		}},
		{"before the cut-off", session.ErrNoSession, 0, func(r *fixture, s *session.Session, token string) {
			r.Manager = r.withConfig(session.Config{NotBefore: time.Now().Add(time.Second)}).Manager
		}},
		{"renewed before", session.ErrConflict, 1, func(r *fixture, s *session.Session, token string) {
			want(t, r.Renew(t.Context(), httptest.NewRecorder(), r.wantAlive(token)), nil)
		}},
		{"crossing a renewal", session.ErrConflict, 2, func(r *fixture, s *session.Session, token string) {
			other := r.wantAlive(token)
			r.beforeNextUpdate(func(ctx context.Context) { want(t, r.Renew(ctx, httptest.NewRecorder(), other), nil) })
		}},
		{"an outage", errOutage, 1, func(r *fixture, s *session.Session, token string) { r.store.down("Update") }},
		{"a lost answer", errOutage, 1, func(r *fixture, s *session.Session, token string) { r.store.after["Update"] = fails }},
		{"an outage between two tries", errOutage, 2, func(r *fixture, s *session.Session, token string) {
			other := r.wantAlive(token)
			r.beforeNextUpdate(func(ctx context.Context) { want(t, r.Update(ctx, other, setTheme("x")), nil) })
			r.store.down("Get")
		}},
		{"conflicts without end", session.ErrConflict, 32, func(r *fixture, s *session.Session, token string) {
			r.store.before["Update"] = func(context.Context) error { return fmt.Errorf("update: %w", session.ErrConflict) }
		}},
	}
	for _, method := range []string{"Update", "Renew", "Reauthenticate", "ReauthenticateAlone"} {
		for _, tt := range tests {
			t.Run(method+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newFixture(t, session.Config{})
					s, token := r.login("u1")
					before := s.Clone()
					tt.setUp(r, s, token)
					r.store.count()
					w, err := writers(r)[method](s)
					want(t, err, tt.err)
					wantNoCookie(t, w)
					if n := r.store.count("Update"); n != tt.tries {
						t.Errorf("%d Updates reached the store, want %d", n, tt.tries)
					}
					if !reflect.DeepEqual(s, before) {
						t.Error("the caller's session was changed")
					}
					if tt.err == session.ErrNoSession {
						r.store.up()
						r.wantDead(token)
					}
				})
			})
		}
	}
}

// Renew, Reauthenticate and ReauthenticateAlone replace the token in the same way.
func TestRenewal(t *testing.T) {
	for _, method := range []string{"Renew", "Reauthenticate", "ReauthenticateAlone"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				s, oldToken := r.login("u1")
				before := r.stored(s)
				time.Sleep(10*time.Minute + 300*time.Millisecond)
				r.log.reset()
				w, err := writers(r)[method](s)
				want(t, err, nil)
				r.log.wantLines("INFO session_renewed session_id=" + s.ID + " user_id=u1")
				token := tokenIn(t, w)

				expected := before.Clone()
				expected.PreviousSecret = before.Secret
				expected.Secret = r.stored(s).Secret
				expected.Version = r.stored(s).Version
				if method != "Renew" {
					expected.AuthenticatedAt = before.AuthenticatedAt.Add(10 * time.Minute)
					expected.ExpiresAt = expected.AuthenticatedAt.Add(idle)
				}
				for name, got := range map[string]*session.Session{"caller's": s, "stored": r.stored(s)} {
					if !reflect.DeepEqual(got, expected) {
						t.Errorf("the %s session is\n%+v\nwant\n%+v", name, got, expected)
					}
				}
				if s.Secret == before.Secret || s.Version == before.Version {
					t.Error("secret or version did not change")
				}

				if token[:secretStart] != oldToken[:secretStart] || token[secretStart:] == oldToken[secretStart:] {
					t.Error("the new token does not have the old owner and ID, and another secret")
				}
				r.log.reset()
				r.wantDead(oldToken)
				r.log.wantLines("WARN authn_token_reuse session_id=" + s.ID + " user_id=u1" + byClient)
				r.wantAlive(token)
			})
		})
	}
}

// The lifetime counts from the last authentication: Renew keeps it, so it does
// not prolong a stolen session; Reauthenticate starts a new one.
func TestLifetimeAfterRenewal(t *testing.T) {
	for method, after := range map[string]time.Duration{"Renew": 0, "Reauthenticate": 10 * time.Hour, "ReauthenticateAlone": 10 * time.Hour} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{IdleTimeout: lifetime})
				s, token := r.login("u1")
				end := s.AuthenticatedAt.Add(lifetime + after)
				time.Sleep(10 * time.Hour)
				w, err := writers(r)[method](r.wantAlive(token))
				want(t, err, nil)
				token = tokenIn(t, w)
				time.Sleep(time.Until(end) - time.Second)
				r.wantAlive(token)
				time.Sleep(time.Second)
				r.wantDead(token)
			})
		})
	}
}

// A token that is two renewals old cannot even end the session.
func TestOnlyTheLastTwoSecretsAreKept(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, first := r.login("u1")
	want(t, r.Renew(t.Context(), httptest.NewRecorder(), s), nil)
	w := httptest.NewRecorder()
	want(t, r.Renew(t.Context(), w, s), nil)
	r.log.reset()
	r.wantDead(first)
	r.log.wantLines()
	want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(first))), nil)
	r.wantAlive(tokenIn(t, w))
}

func TestRenewalThatLosesToAnUpdateTriesAgain(t *testing.T) {
	for _, method := range []string{"Renew", "Reauthenticate", "ReauthenticateAlone"} {
		t.Run(method, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			s, oldToken := r.login("u1")
			other := r.wantAlive(oldToken)
			r.beforeNextUpdate(func(ctx context.Context) { want(t, r.Update(ctx, other, setTheme("light")), nil) })
			w, err := writers(r)[method](s)
			want(t, err, nil)
			got := r.wantAlive(tokenIn(t, w))
			if got.Values["theme"] != "light" || s.Values["theme"] != "light" {
				t.Error("the renewal lost the other request's Update")
			}
			r.wantDead(oldToken)
			want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(oldToken))), nil)
			r.wantDead(tokenIn(t, w)) // the secret it replaced was kept for the logout
		})
	}
}

func TestOneOfTwoRenewalsWins(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, oldToken := r.login("u1")
	other := r.wantAlive(oldToken)
	winner, loser := httptest.NewRecorder(), httptest.NewRecorder()
	r.beforeNextUpdate(func(ctx context.Context) { want(t, r.Renew(ctx, winner, other), nil) })
	want(t, r.Renew(t.Context(), loser, s), session.ErrConflict)
	wantNoCookie(t, loser)
	r.wantAlive(tokenIn(t, winner))
	r.wantDead(oldToken)
}
