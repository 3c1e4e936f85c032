package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// The window ends exactly when it is over, and a user who proves again who they are is
// let in at once, in the same request too.
func TestRequireRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		_, token := r.login("u1")
		recent := func(next http.Handler) http.Handler { return r.RequireRecent(time.Minute, next) }
		nothing := func(http.ResponseWriter, *http.Request) {}
		for _, step := range []struct {
			wait   time.Duration
			status int
		}{{0, 200}, {time.Minute - 1, 200}, {1, 403}, {time.Minute, 403}} {
			time.Sleep(step.wait)
			if w := r.inside(token, nothing, recent); w.Code != step.status {
				t.Errorf("after %v more: status %d, want %d", step.wait, w.Code, step.status)
			}
		}
		w := r.inside(token, func(w http.ResponseWriter, req *http.Request) {
			want(t, r.Reauthenticate(req.Context(), w, session.FromContext(req.Context())), nil)
			recent(protectedHandler).ServeHTTP(w, req)
		}, r.Require)
		if w.Code != 200 || r.inside(tokenIn(t, w), nothing, recent).Code != 200 {
			t.Errorf("after a reauthentication: status %d, want 200 there and later", w.Code)
		}
	})
}

// The ErrorHandler can say whose session it is that may not go on.
func TestErrorHandlerSeesTheSession(t *testing.T) {
	var user string
	r := newFixture(t, session.Config{ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
		user = "nobody"
		if s := session.FromContext(r.Context()); s != nil {
			user = s.UserID
		}
	}})
	_, token := r.login("u1")
	for _, handler := range []http.Handler{r.RequireRole("admin", protectedHandler), r.RequireRecent(0, protectedHandler)} {
		for token, wanted := range map[string]string{token: "u1", "": "nobody"} {
			handler.ServeHTTP(httptest.NewRecorder(), r.request(cookie(token)))
			if user != wanted {
				t.Errorf("the ErrorHandler sees %s, want %s", user, wanted)
			}
		}
	}
}
