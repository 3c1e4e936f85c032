package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// protectedHandler is a handler behind Require that answers with the user's ID.
var protectedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Write([]byte(session.FromContext(r.Context()).UserID))
})

func TestRequire(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, reader := r.login("u1") // has the role reader
	tests := []struct {
		name    string
		handler http.Handler
		token   string
		down    bool
		status  int
		body    string
		retry   string
	}{
		{"live", r.Require(protectedHandler), reader, false, 200, "u1", ""},
		{"no session", r.Require(protectedHandler), "", false, 401, "Sign in first.\n", ""},
		{"outage", r.Require(protectedHandler), reader, true, 503, "Sessions are unavailable. Try again in a moment; you are still signed in.\n", "5"},
		{"role", r.RequireRole("reader", protectedHandler), reader, false, 200, "u1", ""},
		{"no role", r.RequireRole("admin", protectedHandler), reader, false, 403, "Your account may not do this.\n", ""},
		{"role in another case", r.RequireRole("Reader", protectedHandler), reader, false, 403, "Your account may not do this.\n", ""},
		{"role, no session", r.RequireRole("reader", protectedHandler), "", false, 401, "Sign in first.\n", ""},
		{"role, outage", r.RequireRole("reader", protectedHandler), reader, true, 503, "Sessions are unavailable. Try again in a moment; you are still signed in.\n", "5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.down {
				r.store.down()
				defer r.store.up()
			}
			w := httptest.NewRecorder()
			tt.handler.ServeHTTP(w, r.request(cookie(tt.token)))
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("answer is %d %q, want %d %q", w.Code, w.Body, tt.status, tt.body)
			}
			if got := w.Header().Get("Retry-After"); got != tt.retry {
				t.Errorf("Retry-After is %q, want %q", got, tt.retry)
			}
			if got := w.Header().Get("Cache-Control"); tt.status != 200 && got != "no-store" {
				t.Errorf("Cache-Control is %q, want no-store", got)
			}
			wantNoCookie(t, w)
		})
	}
	r.wantAlive(reader)
}

func TestErrorHandler(t *testing.T) {
	var got error
	r := newFixture(t, session.Config{ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		got = err
		w.WriteHeader(http.StatusTeapot)
	}})
	_, token := r.login("u1")
	for _, tt := range []struct {
		name    string
		handler http.Handler
		token   string
		down    bool
		err     error
	}{
		{"no session", r.Require(protectedHandler), "", false, session.ErrNoSession},
		{"no role", r.RequireRole("admin", protectedHandler), token, false, session.ErrForbidden},
		{"outage", r.Require(protectedHandler), token, true, errOutage},
		{"live", r.Require(protectedHandler), token, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.down {
				r.store.down()
				defer r.store.up()
			}
			got = nil
			w := httptest.NewRecorder()
			tt.handler.ServeHTTP(w, r.request(cookie(tt.token)))
			want(t, got, tt.err)
			if tt.err != nil && (w.Code != http.StatusTeapot || len(w.Header()) != 0 || w.Body.Len() != 0) {
				t.Errorf("the answer is not the ErrorHandler's alone: %d %v %q", w.Code, w.Header(), w.Body)
			}
		})
	}
}

func TestRequireReadsOnce(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	r.store.count()
	r.Require(protectedHandler).ServeHTTP(httptest.NewRecorder(), r.request(cookie(token)))
	if n := r.store.count("Get"); n != 1 || r.store.count() != 0 {
		t.Errorf("%d reads and more, want 1 and nothing else", n)
	}
}

// A wrapped ResponseWriter would hide http.Flusher and similar interfaces.
func TestRequireDoesNotWrapTheResponseWriter(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	w := httptest.NewRecorder()
	var got http.ResponseWriter
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w })
	for _, handler := range []http.Handler{r.Require(inner), r.RequireRole("reader", inner)} {
		got = nil
		if handler.ServeHTTP(w, r.request(cookie(token))); got != http.ResponseWriter(w) {
			t.Error("the handler got another ResponseWriter")
		}
	}
}

