package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/coatcheck/cmd/server/metrics"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin"
)

// scrape returns what Prometheus gets.
func scrape(t *testing.T, m *metrics.Meter) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") {
		t.Errorf("the type is %s", w.Header().Get("Content-Type"))
	}
	return w.Body.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
}

// TestEvents: each kind and reason of the catalogue is there from the start. What is not in
// it makes no more than two lines, however much of it comes.
func TestEvents(t *testing.T) {
	m := metrics.New()
	before := scrape(t, m)
	for _, k := range events.Kinds() {
		if len(k.Reasons) == 0 {
			wantLines(t, before, `coatcheck_events_total{event="`+k.Name+`",reason=""} 0.0`)
		}
		for _, reason := range k.Reasons {
			wantLines(t, before, `coatcheck_events_total{event="`+k.Name+`",reason="`+reason+`"} 0.0`)
		}
	}
	l := m.Tee(slog.New(slog.DiscardHandler))
	for i := range 100 {
		events.Log(t.Context(), l, "session_ended", "reason", "logout")
		events.Log(t.Context(), l, "session_ended", "reason", fmt.Sprint("no reason ", i))
		l.Info(fmt.Sprint("line ", i), "reason", i)
	}
	events.Log(t.Context(), l, "session_created", "user_id", "u1")
	after := scrape(t, m)
	wantLines(t, after, `coatcheck_events_total{event="session_ended",reason="logout"} 100.0`, `coatcheck_events_total{event="session_ended",reason="other"} 100.0`,
		`coatcheck_events_total{event="other",reason=""} 100.0`, `coatcheck_events_total{event="session_created",reason=""} 1.0`)
	if grown := strings.Count(after, "coatcheck_events_total{") - strings.Count(before, "coatcheck_events_total{"); grown != 2 {
		t.Errorf("%d lines more", grown)
	}
}

// TestRequests: an answer counts for the pattern of its route, whatever the path is, and
// goes to the client as it is.
func TestRequests(t *testing.T) {
	m := metrics.New()
	pages, err := signin.NewPages(signin.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	routes := signin.Routes{
		"GET /orders/{id}": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.PathValue("id")) },
		"GET /early": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		},
		"GET /panic": func(http.ResponseWriter, *http.Request) { panic("boom") },
	}
	server := httptest.NewServer(m.Requests(pages.Handler(m.Routes([]signin.Routes{routes})...)))
	defer server.Close()
	for i := range 50 {
		for path, want := range map[string]int{fmt.Sprint("/orders/", i): 200, fmt.Sprint("/nothing/", i): 404, "/early": 418, "/panic": 500} {
			resp, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if resp.Body.Close(); resp.StatusCode != want || want == 200 && string(body) != fmt.Sprint(i) {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
		}
	}
	server.Close() // waits until all are counted
	text := scrape(t, m)
	const count = "coatcheck_request_duration_seconds_count"
	wantLines(t, text, count+`{route="GET /orders/{id}",status="200"} 50`, count+`{route="none",status="404"} 50`, count+`{route="GET /early",status="418"} 50`, count+`{route="GET /panic",status="500"} 50`)
	if n := strings.Count(text, count+"{"); n != 4 {
		t.Errorf("%d lines", n)
	}
}

// downStore is a store that cannot be reached.
type downStore struct{ session.Store }

func (downStore) Get(context.Context, session.Key) (*session.Session, error) {
	return nil, errors.New("connection refused")
}

// listing is a store that creates and lists in one call.
type listing struct{ session.Store }

func (s listing) CreateAndList(ctx context.Context, made *session.Session) ([]*session.Session, error) {
	return []*session.Session{made}, s.Create(ctx, made)
}

// TestLoginInOneCall: what is measured still makes a login in one call.
func TestLoginInOneCall(t *testing.T) {
	m := metrics.New()
	sessions, err := session.New(m.Store(listing{memstore.New()}), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Create(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/login", nil), session.User{ID: "u1"}); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, m)
	wantLines(t, text, `coatcheck_session_store_duration_seconds_count{call="CreateAndList",failed="false"} 1`)
	if strings.Contains(text, `call="List"`) || strings.Contains(text, `call="Create"`) {
		t.Errorf("the login made other calls:\n%s", text)
	}
}

// TestStore: calls are counted by their method. That there is no session is no failure.
func TestStore(t *testing.T) {
	m := metrics.New()
	up, down := m.Store(memstore.New()), m.Store(downStore{})
	sessions, err := session.New(up, session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/login", nil)
	s, err := sessions.Create(w, r, session.User{ID: "u1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.Reauthenticate(t.Context(), httptest.NewRecorder(), s); err != nil {
		t.Fatal(err)
	}
	up.Get(t.Context(), session.Key{})
	down.Get(t.Context(), s.Key())
	if err := up.Touch(t.Context(), s.Key(), s.LastSeenAt, s.ExpiresAt, "", ""); err != nil {
		t.Fatal(err)
	}
	if err := sessions.Revoke(t.Context(), "u1", s.ID); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, m)
	for call, failed := range map[string]string{"Create": "false", "List": "false", "Update": "false", "Touch": "false", "Delete": "false", "Get": "true"} {
		wantLines(t, text, `coatcheck_session_store_duration_seconds_count{call="`+call+`",failed="`+failed+`"} 1`)
	}
	wantLines(t, text, `coatcheck_session_store_duration_seconds_count{call="Get",failed="false"} 1`)
}
