package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// A read that began before this request changed, made or ended its session does not undo
// what the request knows.
func TestReadThatComesLate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fixture, http.ResponseWriter, *http.Request) error
		dead   bool   // the cookie's session has ended before
		theme  string // "" if there is no session afterwards
	}{
		"Update": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			return r.Update(req.Context(), session.FromContext(req.Context()), setTheme("light"))
		}, false, "light"},
		"Create": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			_, err := r.Create(w, req, session.User{ID: "u1", Values: map[string]string{"theme": "new"}})
			return err
		}, false, "new"},
		"Create, after another one's end": {func(r *fixture, w http.ResponseWriter, req *http.Request) error {
			_, err := r.Create(w, req, session.User{ID: "u1", Values: map[string]string{"theme": "new"}})
			return err
		}, true, "new"},
		"Destroy": {func(r *fixture, w http.ResponseWriter, req *http.Request) error { return r.Destroy(w, req) }, false, ""},
		"Revoke": {func(r *fixture, _ http.ResponseWriter, req *http.Request) error {
			return r.Revoke(req.Context(), "u1", session.FromContext(req.Context()).ID)
		}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				_, token := r.login("u1")
				if tt.dead {
					want(t, r.RevokeAll(t.Context(), "u1"), nil)
				}
				r.inside(token, func(w http.ResponseWriter, req *http.Request) {
					time.Sleep(touchDue)
					// The touch, which would find the same, is a call too; it fails.
					r.store.down("Touch")
					r.store.after["Get"] = once(func(context.Context) error { return tt.change(r, w, req) })
					theme := ""
					s, err := r.Load(req)
					if err == nil {
						theme = s.Values["theme"]
					}
					if inContext := session.FromContext(req.Context()); theme != tt.theme || !reflect.DeepEqual(s, inContext) {
						t.Errorf("the request sees %+v, %v; in the context is %+v", s, err, inContext)
					}
				}, r.Optional)
			})
		})
	}
}

// Of two changes that a request makes at the same time, it sees what the later one has
// stored, also if the answer to the earlier one comes last. So a long request goes on
// with the secret that counts.
func TestChangesAtTheSameTime(t *testing.T) {
	for name, later := range map[string]func(*fixture, http.ResponseWriter, *http.Request, *session.Session) error{
		"Renew": func(r *fixture, w http.ResponseWriter, req *http.Request, s *session.Session) error {
			return r.Renew(req.Context(), w, s)
		},
		"Update": func(r *fixture, _ http.ResponseWriter, req *http.Request, s *session.Session) error {
			return r.Update(req.Context(), s, func(s *session.Session) { s.Values["theme"] += "er" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{})
				_, token := r.login("u1")
				r.inside(token, func(w http.ResponseWriter, req *http.Request) {
					copies := [2]*session.Session{}
					for i := range copies {
						var err error
						copies[i], err = r.Load(req)
						want(t, err, nil)
					}
					answer := make(chan struct{})
					r.store.after["Update"] = once(func(context.Context) error { <-answer; return nil })
					var both sync.WaitGroup
					both.Go(func() { want(t, r.Update(req.Context(), copies[0], setTheme("light")), nil) })
					synctest.Wait() // the first is stored, and its answer is on the way
					both.Go(func() { want(t, later(r, w, req, copies[1]), nil) })
					time.Sleep(time.Second)
					close(answer)
					both.Wait()
					s, err := r.Load(req)
					want(t, err, nil)
					if stored := r.stored(s); !reflect.DeepEqual(s, stored) {
						t.Errorf("the request sees %+v; stored is %+v", s, stored)
					}
					time.Sleep(touchDue)
					_, err = r.Load(req)
					want(t, err, nil)
				}, r.Require)
			})
		})
	}
}

// A change waits for another one of its request no longer than its context lasts.
func TestChangeThatWaitsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, token := r.login("u1")
		r.inside(token, func(w http.ResponseWriter, req *http.Request) {
			s, err := r.Load(req)
			want(t, err, nil)
			ctx, cancel := context.WithTimeout(req.Context(), time.Second)
			defer cancel()
			r.store.after["Update"] = once(func(context.Context) error {
				want(t, r.Update(ctx, s, setTheme("late")), context.DeadlineExceeded)
				return nil
			})
			want(t, r.Update(req.Context(), session.FromContext(req.Context()), setTheme("light")), nil)
			if theme := r.stored(s).Values["theme"]; theme != "light" {
				t.Errorf("stored is %q", theme)
			}
		}, r.Require)
	})
}

// The race detector watches the goroutines of one request: the handler changes the
// session that it has from the context, and the others have their own.
func TestGoroutinesOfOneRequest(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		var wg sync.WaitGroup
		work := []func(i int){
			func(i int) {
				s, err := r.Load(req)
				if err == nil {
					err = r.Update(req.Context(), s, func(s *session.Session) { s.Values[fmt.Sprint(i)] = "x" })
				}
				if err != nil {
					t.Error(err)
				}
			},
			func(int) {
				w := httptest.NewRecorder()
				r.RequireRole("reader", http.NotFoundHandler()).ServeHTTP(w, req)
				if w.Code != 404 {
					t.Errorf("status %d", w.Code)
				}
			},
			func(int) {
				if session.FromContext(req.Context()) == nil {
					t.Error("there is no session")
				}
			},
			func(int) {
				s, err := r.Load(req)
				if err != nil || s.Values["theme"] != "dark" {
					t.Errorf("the session is %+v, %v", s, err)
				}
				s.Values["theme"], s.Roles[0] = "scribbled", "scribbled"
			},
		}
		start := make(chan struct{})
		for i := range 40 {
			wg.Go(func() {
				<-start
				for range 10 {
					work[i%len(work)](i)
				}
			})
		}
		close(start)
		s := session.FromContext(req.Context())
		for range 20 {
			want(t, r.Update(req.Context(), s, setTheme("dark")), nil)
		}
		wg.Wait()
	}, r.Optional)
	if got := r.wantAlive(token); len(got.Values) != 11 {
		t.Errorf("%d values are stored, want 11", len(got.Values))
	}
}
