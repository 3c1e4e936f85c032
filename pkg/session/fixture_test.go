package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

const (
	cookieName = "__Host-SESSIONID" // the default
	idle       = 30 * time.Minute   // the default
	lifetime   = 24 * time.Hour     // the default
	touchDue   = idle / 10
	canary     = "canary" // is a part of everything that must never be logged
)

// errOutage is what a test store returns when it is down.
var errOutage = errors.New("connection refused")

// fixture is a Manager, its log, and its store, which can be made to fail.
type fixture struct {
	*session.Manager
	t     *testing.T
	store *testStore
	log   *logRecorder
}

// newFixture returns a fixture with an empty store. Any Logger in cfg is replaced.
func newFixture(t *testing.T, cfg session.Config) *fixture {
	t.Helper()
	r := &fixture{t: t, log: &logRecorder{t: t}}
	r.store = &testStore{Store: memstore.New(), calls: map[string]int{}, before: map[string]hook{}, after: map[string]hook{}}
	return r.withConfig(cfg)
}

// withConfig returns a fixture with another Config on the same store and log, as
// after a deployment.
func (r *fixture) withConfig(cfg session.Config) *fixture {
	r.t.Helper()
	cfg.Logger = r.log.logger()
	m, err := session.New(r.store, cfg)
	want(r.t, err, nil)
	return &fixture{Manager: m, t: r.t, store: r.store, log: r.log}
}

// forTest returns the fixture for a subtest.
func (r *fixture) forTest(t *testing.T) *fixture {
	return &fixture{Manager: r.Manager, t: t, store: r.store, log: r.log}
}

// request returns a request with the given Cookie headers, after a cookie of another
// program.
func (r *fixture) request(cookies ...string) *http.Request {
	req := httptest.NewRequest("GET", "https://app.example/", nil).WithContext(r.t.Context())
	req.Header["Cookie"] = append([]string{"other=" + canary}, cookies...)
	req.Header.Set("User-Agent", "test/1.0")
	return req
}

// login creates a session and returns it with its token.
func (r *fixture) login(userID string, cookies ...string) (*session.Session, string) {
	r.t.Helper()
	w := httptest.NewRecorder()
	s, err := r.Create(w, r.request(cookies...), session.User{
		ID:     userID,
		Roles:  []string{"reader"},
		Values: map[string]string{"theme": "dark"},
	})
	want(r.t, err, nil)
	return s, tokenIn(r.t, w)
}

func (r *fixture) load(token string) (*session.Session, error) {
	return r.Load(r.request(cookie(token)))
}

func (r *fixture) wantAlive(token string) *session.Session {
	r.t.Helper()
	s, err := r.load(token)
	want(r.t, err, nil)
	return s
}

func (r *fixture) wantDead(token string) {
	r.t.Helper()
	_, err := r.load(token)
	want(r.t, err, session.ErrNoSession)
}

// stored returns what the store holds of s, or nil. It reads the store directly, so
// the call is not counted and no hook runs.
func (r *fixture) stored(s *session.Session) *session.Session {
	r.t.Helper()
	got, err := r.store.Store.Get(context.Background(), s.Key())
	if errors.Is(err, session.ErrNoSession) {
		return nil
	}
	want(r.t, err, nil)
	return got
}

// sessionCount returns how many sessions the store holds for the user, dead or
// alive.
func (r *fixture) sessionCount(userID string) int {
	r.t.Helper()
	all, err := r.store.Store.List(context.Background(), (&session.Session{UserID: userID}).Key().Owner)
	want(r.t, err, nil)
	return len(all)
}

func cookie(token string) string { return cookieName + "=" + token }

// tokenIn returns the token that the response sets, which must be its only cookie.
func tokenIn(t *testing.T, w http.ResponseWriter) string {
	t.Helper()
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 1 {
		t.Fatalf("Set-Cookie lines: %d, want 1", len(lines))
	}
	c, err := http.ParseSetCookie(lines[0])
	want(t, err, nil)
	return c.Value
}

func wantNoCookie(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	if lines := w.Header()["Set-Cookie"]; len(lines) != 0 {
		t.Errorf("the response has %d Set-Cookie lines, want none", len(lines))
	}
}

// want checks that got is target. An outage must not be one of the errors of package
// session too, and no error may contain a secret.
func want(t *testing.T, got, target error) {
	t.Helper()
	if got != nil {
		noSecret(t, got.Error())
	}
	if !errors.Is(got, target) {
		t.Fatalf("error is %v, want %v", got, target)
	}
	for _, verdict := range []error{session.ErrNoSession, session.ErrConflict, session.ErrForbidden, session.ErrInvalid} {
		if target == errOutage && errors.Is(got, verdict) {
			t.Errorf("the outage %v is %v as well", got, verdict)
		}
	}
}

// secret matches a token's secret, a hash in hex or as a list of bytes, and canary.
var secret = regexp.MustCompile(`[A-Za-z0-9_-]{43}|(\d{1,3}[ ,]+){31}|` + canary)

func noSecret(t *testing.T, text string) {
	t.Helper()
	if secret.MatchString(text) {
		t.Errorf("a secret stands in %q", text)
	}
}

// byClient ends the line of an event that a request of the fixture has asked for.
const byClient = " ip=192.0.2.1 user_agent=test/1.0"

// logRecorder records a log, one string for each line. A string has the level, the
// event, the attributes, sorted by name, and the client.
type logRecorder struct {
	t     *testing.T
	mu    sync.Mutex
	lines []string
}

// Write takes one line in JSON.
func (l *logRecorder) Write(line []byte) (int, error) {
	noSecret(l.t, string(line))
	var attrs map[string]any
	if err := json.Unmarshal(line, &attrs); err != nil {
		l.t.Errorf("log line %s: %v", line, err)
	}
	text := fmt.Sprint(attrs["level"], " ", attrs["msg"])
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if !slices.Contains([]string{"time", "level", "msg", "ip", "user_agent"}, name) {
			text += fmt.Sprintf(" %s=%v", name, attrs[name])
		}
	}
	for _, name := range []string{"ip", "user_agent"} {
		if value, ok := attrs[name]; ok {
			text += fmt.Sprintf(" %s=%v", name, value)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
	return len(line), nil
}

// wantLines checks that the log has exactly these lines since the last check.
func (l *logRecorder) wantLines(lines ...string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.lines, lines) {
		l.t.Errorf("log:\n\t%s\nwant:\n\t%s", strings.Join(l.lines, "\n\t"), strings.Join(lines, "\n\t"))
	}
	l.lines = nil
}

func (l *logRecorder) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// reset drops the lines so far.
func (l *logRecorder) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}
