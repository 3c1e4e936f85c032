package session_test

import (
	"context"
	"encoding/json"
	"errors"
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

// greeting is a handler behind Optional that greets whoever is signed in.
var greeting = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	name := "stranger"
	if s := session.FromContext(r.Context()); s != nil {
		name = s.UserID
	}
	w.Write([]byte("hello " + name))
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
		{"recent", r.RequireRecent(time.Hour, protectedHandler), reader, false, 200, "u1", ""},
		{"long ago", r.RequireRecent(0, protectedHandler), reader, false, 403, "Prove again who you are first.\n", ""},
		{"recent, no session", r.RequireRecent(time.Hour, protectedHandler), "", false, 401, "Sign in first.\n", ""},
		{"recent, outage", r.RequireRecent(time.Hour, protectedHandler), reader, true, 503, "Sessions are unavailable. Try again in a moment; you are still signed in.\n", "5"},
		{"optional", r.Optional(greeting), reader, false, 200, "hello u1", ""},
		{"optional, no session", r.Optional(greeting), "", false, 200, "hello stranger", ""},
		{"optional, outage", r.Optional(greeting), reader, true, 503, "Sessions are unavailable. Try again in a moment; you are still signed in.\n", "5"},
		{"role, no session", r.RequireRole("reader", protectedHandler), "", false, 401, "Sign in first.\n", ""},
		{"role, outage", r.RequireRole("reader", protectedHandler), reader, true, 503, "Sessions are unavailable. Try again in a moment; you are still signed in.\n", "5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.down {
				r.store.down()
				defer r.store.up()
			}
			r.log.reset()
			w := httptest.NewRecorder()
			tt.handler.ServeHTTP(w, r.request(cookie(tt.token)))
			wantEvents(t, r.log, tt.down, "session_unavailable")
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("answer is %d %q, want %d %q", w.Code, w.Body, tt.status, tt.body)
			}
			if got := w.Header().Get("WWW-Authenticate"); (got == session.Challenge) != (tt.status == 401) {
				t.Errorf("WWW-Authenticate is %q", got)
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

		challenge string
	}{
		{"no session", r.Require(protectedHandler), "", false, session.ErrNoSession, session.Challenge},
		{"no session for a role", r.RequireRole("admin", protectedHandler), "", false, session.ErrNoSession, session.Challenge},
		{"no recent session", r.RequireRecent(time.Minute, protectedHandler), "", false, session.ErrNoSession, session.Challenge},
		{"no role", r.RequireRole("admin", protectedHandler), token, false, session.ErrForbidden, ""},
		{"long ago", r.RequireRecent(0, protectedHandler), token, false, session.ErrNotRecent, `Cookie error="insufficient_user_authentication"`},
		{"outage", r.Require(protectedHandler), token, true, errOutage, ""},
		{"optional, outage", r.Optional(protectedHandler), token, true, errOutage, ""},
		{"live", r.Require(protectedHandler), token, false, nil, ""},
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
			if got := w.Header().Get("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("WWW-Authenticate is %q, want %q", got, tt.challenge)
			}
			w.Header().Del("WWW-Authenticate")
			if tt.err != nil && (w.Code != http.StatusTeapot || len(w.Header()) != 0 || w.Body.Len() != 0) {
				t.Errorf("the rest of the answer is not the ErrorHandler's alone: %d %v %q", w.Code, w.Header(), w.Body)
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
	for _, handler := range []http.Handler{r.Require(inner), r.RequireRole("reader", inner), r.RequireRecent(time.Hour, inner), r.Optional(inner)} {
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

// from returns a request of another client.
func (r *fixture) from(token, ip, userAgent string) *http.Request {
	req := r.request(cookie(token))
	req.RemoteAddr = ip + ":80"
	req.Header.Set("User-Agent", userAgent)
	return req
}

// A request from another client than at the last touch is logged and kept when a touch
// is due, but not refused. So a client that moves once causes one line, however many
// requests it sends.
func TestChangedClientIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		r.log.reset()
		changed := func(ip, userAgent string) string {
			line := "WARN session_client_changed session_id=" + s.ID + " user_id=u1 ip=" + ip
			if userAgent != "" {
				line += " user_agent=" + userAgent
			}
			return line
		}
		for i, step := range []struct {
			wait          time.Duration
			ip, userAgent string
			line          string    // that is logged, if any
			last          [2]string // that is stored afterwards
		}{
			{0, "198.51.100.7", "test/1.0", "", [2]string{}}, // no touch is due
			{touchDue, "192.0.2.1", "test/1.0", "", [2]string{}},
			{touchDue, "198.51.100.7", "test/1.0", changed("198.51.100.7", "test/1.0"), [2]string{"198.51.100.7", "test/1.0"}},
			{touchDue, "198.51.100.7", "test/1.0", "", [2]string{"198.51.100.7", "test/1.0"}},
			{touchDue, "198.51.100.7", "curl/8", changed("198.51.100.7", "curl/8"), [2]string{"198.51.100.7", "curl/8"}},
			{touchDue, "198.51.100.7", "", changed("198.51.100.7", ""), [2]string{"198.51.100.7", ""}},
			{touchDue, "198.51.100.7", "", "", [2]string{"198.51.100.7", ""}},
			{touchDue, "192.0.2.1", "test/1.0", changed("192.0.2.1", "test/1.0"), [2]string{}},
		} {
			time.Sleep(step.wait)
			for range 100 {
				loaded, err := r.Load(r.from(token, step.ip, step.userAgent))
				want(t, err, nil)
				for name, got := range map[string]*session.Session{"loaded": loaded, "stored": r.stored(s)} {
					if last := [2]string{got.LastIP, got.LastUserAgent}; last != step.last || got.IP != "192.0.2.1" || got.UserAgent != "test/1.0" {
						t.Fatalf("step %d: the %s session has the last client %q, want %q; at login it was %q, %q", i, name, last, step.last, got.IP, got.UserAgent)
					}
				}
			}
			if step.line == "" {
				r.log.wantLines()
			} else {
				r.log.wantLines(step.line)
			}
		}
	})
}

