package redisstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
)

const cookieName = "__Host-SESSIONID"

// site is a Manager on the rig's Store, and what a browser does with it.
type site struct {
	*session.Manager
	*rig
}

func newSite(r *rig) *site {
	r.t.Helper()
	m, err := session.New(r.store, session.Config{MaxSessions: -1, Logger: slog.New(slog.DiscardHandler)})
	want(r.t, err, nil)
	return &site{m, r}
}

func (s *site) request(token string) *http.Request {
	r := httptest.NewRequest("GET", "https://app.example/", nil).WithContext(s.t.Context())
	r.Header.Set("Cookie", cookieName+"="+token)
	return r
}

// login creates a session for the user, and returns it with its token.
func (s *site) login(userID string) (*session.Session, string) {
	s.t.Helper()
	w := httptest.NewRecorder()
	created, err := s.Create(w, httptest.NewRequest("POST", "https://app.example/", nil), session.User{ID: userID})
	if err != nil {
		s.t.Fatal(err)
	}
	return created, w.Result().Cookies()[0].Value
}

// load demands the session, or an error.
func (s *site) load(token string, target error) *session.Session {
	s.t.Helper()
	got, err := s.Load(s.request(token))
	if want(s.t, err, target); err != nil && target == nil {
		s.t.FailNow()
	}
	return got
}

// The life of a session, with every first answer lost on the way.
func TestManagerWithLostAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		site := newSite(r)
		r.proxy.Fail(lost)
		s, token := site.login("u1")
		r.proxy.Fail(lost)
		site.load(token, nil)
		if all, err := site.List(t.Context(), "u1"); len(all) != 1 {
			t.Errorf("%d sessions, %v; want one: that of the lost Create is discarded", len(all), err)
		}

		r.proxy.Fail(lost)
		runs := 0
		want(t, site.Update(t.Context(), s, func(s *session.Session) {
			runs++
			s.Values = map[string]string{"theme": "dark"}
		}), nil)
		if got := site.load(token, nil); got.Values["theme"] != "dark" || runs != 1 {
			t.Errorf("stored is %v after %d runs", got.Values, runs)
		}

		old, w := token, httptest.NewRecorder()
		r.proxy.Fail(lost)
		if err := site.Renew(t.Context(), w, s); err != nil {
			t.Fatal(err)
		}
		token = w.Result().Cookies()[0].Value
		site.load(token, nil)
		site.load(old, session.ErrNoSession)

		r.proxy.Fail(lost)
		w = httptest.NewRecorder()
		want(t, site.Destroy(w, site.request(token)), nil)
		if cookies := w.Result().Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 {
			t.Errorf("cookies %v, want one that is cleared", cookies)
		}
		site.load(token, session.ErrNoSession)
	})
}

// With Redis down no call is a verdict on the session, and no response has a
// cookie. The same cookie works when it is back.
func TestManagerOutage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		site := newSite(r)
		s, token := site.login("u1")
		for _, fault := range []redistest.Fault{refused, hanging} {
			r.proxy.FailAll(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			w := httptest.NewRecorder()
			request := site.request(token).WithContext(ctx)
			site.Require(nil).ServeHTTP(w, request)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("status %d, want 503 with Retry-After", w.Code)
			}
			want(t, site.Destroy(w, request), errOutage)
			want(t, site.Renew(ctx, w, s), errOutage)
			want(t, site.RevokeAll(ctx, "u1"), errOutage)
			_, err := site.Create(w, request, session.User{ID: "u1"})
			want(t, err, errOutage)
			if lines := w.Header()["Set-Cookie"]; len(lines) > 0 {
				t.Errorf("%d cookies during an outage", len(lines))
			}
			cancel()
			r.proxy.FailAll(none)
			site.load(token, nil)
		}
	})
}

// Sixteen writers at once lose nothing of one another's work.
func TestManagerConcurrentUpdates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		site := newSite(r)
		_, token := site.login("u1")
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				s, err := site.Load(site.request(token))
				if want(t, err, nil); err != nil {
					return
				}
				want(t, site.Update(t.Context(), s, func(s *session.Session) {
					s.Roles = append(s.Roles, fmt.Sprintf("role-%02d", i))
				}), nil)
			})
		}
		wg.Wait()
		roles := site.load(token, nil).Roles
		slices.Sort(roles)
		if len(roles) != 16 || len(slices.Compact(roles)) != 16 {
			t.Errorf("%d roles, want 16: %q", len(roles), roles)
		}
	})
}

// Revoking everything, while requests touch, change and renew sessions, ends every
// session that was there.
func TestManagerConcurrentRevokeAll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		site := newSite(r)
		var tokens []string
		var wg sync.WaitGroup
		for range 16 {
			s, token := site.login("u1")
			tokens = append(tokens, token)
			wg.Go(func() {
				for {
					err := site.Update(t.Context(), s, func(*session.Session) {})
					if err == nil {
						err = site.store.Touch(t.Context(), s.Key(), time.Now().Add(time.Second), time.Now().Add(time.Hour))
					}
					if err != nil {
						want(t, err, session.ErrNoSession)
						return
					}
				}
			})
		}
		want(t, site.RevokeAll(t.Context(), "u1"), nil)
		wg.Wait()
		for _, token := range tokens {
			site.load(token, session.ErrNoSession)
		}
		if all, err := site.List(t.Context(), "u1"); len(all) != 0 || err != nil {
			t.Errorf("%d sessions, %v; want none", len(all), err)
		}
	})
}
