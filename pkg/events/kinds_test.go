package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/events"
)

// TestKinds: the kinds are sorted, each is found by its name, and each says what it means.
func TestKinds(t *testing.T) {
	kinds := events.Kinds()
	for i, k := range kinds {
		if i > 0 && kinds[i-1].Name >= k.Name {
			t.Errorf("%s stands behind %s", k.Name, kinds[i-1].Name)
		}
		if found, ok := events.Find(k.Name); !ok || found.Name != k.Name {
			t.Errorf("%s is not found", k.Name)
		}
		fields := slices.Clone(k.Fields)
		slices.Sort(fields)
		if len(slices.Compact(fields)) != len(k.Fields) {
			t.Errorf("%s has a field twice: %q", k.Name, k.Fields)
		}
		if slices.Contains(k.Fields, "reason") != (len(k.Reasons) > 0) || !slices.IsSorted(k.Reasons) {
			t.Errorf("%s has the fields %q and the reasons %q", k.Name, k.Fields, k.Reasons)
		}
		if k.Kept && !slices.Contains(k.Fields, "user_id") {
			t.Errorf("%s is kept, and has no user_id", k.Name)
		}
		if !strings.HasSuffix(k.When, ".") || strings.Contains(k.When, "|") {
			t.Errorf("%s: %q is no sentence of a table", k.Name, k.When)
		}
	}
	if _, ok := events.Find("authn_login_succes"); ok {
		t.Error("a name that is no kind's is found")
	}
}

// TestLog: an event has the level of its kind, the client of the context where its kind has
// one, and the place of whoever logged it.
func TestLog(t *testing.T) {
	odd := "Mozilla/5.0\x00\r\n\x1b[31m\xff" + strings.Repeat("x", 500)
	ctx := events.WithClient(t.Context(), events.Client{IP: "192.0.2.1", UserAgent: odd})
	if got := events.ClientOf(ctx); got.UserAgent != "Mozilla/5.0[31m"+strings.Repeat("x", 256-len("Mozilla/5.0\x00\r\n\x1b[31m\xff")) {
		t.Errorf("the browser is %q", got.UserAgent)
	}
	for name, want := range map[string]map[string]any{
		"session_token_forged": {"level": "INFO", "ip": "192.0.2.1", "user_agent": events.ClientOf(ctx).UserAgent},
		"authn_token_reuse":    {"level": "WARN", "ip": "192.0.2.1", "user_agent": events.ClientOf(ctx).UserAgent},
		"bridge_window_failed": {"level": "WARN"},
		"sys_startup_failed":   {"level": "ERROR"},
		"my_own":               {"level": "INFO"},
	} {
		var log bytes.Buffer
		l := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{AddSource: true}))
		events.Log(ctx, l, name, "k", "v")
		var got map[string]any
		if err := json.Unmarshal(log.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if source, _ := got["source"].(map[string]any); !strings.HasSuffix(source["file"].(string), "kinds_test.go") {
			t.Errorf("%s was logged at %v", name, source)
		}
		if got["msg"] != name || got["level"] != want["level"] || got["k"] != "v" || got["ip"] != want["ip"] || got["user_agent"] != want["user_agent"] {
			t.Errorf("%s: %v", name, got)
		}
	}
	var log bytes.Buffer
	events.Log(t.Context(), slog.New(slog.NewJSONHandler(&log, nil)), "session_token_forged")
	events.Log(ctx, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), "session_token_forged", "quiet", 1)
	if text := log.String(); strings.Contains(text, "ip") || strings.Contains(text, "quiet") {
		t.Errorf("got %s", text)
	}
}

// TestClientIsNotPrinted: a context that is printed tells nobody's address.
func TestClientIsNotPrinted(t *testing.T) {
	ctx := events.WithClient(t.Context(), events.Client{IP: "192.0.2.1", UserAgent: "Firefox"})
	if text := fmt.Sprint(ctx); strings.Contains(text, "192.0.2.1") || strings.Contains(text, "Firefox") {
		t.Error(text)
	}
	if c := events.ClientOf(t.Context()); c != (events.Client{}) {
		t.Errorf("a client that nobody has given: %+v", c)
	}
}
