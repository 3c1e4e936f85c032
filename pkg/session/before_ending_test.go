package session_test

import (
	"context"
	"fmt"
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

// endings records the calls of a BeforeEnding, and makes them fail for some users.
type endings struct {
	mu      sync.Mutex
	calls   []string // such as "u1 one" or "u1 all"
	outages []string // user IDs
}

func (e *endings) before(_ context.Context, userID string, all bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, userID+map[bool]string{false: " one", true: " all"}[all])
	if slices.Contains(e.outages, userID) {
		return errOutage
	}
	return nil
}

// take returns the calls since the last take, sorted.
func (e *endings) take() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	slices.Sort(e.calls)
	calls := strings.Join(e.calls, ", ")
	e.calls = nil
	return calls
}

// takeCalls returns the calls of the store since the last time, with their numbers.
func (r *fixture) takeCalls() string {
	var all []string
	for _, method := range methods {
		if n := r.store.count(method); n > 0 {
			all = append(all, fmt.Sprint(n, " ", method))
		}
	}
	return strings.Join(all, ", ")
}

// Before sessions end, BeforeEnding is told whose, and whether all of the user's. It costs
// a logout one read for each token, and nothing else anything.
func TestBeforeEnding(t *testing.T) {
	renew := func(r *fixture, s *session.Session) string {
		w := httptest.NewRecorder()
		want(r.t, r.Renew(r.t.Context(), w, s), nil)
		return tokenIn(r.t, w)
	}
	destroy := func(r *fixture, cookies ...string) error {
		for i, value := range cookies {
			cookies[i] = cookie(value)
		}
		return r.Destroy(httptest.NewRecorder(), r.request(strings.Join(cookies, "; ")))
	}
	for name, tt := range map[string]struct {
		end   func(r *fixture, s *session.Session, token, other string) error // s and token are one session of u1, other is one of u2
		told  string
		calls string // without BeforeEnding
		more  string // with it; "" means the same
	}{
		"logout":                  {func(r *fixture, _ *session.Session, token, _ string) error { return destroy(r, token) }, "u1 one", "1 Delete", "1 Get, 1 Delete"},
		"logout without a cookie": {func(r *fixture, _ *session.Session, _, _ string) error { return destroy(r) }, "", "", ""},
		"logout by the previous token": {func(r *fixture, s *session.Session, token, _ string) error {
			renew(r, s)
			r.takeCalls()
			return destroy(r, token)
		}, "u1 one", "1 Delete", "1 Get, 1 Delete"},
		"logout by an older token": {func(r *fixture, s *session.Session, token, _ string) error {
			renew(r, s)
			renew(r, s)
			r.takeCalls()
			return destroy(r, token)
		}, "", "1 Delete", "1 Get, 1 Delete"},
		"logout with a wrong secret": {func(r *fixture, _ *session.Session, token, other string) error {
			return destroy(r, token[:secretStart]+other[secretStart:])
		}, "", "1 Delete", "1 Get, 1 Delete"},
		"logout, again": {func(r *fixture, _ *session.Session, token, _ string) error {
			want(r.t, r.RevokeAll(r.t.Context(), "u1"), nil)
			r.takeCalls()
			return destroy(r, token)
		}, "u1 all", "1 Delete", "1 Get, 1 Delete"},
		"logout of two": {func(r *fixture, _ *session.Session, token, other string) error { return destroy(r, token, other) }, "u1 one, u2 one", "2 Delete", "2 Get, 2 Delete"},
		"logout of one that expired": {func(r *fixture, s *session.Session, token, _ string) error {
			time.Sleep(idle)
			return destroy(r, token)
		}, "u1 one", "1 Delete", "1 Get, 1 Delete"},
		"logout behind Require": {func(r *fixture, _ *session.Session, token, _ string) (err error) {
			r.inside(token, func(w http.ResponseWriter, req *http.Request) { err = r.Destroy(w, req) }, r.Require)
			return err
		}, "u1 one", "1 Get, 1 Delete", "2 Get, 1 Delete"},
		"Revoke": {func(r *fixture, s *session.Session, _, _ string) error { return r.Revoke(r.t.Context(), "u1", s.ID) }, "u1 one", "1 Delete", ""},
		"Revoke, of nothing": {func(r *fixture, _ *session.Session, _, _ string) error {
			return noSession(r.Revoke(r.t.Context(), "u1", strings.Repeat("A", 22)))
		}, "u1 one", "1 Delete", ""},
		"Revoke, of a malformed ID": {func(r *fixture, _ *session.Session, _, _ string) error {
			return noSession(r.Revoke(r.t.Context(), "u1", "x"))
		}, "", "", ""},
		"RevokeAll":               {func(r *fixture, _ *session.Session, _, _ string) error { return r.RevokeAll(r.t.Context(), "u1") }, "u1 all", "1 Delete, 1 List", ""},
		"RevokeAll of the others": {func(r *fixture, s *session.Session, _, _ string) error { return r.RevokeAll(r.t.Context(), "u1", s.ID) }, "u1 all", "1 List", ""},
		"RevokeAll of nobody":     {func(r *fixture, _ *session.Session, _, _ string) error { return r.RevokeAll(r.t.Context(), "u3") }, "u3 all", "1 List", ""},
		"ReauthenticateAlone": {func(r *fixture, s *session.Session, _, _ string) error {
			return r.ReauthenticateAlone(r.t.Context(), httptest.NewRecorder(), s)
		}, "u1 all", "1 Update, 1 List", ""},
		"ReauthenticateAlone, too late": {func(r *fixture, s *session.Session, _, _ string) error {
			if err := r.ReauthenticateAlone(r.t.Context(), begunWriter{httptest.NewRecorder()}, s); err != session.ErrTooLate {
				return fmt.Errorf("it returned %w", err)
			}
			return nil
		}, "", "", ""},
		"Renew and Reauthenticate": {func(r *fixture, s *session.Session, _, _ string) error {
			renew(r, s)
			return r.Reauthenticate(r.t.Context(), httptest.NewRecorder(), s)
		}, "", "2 Update", ""},
		"Redeem": {func(r *fixture, s *session.Session, _, _ string) error {
			_, err := r.Redeem(httptest.NewRequest("GET", "/", nil), r.Receipt(s))
			return err
		}, "", "1 Delete", ""},
		"Create, which replaces one and ends the surplus": {func(r *fixture, _ *session.Session, token, _ string) error {
			r.logins(10, "u1")
			r.takeCalls()
			_, err := r.Create(httptest.NewRecorder(), r.request(cookie(token)), session.User{ID: "u1"})
			return err
		}, "", "1 Create, 2 Delete, 1 List", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range []*endings{nil, {}} {
				synctest.Test(t, func(t *testing.T) {
					cfg, calls := session.Config{MaxSessions: 10}, tt.calls
					if e != nil {
						cfg.BeforeEnding = e.before
						if tt.more != "" {
							calls = tt.more
						}
					}
					r := newFixture(t, cfg)
					_, other := r.login("u2")
					s, token := r.login("u1")
					r.takeCalls()
					want(t, tt.end(r, s, token, other), nil)
					if got := r.takeCalls(); got != calls {
						t.Errorf("with BeforeEnding %v: calls %q, want %q", e != nil, got, calls)
					}
					if e != nil {
						if told := e.take(); told != tt.told {
							t.Errorf("told %q, want %q", told, tt.told)
						}
					}
				})
			}
		})
	}
}

