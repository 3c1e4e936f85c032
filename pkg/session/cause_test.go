package session_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// TestCause: the end of a session says why, and who has ended it: the session in whose
// request it was, or an operator.
func TestCause(t *testing.T) {
	type call func(r *fixture, ctx context.Context, s *session.Session) error
	revoke := func(r *fixture, ctx context.Context, s *session.Session) error { return r.Revoke(ctx, "u1", s.ID) }
	revokeKey := func(r *fixture, ctx context.Context, s *session.Session) error { return r.RevokeKey(ctx, s.Key()) }
	revokeAll := func(r *fixture, ctx context.Context, _ *session.Session) error { return r.RevokeAll(ctx, "u1") }
	changed := func(r *fixture, ctx context.Context, _ *session.Session) error {
		return r.ReauthenticateAlone(ctx, httptest.NewRecorder(), session.FromContext(ctx))
	}
	for name, calls := range map[string][]call{"revoked": {revoke, revokeKey, revokeAll}, "password_changed": {changed}} {
		for _, end := range calls {
			for _, cause := range []session.Cause{{}, {Reason: "disabled"}, {Actor: "ops"}, {Reason: "disabled", Actor: "ops"}} {
				r := newFixture(t, session.Config{})
				s, _ := r.login("u1")
				own, token := r.login("u1")
				r.log.reset()
				r.inside(token, func(_ http.ResponseWriter, req *http.Request) {
					want(t, end(r, session.WithCause(req.Context(), cause), s), nil)
				}, r.Require)
				line := "actor=ops"
				if cause.Actor == "" {
					line = "by_session_id=" + own.ID
				}
				if line += " reason=" + name; cause.Reason != "" {
					line = strings.Replace(line, name, cause.Reason, 1)
				}
				line = "INFO session_ended " + line + " session_id=" + s.ID + " user_id=u1" + byClient
				if !slices.Contains(r.log.lines, line) {
					t.Errorf("%+v: log %q, want %s", cause, r.log.lines, line)
				}
			}
		}
	}
}

// TestCauseOfOthers: a cause is not that of a logout or a login, which have their own.
func TestCauseOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{MaxSessions: 1})
		_, token := r.login("u1")
		time.Sleep(time.Millisecond) // of sessions of one millisecond, their IDs say which is older
		r.log.reset()
		caused := func(cookies ...string) *http.Request {
			req := r.request(cookies...)
			return req.WithContext(session.WithCause(req.Context(), session.Cause{Reason: "disabled", Actor: "ops"}))
		}
		_, err := r.Create(httptest.NewRecorder(), caused(cookie(token)), session.User{ID: "u1"})
		want(t, err, nil)
		time.Sleep(time.Millisecond)
		w := httptest.NewRecorder()
		_, err = r.Create(w, caused(), session.User{ID: "u1"})
		want(t, err, nil)
		want(t, r.Destroy(httptest.NewRecorder(), caused(cookie(tokenIn(t, w)))), nil)
		for i, reason := range []string{"replaced", "", "limit", "", "logout"} {
			if line := r.log.lines[i]; reason != "" && !strings.Contains(line, "reason="+reason) || strings.Contains(line, "ops") {
				t.Errorf("line %d is %s, want the reason %q", i, line, reason)
			}
		}
	})
}

// TestWithClient: what a request asks for is logged with its client, without that
// anybody reads its session.
func TestWithClient(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, _ := r.login("u1")
	r.log.reset()
	r.store.count()
	req := r.from("none", "198.51.100.7", "curl/8")
	want(t, r.RevokeKey(session.WithClient(req.Context(), req), s.Key()), nil)
	r.log.wantLines("INFO session_ended reason=revoked session_id=" + s.ID + " user_id=u1 ip=198.51.100.7 user_agent=curl/8")
	if calls := r.takeCalls(); calls != "1 Delete" {
		t.Errorf("calls %s", calls)
	}
	if ctx := session.WithClient(session.NewContext(t.Context(), s), req); session.FromContext(ctx) != s {
		t.Error("the session of the context is gone")
	}
}

// TestForgedTokenIsLogged: a token of our shape that no key has signed is logged once for a
// request, and never quoted. Without keys nobody can tell such a token from one that has
// ended, and what has no such shape may be anybody's cookie.
func TestForgedTokenIsLogged(t *testing.T) {
	keys := func(b byte) [][]byte { return [][]byte{bytes.Repeat([]byte{b}, 32)} }
	plain := newFixture(t, session.Config{})
	_, unsigned := plain.login("u1")
	other := newFixture(t, session.Config{SigningKeys: keys(1)})
	_, foreign := other.login("u1")
	r := newFixture(t, session.Config{SigningKeys: keys(2)})
	_, own := r.login("u1")
	for name, tt := range map[string]struct {
		r      *fixture
		token  string
		forged bool
	}{
		"by another key":   {r, foreign, true},
		"not signed":       {r, unsigned, true},
		"a changed MAC":    {r, own[:len(own)-22] + strings.Repeat("A", 22), true},
		"ours":             {r, own, false},
		"not our shape":    {r, own + "x", false},
		"empty":            {r, "", false},
		"no keys":          {plain, foreign, false},
		"no keys, no user": {plain, strings.Repeat("A", 22) + unsigned[22:], false},
	} {
		t.Run(name, func(t *testing.T) {
			r := tt.r.forTest(t)
			for how, f := range map[string]func(*http.Request){
				"Load":          func(req *http.Request) { r.Load(req) },
				"LoadForwarded": func(req *http.Request) { r.LoadForwarded(req) },
				"Optional": func(req *http.Request) {
					r.Optional(r.Optional(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
						r.Load(req)
						_, err := r.Create(w, req, session.User{ID: "u9"})
						want(t, err, nil)
					}))).ServeHTTP(httptest.NewRecorder(), req)
				},
			} {
				r.log.reset()
				f(r.request(cookie(tt.token)))
				forged := slices.DeleteFunc(r.log.lines, func(line string) bool { return !strings.Contains(line, "forged") })
				if tt.forged != slices.Equal(forged, []string{"INFO session_token_forged" + byClient}) || !tt.forged && len(forged) > 0 {
					t.Errorf("%s: %q", how, forged)
				}
			}
		})
	}
}
