package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// A handler under test finds the session of NewContext. No middleware does.
func TestNewContext(t *testing.T) {
	r := newFixture(t, session.Config{})
	s := &session.Session{UserID: "u9", Roles: []string{"reader"}}
	serve := func(handler http.Handler, ctx context.Context, cookies ...string) string {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.request(cookies...).WithContext(ctx))
		return fmt.Sprint(w.Code, " ", w.Body)
	}
	ctx := session.NewContext(t.Context(), s)
	if got := serve(protectedHandler, ctx); got != "200 u9" {
		t.Errorf("the handler alone answers %q", got)
	}
	if got := serve(greeting, session.NewContext(ctx, nil)); got != "200 hello stranger" {
		t.Errorf("without a session, the handler alone answers %q", got)
	}
	if session.FromContext(ctx) != s {
		t.Error("FromContext returns another session")
	}

	// It gets nobody in.
	_, token := r.login("u1")
	for _, handler := range []http.Handler{r.Require(protectedHandler), r.requireReader(protectedHandler), r.requireRecent(protectedHandler)} {
		if got := serve(handler, ctx); got != "401 Sign in first.\n" {
			t.Errorf("Require answers %q", got)
		}
		if got := serve(handler, ctx, cookie(token)); got != "200 u1" {
			t.Errorf("with a cookie, Require answers %q", got)
		}
	}
	if got := serve(r.Optional(greeting), ctx); got != "200 hello stranger" {
		t.Errorf("Optional answers %q", got)
	}
	_, err := r.Load(r.request().WithContext(ctx))
	want(t, err, session.ErrNoSession)
	r.inside(token, func(w http.ResponseWriter, req *http.Request) {
		inner := req.WithContext(session.NewContext(req.Context(), s))
		if got := session.FromContext(inner.Context()); got != s {
			t.Errorf("in the context is %+v", got)
		}
		loaded, err := r.Load(inner)
		want(t, err, nil)
		if loaded.UserID != "u1" {
			t.Errorf("Load returns the session of %s", loaded.UserID)
		}
		want(t, r.Destroy(w, inner), nil)
		if got := session.FromContext(inner.Context()); got != s {
			t.Errorf("after the logout, in the context is %+v", got)
		}
	}, r.Require)
	r.wantDead(token)
}

// A program that logs the context logs no cookie.
func TestContextTellsNoCookie(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	r.inside(token, func(_ http.ResponseWriter, req *http.Request) {
		for _, ctx := range []context.Context{req.Context(), context.WithValue(req.Context(), someKey{}, "value")} {
			for _, format := range []string{"%v", "%+v", "%s"} {
				noSecret(t, fmt.Sprintf(format, ctx))
			}
		}
	}, r.Require)
}
