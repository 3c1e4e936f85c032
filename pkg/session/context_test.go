package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

type someKey struct{}

// middleware is Require and its relatives.
type middleware = func(http.Handler) http.Handler

// inside calls f in a handler behind the middleware, the first outermost, and returns the
// answer.
func (r *fixture) inside(token string, f http.HandlerFunc, around ...middleware) *httptest.ResponseRecorder {
	var handler http.Handler = f
	for i := len(around) - 1; i >= 0; i-- {
		handler = around[i](handler)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.request(cookie(token)))
	return w
}

func (r *fixture) requireReader(next http.Handler) http.Handler { return r.RequireRole("reader", next) }

func (r *fixture) requireRecent(next http.Handler) http.Handler {
	return r.RequireRecent(time.Hour, next)
}

// One request reads its session once, whatever it meets.
func TestOneReadForARequest(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, live := r.login("u1")
	_, dead := r.login("u1")
	want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(dead))), nil)
	all := []middleware{r.Optional, r.Require, r.requireReader, r.requireRecent, r.Optional, r.Require}
	for name, tt := range map[string]struct {
		token  string
		around []middleware
		reads  int
		status int
	}{
		"everything":                  {live, all, 1, 200},
		"Require in Require":          {live, []middleware{r.Require, r.Require}, 1, 200},
		"Optional in Require":         {live, []middleware{r.Require, r.Optional}, 1, 200},
		"dead, Optional":              {dead, []middleware{r.Optional, r.Optional}, 1, 200},
		"dead, Require in Optional":   {dead, []middleware{r.Optional, r.Require}, 1, 401},
		"dead, everything":            {dead, all, 1, 401},
		"no cookie, Optional":         {"", []middleware{r.Optional, r.Optional}, 0, 200},
		"no cookie, Role in Optional": {"", []middleware{r.Optional, r.requireReader}, 0, 401},
	} {
		t.Run(name, func(t *testing.T) {
			r := r.forTest(t)
			r.store.count()
			w := r.inside(tt.token, func(w http.ResponseWriter, req *http.Request) {
				for range 3 {
					s, err := r.Load(req)
					if inContext := session.FromContext(req.Context()); !reflect.DeepEqual(s, inContext) {
						t.Errorf("Load returns %+v, %v; in the context is %+v", s, err, inContext)
					}
				}
				req = req.WithContext(context.WithValue(req.Context(), someKey{}, "value"))
				if _, err := r.Load(req.Clone(req.Context())); (err == nil) != (tt.token == live) {
					t.Errorf("in a copy of the request, Load returns %v", err)
				}
			}, tt.around...)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if n := r.store.count("Get"); n != tt.reads || r.store.count() != 0 {
				t.Errorf("%d reads, and perhaps more calls; want %d and nothing else", n, tt.reads)
			}
		})
	}
}

