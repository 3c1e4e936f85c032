package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"

	"example.com/coatcheck/pkg/events"
)

// TestHandler: both the lines of the logger and the events keep the contract of slog.
func TestHandler(t *testing.T) {
	for _, side := range []string{"the log", "the events"} {
		t.Run(side, func(t *testing.T) {
			var log bytes.Buffer
			var told []map[string]any
			logger := events.Tee(slog.New(slog.NewJSONHandler(&log, nil)), func(_ context.Context, e events.Event) { told = append(told, mapOf(e)) })
			results := func() []map[string]any {
				if side == "the events" {
					return told
				}
				var lines []map[string]any
				for line := range strings.SplitSeq(strings.TrimSpace(log.String()), "\n") {
					var m map[string]any
					if err := json.Unmarshal([]byte(line), &m); err != nil {
						t.Fatal(err)
					}
					lines = append(lines, m)
				}
				return lines
			}
			if err := slogtest.TestHandler(logger.Handler(), results); err != nil {
				t.Error(err)
			}
		})
	}
}

func mapOf(e events.Event) map[string]any {
	m := group(e.Attrs)
	m[slog.MessageKey], m[slog.LevelKey] = e.Name, e.Level
	if !e.Time.IsZero() {
		m[slog.TimeKey] = e.Time
	}
	return m
}

func group(attrs []slog.Attr) map[string]any {
	m := map[string]any{}
	for _, a := range attrs {
		if m[a.Key] = a.Value.Any(); a.Value.Kind() == slog.KindGroup {
			m[a.Key] = group(a.Value.Group())
		}
	}
	return m
}

// TestTee: the function gets each event with its context before the call that logs returns,
// also those whose level the log leaves out.
func TestTee(t *testing.T) {
	type key struct{}
	var log bytes.Buffer
	var got []events.Event
	logger := events.Tee(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn, AddSource: true})), func(ctx context.Context, e events.Event) {
		if ctx.Value(key{}) != "request" {
			t.Errorf("%s: the context is not that of the call", e.Name)
		}
		got = append(got, e)
	})
	ctx := context.WithValue(t.Context(), key{}, "request")
	logger.InfoContext(ctx, "authn_login_success", "user_id", "u1", slog.Group("client", "ip", "192.0.2.1"))
	logger.With("function", "login").WithGroup("request").WarnContext(ctx, "malicious_cors", "path", "/login")
	if h := logger.Handler(); h.WithGroup("") != h {
		t.Error("a group without a name is one")
	}
	_, file, _, _ := runtime.Caller(0)
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	if e := got[0]; e.Name != "authn_login_success" || e.Level != slog.LevelInfo || e.Time.IsZero() || e.Value("user_id").String() != "u1" || e.Value("nothing").Any() != nil {
		t.Errorf("the first is %+v", e)
	}
	want := map[string]any{"function": "login", "request": map[string]any{"path": "/login"}}
	if e := got[1]; e.Level != slog.LevelWarn || !reflect.DeepEqual(group(e.Attrs), want) {
		t.Errorf("the second is %+v", e)
	}
	if text := log.String(); strings.Contains(text, "authn_login_success") || !strings.Contains(text, "function=login request.path=/login") || !strings.Contains(text, "source="+file+":") {
		t.Errorf("the log is %s", text)
	}
}

// TestPanic: a function that panics loses its event, and says so in the log. The call that
// logs returns.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	logger := events.Tee(slog.New(slog.NewTextHandler(&log, nil)), func(context.Context, events.Event) { panic("the queue is gone") })
	logger.InfoContext(t.Context(), "authn_login_success", "user_id", "u1")
	logger.InfoContext(t.Context(), "session_end")
	for _, line := range []string{"msg=authn_login_success user_id=u1", `msg=event_lost event=authn_login_success panic="the queue is gone" stack=`, "msg=session_end", "event=session_end"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, &log)
		}
	}
}

// TestTeeAtOnce: loggers made of one another share nothing that a call changes.
func TestTeeAtOnce(t *testing.T) {
	var mu sync.Mutex
	got := map[string]int{}
	base := events.Tee(slog.New(slog.DiscardHandler), func(_ context.Context, e events.Event) {
		mu.Lock()
		defer mu.Unlock()
		got[e.Value("base").String()+e.Value("n").String()]++
	}).With("base", "b").With("more", 1).With("spare", 1) // append leaves room for a fourth
	var wg sync.WaitGroup
	loggers := map[string]*slog.Logger{}
	for _, n := range []string{"1", "2", "3", "4"} {
		loggers[n] = base.With("n", n)
	}
	for _, logger := range loggers {
		wg.Go(func() {
			for range 100 {
				logger.Info("event")
			}
		})
	}
	wg.Wait()
	if want := map[string]int{"b1": 100, "b2": 100, "b3": 100, "b4": 100}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}
