package session_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// All methods run at once, on one user's sessions. There is no data race and no
// outage, and at the end no token is alive.
func TestParallelUse(t *testing.T) {
	r := newFixture(t, session.Config{SigningKeys: [][]byte{keyB, keyA}, MaxSessions: -1})
	var tokens []string
	step := func(do func(*session.Session) error) func(s *session.Session, token string) error {
		return func(_ *session.Session, token string) error {
			s, err := r.load(token)
			if err != nil {
				return err
			}
			return do(s)
		}
	}
	ctx := t.Context()
	steps := []func(s *session.Session, token string) error{
		step(func(*session.Session) error { return nil }),
		step(func(s *session.Session) error { return r.Update(ctx, s, setTheme("light")) }),
		step(func(s *session.Session) error { return r.Renew(ctx, httptest.NewRecorder(), s) }),
		step(func(s *session.Session) error { return r.Reauthenticate(ctx, httptest.NewRecorder(), s) }),
		func(_ *session.Session, token string) error {
			return r.Destroy(httptest.NewRecorder(), r.request(cookie(token)))
		},
		func(*session.Session, string) error { _, err := r.List(ctx, "u1"); return err },
		func(s *session.Session, _ string) error { return r.Revoke(ctx, "u1", s.ID) },
		func(*session.Session, string) error { return r.RevokeAll(ctx, "u1") },
		step(func(s *session.Session) error { return r.ReauthenticateAlone(ctx, httptest.NewRecorder(), s) }),
	}
	errs := make(chan error, 1000)
	var wg sync.WaitGroup
	for range 20 {
		s, token := r.login("u1")
		tokens = append(tokens, token)
		for _, do := range steps {
			wg.Go(func() { errs <- do(s, token) })
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			noSecret(t, err.Error())
		}
		if !slices.Contains([]error{nil, session.ErrNoSession, session.ErrConflict}, err) {
			t.Error(err)
		}
	}
	want(t, r.RevokeAll(ctx, "u1"), nil)
	for _, token := range tokens {
		r.wantDead(token)
	}
	if n := r.sessionCount("u1"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// Every call of the store gets the caller's context, and so its deadline.
func TestStoreCallsHaveTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		time.Sleep(touchDue)
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, true)
		for _, method := range methods {
			r.store.before[method] = func(ctx context.Context) error {
				if ctx.Value(key{}) == nil {
					t.Errorf("%s was called with another context", method)
				}
				return nil
			}
		}
		_, err := r.Load(r.request(cookie(token)).WithContext(ctx))
		want(t, err, nil)
		want(t, r.Update(ctx, s, setTheme("light")), nil)
		want(t, r.Renew(ctx, httptest.NewRecorder(), s), nil)
		want(t, r.Reauthenticate(ctx, httptest.NewRecorder(), s), nil)
		_, err = r.List(ctx, "u1")
		want(t, err, nil)
		_, err = r.Create(httptest.NewRecorder(), r.request(cookie(token)).WithContext(ctx), session.User{
			ID: "u1",
			Confirm: func(ctx context.Context) error {
				if ctx.Value(key{}) == nil {
					t.Error("Confirm was called with another context")
				}
				return errOutage // so that the session is removed again
			},
		})
		want(t, err, errOutage)
		want(t, r.RevokeAll(ctx, "u1"), nil)
		for _, method := range methods {
			if r.store.count(method) == 0 {
				t.Errorf("%s was never called", method)
			}
		}
	})
}

// mapStore has only what Create and Load need of a store: a map.
type mapStore struct {
	session.Store
	sessions map[session.Key]*session.Session
}

func (m mapStore) Create(_ context.Context, s *session.Session) error {
	m.sessions[s.Key()] = s.Clone()
	return nil
}

func (m mapStore) Get(_ context.Context, key session.Key) (*session.Session, error) {
	s, ok := m.sessions[key]
	if !ok {
		return nil, session.ErrNoSession
	}
	return s.Clone(), nil
}

// BenchmarkLoad loads a session that needs no touch. For comparison, it also looks
// up the same cookie in a map, without parsing, hash, copy or expiry.
func BenchmarkLoad(b *testing.B) {
	m, err := session.New(mapStore{sessions: map[session.Key]*session.Session{}}, session.Config{
		IdleTimeout: lifetime,
		MaxSessions: -1, // so that Create lists no sessions, which mapStore cannot
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	s, err := m.Create(w, r, session.User{ID: "u1", Roles: []string{"reader"}, Values: map[string]string{"theme": "dark"}})
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	r.Header.Set("Cookie", "theme=dark; "+line+"; lang=de")

	b.Run("Manager", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Load(r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Require", func(b *testing.B) {
		w := httptest.NewRecorder()
		handler := m.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if session.FromContext(r.Context()) == nil {
				b.Fatal("no session")
			}
		}))
		b.ReportAllocs()
		for b.Loop() {
			handler.ServeHTTP(w, r)
		}
	})
	b.Run("map by cookie", func(b *testing.B) {
		sessions := map[string]*session.Session{strings.TrimPrefix(line, cookieName+"="): s}
		b.ReportAllocs()
		for b.Loop() {
			c, err := r.Cookie(cookieName)
			if err != nil || sessions[c.Value] == nil {
				b.Fatal("no session")
			}
		}
	})
}