func TestFromContext(t *testing.T) {
	var none context.Context
	if session.FromContext(none) != nil || session.FromContext(t.Context()) != nil {
		t.Error("there is a session in an empty context")
	}
	if session.FromContext(t.Context()).HasRole("reader") {
		t.Error("no session has a role")
	}
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	type key struct{}
	req := r.request(cookie(token))
	req = req.WithContext(context.WithValue(req.Context(), key{}, "kept"))
	r.Require(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if s := session.FromContext(req.Context()); !reflect.DeepEqual(s, r.wantAlive(token)) {
			t.Errorf("the session in the context is %+v", s)
		}
		if req.Context().Value(key{}) != "kept" {
			t.Error("the request's own context values are gone")
		}
	})).ServeHTTP(httptest.NewRecorder(), req)
}

func TestHasRole(t *testing.T) {
	s := &session.Session{Roles: []string{"reader", "ﬁne"}}
	for role, has := range map[string]bool{"reader": true, "ﬁne": true, "Reader": false, "read": false, "fine": false, "": false} {
		if s.HasRole(role) != has {
			t.Errorf("HasRole(%q) is %v", role, !has)
		}
	}
}

func TestClone(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, _ := r.login("u1")
	c := s.Clone()
	if !reflect.DeepEqual(s, c) {
		t.Errorf("the clone is %+v, want %+v", c, s)
	}
	c.Roles[0], c.Values["theme"] = "x", "x"
	if s.Roles[0] != "reader" || s.Values["theme"] != "dark" {
		t.Error("the clone shares roles or values")
	}
}

func TestSessionAsJSONShowsNoSecret(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, _ := r.login("u1")
	want(t, r.Renew(t.Context(), httptest.NewRecorder(), s), nil)
	text, err := json.Marshal(s)
	want(t, err, nil)
	noSecret(t, string(text))
	if strings.Contains(string(text), "Secret") {
		t.Errorf("%s", text)
	}
}

// A request from another client than at login is logged, but not refused.
func TestChangedClientIsLogged(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	for name, change := range map[string]func(*http.Request){
		" ip=198.51.100.7 session_id=" + s.ID + " user_agent=test/1.0": func(req *http.Request) { req.RemoteAddr = "198.51.100.7:80" },
		" ip=192.0.2.1 session_id=" + s.ID + " user_agent=curl/8":      func(req *http.Request) { req.Header.Set("User-Agent", "curl/8") },
	} {
		r.log.reset()
		req := r.request(cookie(token))
		change(req)
		_, err := r.Load(req)
		want(t, err, nil)
		r.log.wantLines("WARN session_client_changed" + name + " user_id=u1")
	}
	req := r.request(cookie(token))
	req.RemoteAddr = "192.0.2.1:9" // only the port is another
	_, err := r.Load(req)
	want(t, err, nil)
	r.log.wantLines()
}

// Normal use of a session logs one line for each event and nothing else.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		id := " session_id=" + s.ID
		r.log.wantLines("INFO session_created" + id + " user_id=u1")
		time.Sleep(touchDue)
		r.wantAlive(token)
		want(t, r.Update(t.Context(), s, setTheme("light")), nil)
		_, err := r.List(t.Context(), "u1")
		want(t, err, nil)
		r.log.wantLines()
		want(t, r.Renew(t.Context(), httptest.NewRecorder(), s), nil)
		r.log.wantLines("INFO session_renewed" + id + " user_id=u1")
		r.wantDead(token)
		r.log.wantLines("WARN authn_token_reuse" + id + " user_id=u1")
		want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(token))), nil)
		r.log.wantLines("INFO session_expired reason=logout" + id)
		r.wantDead(token)
		r.log.wantLines()
	})
}

// noSecret checks every log line and error of these tests. This test checks
// noSecret.
func TestNoSecretFindsSecrets(t *testing.T) {
	r := newFixture(t, session.Config{SigningKeys: [][]byte{keyA}})
	s, token := r.login("u1")
	for name, text := range map[string]string{
		"token":         "x " + token + " y",
		"secret":        token[secretStart:secretEnd],
		"cookie header": r.request().Header.Get("Cookie"),
		"signing key":   string(keyA),
		"hash, dumped":  fmt.Sprint(s.Secret),
	} {
		if !secret.MatchString(text) {
			t.Errorf("%s is not found in %q", name, text)
		}
	}
	if secret.MatchString("session_expired " + s.ID + " u1 " + s.ExpiresAt.String() + " " + s.Key().Owner) {
		t.Error("a harmless line is taken for a secret")
	}
}