// What a request changes, it sees afterwards, without another read.
func TestChangesAreSeen(t *testing.T) {
	other := func(s *session.Session) string { return s.ID[1:] + s.ID[:1] }
	for name, tt := range map[string]struct {
		change func(*fixture, http.ResponseWriter, *http.Request) error
		ended  bool
		theme  string
		newID  bool
	}{
		"nothing": {func(*fixture, http.ResponseWriter, *http.Request) error { return nil }, false, "dark", false},
		"Update": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			return r.Update(req.Context(), session.FromContext(req.Context()), setTheme("light"))
		}, false, "light", false},
		"Update of a copy": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			s, err := r.Load(req)
			want(r.t, err, nil)
			return r.Update(req.Context(), s, setTheme("light"))
		}, false, "light", false},
		"Update of another session": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			s, _ := r.forTest(r.t).login("u1")
			return r.Update(req.Context(), s, setTheme("light"))
		}, false, "dark", false},
		"two Updates of copies": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			first, err := r.Load(req)
			want(r.t, err, nil)
			second, err := r.Load(req)
			want(r.t, err, nil)
			want(r.t, r.Update(req.Context(), first, setTheme("light")), nil)
			return r.Update(req.Context(), second, func(s *session.Session) { s.Values["theme"] += "er" })
		}, false, "lighter", false},
		"Renew": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			return r.Renew(req.Context(), w, session.FromContext(req.Context()))
		}, false, "dark", false},
		"Renew of a copy, and Update": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			s, err := r.Load(req)
			want(r.t, err, nil)
			want(r.t, r.Renew(req.Context(), w, s), nil)
			return r.Update(req.Context(), session.FromContext(req.Context()), setTheme("light"))
		}, false, "light", false},
		"Reauthenticate": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			return r.Reauthenticate(req.Context(), w, session.FromContext(req.Context()))
		}, false, "dark", false},
		"ReauthenticateAlone": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			return r.ReauthenticateAlone(req.Context(), w, session.FromContext(req.Context()))
		}, false, "dark", false},
		"Create": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			_, err := r.Create(w, req, session.User{ID: "u1", Roles: []string{"reader"}, Values: map[string]string{"theme": "new"}})
			return err
		}, false, "new", true},
		"Destroy": {func(r *fixture, w http.ResponseWriter, req *http.Request) error { return r.Destroy(w, req) }, true, "", false},
		"Destroy of one that has ended": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			want(r.t, r.Revoke(context.Background(), "u1", session.FromContext(req.Context()).ID), nil)
			return r.Destroy(w, req)
		}, true, "", false},
		"Revoke": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			return r.Revoke(req.Context(), "u1", session.FromContext(req.Context()).ID)
		}, true, "", false},
		"Revoke of an unknown one": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			r.Revoke(req.Context(), "u1", other(session.FromContext(req.Context())))
			return nil
		}, false, "dark", false},
		"Revoke of the same ID of another user": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			r.Revoke(req.Context(), "u2", session.FromContext(req.Context()).ID)
			return nil
		}, false, "dark", false},
		"RevokeAll": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			return r.RevokeAll(req.Context(), "u1")
		}, true, "", false},
		"RevokeAll but this one": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			return r.RevokeAll(req.Context(), "u1", session.FromContext(req.Context()).ID)
		}, false, "dark", false},
		"Update of one that has ended": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			s := session.FromContext(req.Context())
			want(r.t, r.Revoke(context.Background(), "u1", s.ID), nil)
			want(r.t, r.Update(req.Context(), s, setTheme("light")), session.ErrNoSession)
			return nil
		}, true, "", false},
	} {
		for outer, around := range map[string]func(*fixture) middleware{
			"Require":  func(r *fixture) middleware { return r.Require },
			"Optional": func(r *fixture) middleware { return r.Optional },
		} {
			t.Run(outer+", "+name, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				before, token := r.login("u1")
				w := r.inside(token, func(w http.ResponseWriter, req *http.Request) {
					held := session.FromContext(req.Context())
					want(t, tt.change(r, w, req), nil)
					if held.ID != before.ID {
						t.Errorf("the session that the handler holds became another one, %s", held.ID)
					}
					r.store.count()
					s, err := r.Load(req)
					inContext := session.FromContext(req.Context())
					if !reflect.DeepEqual(s, inContext) {
						t.Errorf("Load returns %+v, in the context is %+v", s, inContext)
					}
					status := 200
					if tt.ended {
						want(t, err, session.ErrNoSession)
						status = 401
					} else {
						want(t, err, nil)
						if stored := r.stored(s); !reflect.DeepEqual(s, stored) {
							t.Errorf("the request sees %+v; stored is %+v", s, stored)
						}
						if s.Values["theme"] != tt.theme || (s.ID != before.ID) != tt.newID {
							t.Errorf("the request sees %s with theme %q", s.ID, s.Values["theme"])
						}
					}
					nested := httptest.NewRecorder()
					r.Optional(r.RequireRole("reader", protectedHandler)).ServeHTTP(nested, req)
					if nested.Code != status {
						t.Errorf("Require afterwards answers %d, want %d", nested.Code, status)
					}
					if n := r.store.count(); n != 0 {
						t.Errorf("%d calls afterwards", n)
					}
				}, around(r))
				if w.Code != 200 {
					t.Errorf("status %d", w.Code)
				}
			})
		}
	}
}

// Roles that are changed within a request count at once.
func TestChangedRoleCounts(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		s := session.FromContext(req.Context())
		want(t, r.Update(req.Context(), s, func(s *session.Session) { s.Roles = []string{"admin"} }), nil)
		for role, status := range map[string]int{"admin": 200, "reader": 403} {
			nested := httptest.NewRecorder()
			r.RequireRole(role, protectedHandler).ServeHTTP(nested, req)
			if nested.Code != status {
				t.Errorf("RequireRole(%q) answers %d, want %d", role, nested.Code, status)
			}
		}
	}, r.Require)
}