// begunWriter is a ResponseWriter whose answer has begun.
type begunWriter struct{ http.ResponseWriter }

func (begunWriter) Written() bool { return true }

// noSession returns nil for ErrNoSession.
func noSession(err error) error {
	if err == session.ErrNoSession {
		return nil
	}
	return fmt.Errorf("%w, want ErrNoSession", err)
}

// If BeforeEnding fails, or a session cannot be read to call it, nothing has ended, the
// cookie stays, and it can be done again.
func TestNothingEndsIfBeforeEndingFails(t *testing.T) {
	logout := func(r *fixture, w http.ResponseWriter, _ *session.Session, cookies string) error {
		return r.Destroy(w, r.request(cookies))
	}
	for name, tt := range map[string]struct {
		outages []string
		down    string // a method of the store
		end     func(r *fixture, w http.ResponseWriter, s *session.Session, cookies string) error
	}{
		"logout":                   {[]string{"u1"}, "", logout},
		"logout, no read":          {nil, "Get", logout},
		"logout, the other user's": {[]string{"u2"}, "", logout},
		"Revoke": {[]string{"u1"}, "", func(r *fixture, _ http.ResponseWriter, s *session.Session, _ string) error {
			return r.Revoke(r.t.Context(), "u1", s.ID)
		}},
		"RevokeAll": {[]string{"u1"}, "", func(r *fixture, _ http.ResponseWriter, s *session.Session, _ string) error {
			return r.RevokeAll(r.t.Context(), "u1")
		}},
		"ReauthenticateAlone": {[]string{"u1"}, "", func(r *fixture, w http.ResponseWriter, s *session.Session, _ string) error {
			return r.ReauthenticateAlone(r.t.Context(), w, s)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &endings{outages: tt.outages}
			r := newFixture(t, session.Config{BeforeEnding: e.before})
			s, token := r.login("u1")
			_, other := r.login("u2")
			cookies := cookie(token) + "; " + cookie(other)
			if tt.down != "" {
				r.store.down(tt.down)
			}
			r.log.reset()
			w := httptest.NewRecorder()
			want(t, tt.end(r, w, s, cookies), errOutage)
			wantNoCookie(t, w)
			r.log.wantLines()
			if n := r.store.count("Delete", "Update"); n != 0 {
				t.Errorf("%d writes, want none", n)
			}
			r.store.up()
			r.wantAlive(token)
			r.wantAlive(other)
			e.outages = nil
			want(t, tt.end(r, httptest.NewRecorder(), s, cookies), nil)
			r.wantDead(token)
		})
	}
}

// All tokens of a logout are proved, and BeforeEnding has returned for all, before the
// first session ends.
func TestBeforeEndingComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *fixture
		r = newFixture(t, session.Config{BeforeEnding: func(_ context.Context, userID string, _ bool) error {
			if userID == "u2" {
				time.Sleep(time.Minute)
			}
			if n := r.sessionCount("u1") + r.sessionCount("u2"); n != 2 {
				t.Errorf("%d sessions when BeforeEnding of %s returns, want both", n, userID)
			}
			return nil
		}})
		_, a := r.login("u1")
		_, b := r.login("u2")
		want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(a)+"; "+cookie(b))), nil)
		r.wantDead(a)
		r.wantDead(b)
	})
}

// BeforeEnding gets the context of the request: a request that is given up ends it.
func TestBeforeEndingHasTheRequestsContext(t *testing.T) {
	r := newFixture(t, session.Config{BeforeEnding: func(ctx context.Context, _ string, _ bool) error { return hangs(ctx) }})
	s, token := r.login("u1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(token)).WithContext(ctx)), context.Canceled)
	want(t, r.Revoke(ctx, "u1", s.ID), context.Canceled)
	want(t, r.RevokeAll(ctx, "u1"), context.Canceled)
	want(t, r.ReauthenticateAlone(ctx, httptest.NewRecorder(), s), context.Canceled)
	r.wantAlive(token)
}