// While touches fail, nothing is known about the last touch, and no change is logged.
func TestChangedClientInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		time.Sleep(touchDue)
		r.log.reset()
		r.store.down("Touch")
		got, err := r.Load(r.from(token, "198.51.100.7", "curl/8"))
		want(t, err, nil)
		if got.LastIP != "" || !got.LastSeenAt.Equal(s.LastSeenAt) {
			t.Errorf("the session was returned as if it were touched: %+v", got)
		}
		r.log.wantLines("WARN session_touch_failed error=connection refused session_id=" + s.ID + " user_id=u1 ip=198.51.100.7 user_agent=curl/8")
	})
}

func TestLastClient(t *testing.T) {
	s := &session.Session{IP: "192.0.2.1", UserAgent: "a"}
	if ip, ua := s.LastClient(); ip != "192.0.2.1" || ua != "a" {
		t.Errorf("before a touch the last client is %q, %q; want that of the login", ip, ua)
	}
	s.LastIP = "192.0.2.2"
	if ip, ua := s.LastClient(); ip != "192.0.2.2" || ua != "" {
		t.Errorf("the last client is %q, %q; want the address and no browser", ip, ua)
	}
	s.LastIP, s.LastUserAgent = "", "b"
	if ip, ua := s.LastClient(); ip != "" || ua != "b" {
		t.Errorf("the last client is %q, %q; want the browser and no address", ip, ua)
	}
}

// A client that hangs up is no outage of the store.
func TestHangUpsAreNotLogged(t *testing.T) {
	for name, tt := range map[string]struct {
		end    func(context.Context) (context.Context, context.CancelFunc)
		logged bool
	}{
		"the client hangs up": {context.WithCancel, false},
		"the time is over": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			return ctx, func() { <-ctx.Done(); cancel() }
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, session.Config{MaxSessions: 1})
				_, token := r.login("u1")
				time.Sleep(touchDue)
				r.log.reset()
				ctx, cancel := tt.end(t.Context())
				r.store.before["Touch"] = func(context.Context) error { cancel(); return errors.New("broken pipe") }
				_, err := r.Load(r.request(cookie(token)).WithContext(ctx))
				want(t, err, nil)
				wantEvents(t, r.log, tt.logged, "session_touch_failed")

				ctx, cancel = tt.end(t.Context())
				r.store.before["Get"] = func(context.Context) error { cancel(); return errors.New("broken pipe") }
				r.Require(protectedHandler).ServeHTTP(httptest.NewRecorder(), r.request(cookie(token)).WithContext(ctx))
				wantEvents(t, r.log, tt.logged, "session_unavailable")

				ctx, cancel = tt.end(t.Context())
				r.store.before["List"] = func(context.Context) error { cancel(); return errors.New("broken pipe") }
				r.store.Store = deaf{r.store.Store}
				_, err = r.Create(httptest.NewRecorder(), r.request().WithContext(ctx), session.User{ID: "u1"})
				want(t, err, nil)
				wantEvents(t, r.log, tt.logged, "session_limit_failed")
			})
		})
	}
}

// deaf is a store whose Create ignores the context.
type deaf struct{ session.Store }

func (s deaf) Create(ctx context.Context, n *session.Session) error {
	return s.Store.Create(context.WithoutCancel(ctx), n)
}

func wantEvents(t *testing.T, log *logRecorder, wanted bool, event string) {
	t.Helper()
	log.mu.Lock()
	defer log.mu.Unlock()
	if logged := strings.Contains(strings.Join(log.lines, "\n"), event); logged != wanted {
		t.Errorf("%s is logged: %v, want %v; the log is %q", event, logged, wanted, log.lines)
	}
	log.lines = nil
}

// What ends a session is logged with the user, and with the client if a request asked
// for it.
func TestEndsAreLoggedWithTheClient(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, _ := r.login("u1")
	own, token := r.login("u1")
	r.log.reset()
	req := r.from(token, "198.51.100.7", "test/1.0")
	r.Require(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		want(t, r.Revoke(req.Context(), "u1", s.ID), nil)
	})).ServeHTTP(httptest.NewRecorder(), req)
	r.log.wantLines("INFO session_ended by_session_id=" + own.ID + " reason=revoked session_id=" + s.ID + " user_id=u1 ip=198.51.100.7 user_agent=test/1.0")
}

// Normal use of a session logs one line for each event and nothing else.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, token := r.login("u1")
		id := " session_id=" + s.ID
		r.log.wantLines("INFO session_created" + id + " user_id=u1" + byClient)
		time.Sleep(touchDue)
		r.wantAlive(token)
		want(t, r.Update(t.Context(), s, setTheme("light")), nil)
		_, err := r.List(t.Context(), "u1")
		want(t, err, nil)
		r.log.wantLines()
		want(t, r.Renew(t.Context(), httptest.NewRecorder(), s), nil)
		r.log.wantLines("INFO session_renewed" + id + " user_id=u1")
		r.wantDead(token)
		r.log.wantLines("WARN authn_token_reuse" + id + " user_id=u1" + byClient)
		want(t, r.Destroy(httptest.NewRecorder(), r.request(cookie(token))), nil)
		r.log.wantLines("INFO session_ended reason=logout" + id + " user_id=u1" + byClient)
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