// A login behind Optional is seen by what comes after it in the same request.
func TestCreateInsideOptional(t *testing.T) {
	r := newFixture(t, session.Config{})
	r.inside("", func(w http.ResponseWriter, req *http.Request) {
		s, err := r.Create(w, req, session.User{ID: "u1"})
		want(t, err, nil)
		r.store.count()
		if got := session.FromContext(req.Context()); !reflect.DeepEqual(got, s) {
			t.Errorf("in the context is %+v, want %+v", got, s)
		}
		nested := httptest.NewRecorder()
		r.Require(protectedHandler).ServeHTTP(nested, req)
		if nested.Code != 200 || nested.Body.String() != "u1" || r.store.count() != 0 {
			t.Errorf("Require answers %d %q, perhaps with calls", nested.Code, nested.Body)
		}
	}, r.Optional)
}

// A logout ends the request's session also if this request has renewed it, twice even,
// or has made another.
func TestDestroyEndsWhatTheRequestHas(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		s := session.FromContext(req.Context())
		want(t, r.Renew(req.Context(), w, s), nil)
		want(t, r.Renew(req.Context(), w, s), nil)
		want(t, r.Destroy(w, req), nil)
	}, r.Require)
	if n := r.sessionCount("u1"); n != 0 {
		t.Errorf("%d sessions left after two renewals and a logout", n)
	}
	_, token = r.login("u1")
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		_, err := r.Create(w, req, session.User{ID: "u1"})
		want(t, err, nil)
		r.store.count()
		want(t, r.Destroy(w, req), nil)
	}, r.Require)
	if n := r.sessionCount("u1"); n != 0 {
		t.Errorf("%d sessions left after a login and a logout", n)
	}
	_, token = r.login("u1")
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		r.store.count()
		want(t, r.Destroy(w, req), nil)
		if n := r.store.count("Delete"); n != 1 {
			t.Errorf("%d Deletes for one session", n)
		}
	}, r.Require)
}

// A login ends the request's session also if this request has renewed it, twice even, or
// has made it.
func TestCreateEndsWhatTheRequestHas(t *testing.T) {
	r := newFixture(t, session.Config{})
	for name, before := range map[string]func(http.ResponseWriter, *http.Request) error{
		"renewed twice": func(w http.ResponseWriter, req *http.Request) error {
			s := session.FromContext(req.Context())
			want(t, r.Renew(req.Context(), w, s), nil)
			return r.Renew(req.Context(), w, s)
		},
		"made": func(w http.ResponseWriter, req *http.Request) error {
			_, err := r.Create(w, req, session.User{ID: "u1"})
			return err
		},
		"ended": func(w http.ResponseWriter, req *http.Request) error { return r.Destroy(w, req) },
	} {
		_, token := r.login("u1")
		w := r.inside(token, func(w http.ResponseWriter, req *http.Request) {
			want(t, before(w, req), nil)
			_, err := r.Create(w, req, session.User{ID: "u1"})
			want(t, err, nil)
		}, r.Optional)
		r.wantAlive(tokenIn(t, w))
		if n := r.sessionCount("u1"); n != 1 {
			t.Errorf("%s: after a login the user has %d sessions, want 1", name, n)
		}
		want(t, r.RevokeAll(t.Context(), "u1"), nil)
	}
}

// A logout that fails has ended nothing that the request could know of.
func TestFailedDestroyIsNotSeen(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		r.store.down("Delete")
		want(t, r.Destroy(w, req), errOutage)
		r.store.up()
		if session.FromContext(req.Context()) == nil {
			t.Error("the session is gone")
		}
	}, r.Require)
	r.wantAlive(token)
}

// Each Manager sees its own sessions, however they are nested.
func TestTwoManagers(t *testing.T) {
	users := newFixture(t, session.Config{})
	staff := newFixture(t, session.Config{CookieName: "__Host-STAFF"})
	_, user := users.login("u1")
	w := httptest.NewRecorder()
	_, err := staff.Create(w, staff.request(), session.User{ID: "boss"})
	want(t, err, nil)
	both := []string{cookie(user), "__Host-STAFF=" + tokenIn(t, w)}
	serve := func(handler http.Handler, cookies ...string) string {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, users.request(cookies...))
		return fmt.Sprint(w.Code, " ", w.Body)
	}
	for name, tt := range map[string]struct {
		handler http.Handler
		cookies []string
		answer  string
		reads   [2]int
	}{
		"staff in users":          {users.Require(staff.Require(protectedHandler)), both, "200 boss", [2]int{1, 1}},
		"users in staff":          {staff.Require(users.Require(protectedHandler)), both, "200 u1", [2]int{1, 1}},
		"staff only for users":    {users.Require(staff.Require(protectedHandler)), both[:1], "401 Sign in first.\n", [2]int{1, 0}},
		"nobody of staff":         {users.Require(staff.Optional(greeting)), both[:1], "200 hello stranger", [2]int{1, 0}},
		"users in staff in users": {users.Require(staff.Require(users.Require(protectedHandler))), both, "200 u1", [2]int{1, 1}},
		"no user in staff":        {users.Optional(staff.Require(users.Optional(greeting))), both[1:], "200 hello stranger", [2]int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			users.store.count()
			staff.store.count()
			if got := serve(tt.handler, tt.cookies...); got != tt.answer {
				t.Errorf("the answer is %q, want %q", got, tt.answer)
			}
			if n := [2]int{users.store.count(), staff.store.count()}; n != tt.reads {
				t.Errorf("%d calls to the two stores, want %d", n, tt.reads)
			}
		})
	}
	users.Require(staff.Require(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		want(t, users.Destroy(w, req), nil)
		if s := session.FromContext(req.Context()); s == nil || s.UserID != "boss" {
			t.Errorf("after the user's logout, staff's session is %+v", s)
		}
		_, err := users.Load(req)
		want(t, err, session.ErrNoSession)
		_, err = staff.Load(req)
		want(t, err, nil)
	}))).ServeHTTP(httptest.NewRecorder(), users.request(both...))
}

// Whoever makes another HTTP request in the context of one that is signed in gets
// nobody in by that: its own cookie counts.
func TestAnotherRequestInTheSameContext(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	_, others := r.login("u2")
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		for token, answer := range map[string]string{"": "401 Sign in first.\n", others: "200 u2"} {
			inner := r.request(cookie(token)).WithContext(req.Context())
			if token == "" {
				inner.Header.Del("Cookie")
			}
			w := httptest.NewRecorder()
			r.Optional(r.Require(protectedHandler)).ServeHTTP(w, inner)
			if got := fmt.Sprint(w.Code, " ", w.Body); got != answer {
				t.Errorf("the answer is %q, want %q", got, answer)
			}
			_, err := r.Load(inner)
			if (err == nil) != (token == others) {
				t.Errorf("Load returns %v", err)
			}
		}
	}, r.Require)
}

// A request that lasts long reads its session again, once per tenth of the idle
// timeout: it notices a logout, and keeps its session from becoming idle.
func TestLongRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		r.inside(token, func(w http.ResponseWriter, req *http.Request) {
			for range 100 { // far beyond the idle timeout
				time.Sleep(touchDue - 1)
				r.store.count()
				_, err := r.Load(req)
				want(t, err, nil)
				if n := r.store.count(); n != 0 {
					t.Fatalf("%d calls before a touch is due", n)
				}
				time.Sleep(time.Nanosecond)
				_, err = r.Load(req)
				want(t, err, nil)
				if n := r.store.count("Get"); n != 1 {
					t.Fatalf("%d reads when a touch is due", n)
				}
			}
			want(t, r.Renew(req.Context(), w, session.FromContext(req.Context())), nil)
			time.Sleep(touchDue)
			_, err := r.Load(req) // by the new secret
			want(t, err, nil)

			r.store.down("Get")
			time.Sleep(touchDue)
			_, err = r.Load(req)
			want(t, err, errOutage)
			r.store.up()
			_, err = r.Load(req)
			want(t, err, nil)

			want(t, r.Revoke(context.Background(), "u1", s.ID), nil)
			time.Sleep(touchDue)
			_, err = r.Load(req)
			want(t, err, session.ErrNoSession)
			if session.FromContext(req.Context()) != nil {
				t.Error("the session that has ended is in the context")
			}
		}, r.Require)
	})
}
