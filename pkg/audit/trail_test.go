package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/events"
)

// recorder is a Writer for tests. A call waits until open is closed, if there is one, or its
// context ends; and then it fails with err, if there is one.
type recorder struct {
	mu      sync.Mutex
	entries []audit.Entry
	calls   int
	now     int // calls that wait
	most    int // calls that have waited at the same time

	open  chan struct{}
	err   error
	panic any
}

func (w *recorder) Append(ctx context.Context, e audit.Entry) error {
	w.mu.Lock()
	w.calls++
	w.now++
	w.most = max(w.most, w.now)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.now--
		w.mu.Unlock()
	}()
	if w.open != nil {
		select {
		case <-w.open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if w.panic != nil {
		panic(w.panic)
	}
	if err := errors.Join(w.err, ctx.Err()); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
	return nil
}

func (w *recorder) all() []audit.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entries
}

// underWay returns how many calls wait.
func (w *recorder) underWay() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// fixture is a trail and the logger that gives it its events.
type fixture struct {
	*recorder
	*audit.Trail
	events *slog.Logger
	log    *bytes.Buffer // what goes wrong
}

func newFixture(w *recorder) fixture {
	var log bytes.Buffer
	trail := audit.NewTrail(w, audit.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	return fixture{w, trail, trail.Tee(slog.New(slog.DiscardHandler)), &log}
}

// serve has the handler answer one request, and returns what it has written.
func (f fixture) serve(ctx context.Context, h http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.Handler(h).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/login", nil).WithContext(ctx))
	return w
}

func (f fixture) signIn(ctx context.Context, userID string) {
	f.events.InfoContext(ctx, "authn_login_success", "user_id", userID, "session_id", "s1")
}

// An entry has what the event says, and of the client what the event does not.
func TestEntry(t *testing.T) {
	f := newFixture(&recorder{})
	ctx := events.WithClient(t.Context(), events.Client{IP: "192.0.2.7", UserAgent: "curl/8"})
	for _, tt := range []struct {
		args []any
		want *audit.Entry
	}{
		{[]any{"user_id", "u1", "session_id", "s1", "reason", "logout", "actor", "arn:ops"},
			&audit.Entry{SessionID: "s1", IP: "192.0.2.7", UserAgent: "curl/8", Reason: "logout", Actor: "arn:ops"}},
		{[]any{"user_id", "u1", "ip", "2001:db8::1", "user_agent", "Firefox", "new_device", true, "failures", 3, "at", time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))},
			&audit.Entry{IP: "2001:db8::1", UserAgent: "Firefox", Details: map[string]string{"new_device": "true", "failures": "3", "at": "2026-01-02T02:04:05Z"}}},
		{[]any{"user_id", "u1", "before", "a\xffb\x00c", "none", "", "after", strings.Repeat("x", 2000)},
			&audit.Entry{IP: "192.0.2.7", UserAgent: "curl/8", Details: map[string]string{"before": "abc", "after": strings.Repeat("x", 1024)}}},
		{[]any{"session_id", "s1"}, nil},
		{[]any{"user_id", ""}, nil},
	} {
		f.entries = nil
		began := time.Now().Truncate(time.Millisecond)
		f.events.InfoContext(ctx, "authn_login_success", tt.args...)
		if tt.want == nil {
			if len(f.entries) != 0 {
				t.Errorf("%v is kept as %+v", tt.args, f.entries)
			}
			continue
		}
		if len(f.entries) != 1 {
			t.Fatalf("%v: %d entries", tt.args, len(f.entries))
		}
		got := f.entries[0]
		if got.At.Before(began) || !got.At.Equal(got.At.Truncate(time.Millisecond)) || got.At.Location() != time.UTC || got.ExpiresAt != got.At.Add(400*24*time.Hour).Truncate(time.Second) {
			t.Errorf("%v: at %v, expires %v", tt.args, got.At, got.ExpiresAt)
		}
		tt.want.UserID, tt.want.Event, tt.want.At, tt.want.ID, tt.want.ExpiresAt = "u1", "authn_login_success", got.At, got.ID, got.ExpiresAt
		if !reflect.DeepEqual(got, *tt.want) {
			t.Errorf("%v: got %+v, want %+v", tt.args, got, *tt.want)
		}
		if at, id, err := audit.ParseKey(got.Key()); at != got.At || id != got.ID || err != nil {
			t.Errorf("the key %s is parsed as %v, %s, %v", got.Key(), at, id, err)
		}
	}
	f.entries = nil
	f.events.InfoContext(ctx, "session_expired", "user_id", "u1")
	f.events.InfoContext(ctx, "something else", "user_id", "u1")
	f.signIn(ctx, "u1")
	f.signIn(ctx, "u1")
	if len(f.entries) != 2 || f.entries[0].ID == f.entries[1].ID || f.Err() != nil || f.log.Len() > 0 {
		t.Errorf("entries %+v; %v; the log: %s", f.entries, f.Err(), f.log)
	}
}

// A logger that a program has given attributes and groups keeps the same: an attribute of the
// event counts, and not one of the logger that has its name.
func TestEntryOfALoggerWithGroups(t *testing.T) {
	f := newFixture(&recorder{})
	logger := f.events.With("service", "shop", "user_id", "the service").WithGroup("coatcheck").With("reason", "none", "zone", nil).WithGroup("session")
	logger.InfoContext(t.Context(), "session_ended", "user_id", "u1", "session_id", "s1", "reason", "logout")
	if len(f.entries) != 1 {
		t.Fatalf("%d entries", len(f.entries))
	}
	e := f.entries[0]
	if e.UserID != "u1" || e.SessionID != "s1" || e.Reason != "logout" || !reflect.DeepEqual(e.Details, map[string]string{"service": "shop"}) {
		t.Errorf("got %+v", e)
	}
}

func TestParseKey(t *testing.T) {
	for _, bad := range []string{
		"", "#", "2026-11-27T12:30:45.678Z", "2026-11-27T12:30:45.678Z#short", "2026-11-27T12:30:45Z#AAAAAAAAAAAAAAAAAAAAAA",
		"2026-11-27T12:30:45.678+01:00#AAAAAAAAAAAAAAAAAAAAAA", "2026-13-27T12:30:45.678Z#AAAAAAAAAAAAAAAAAAAAAA",
	} {
		if _, _, err := audit.ParseKey(bad); err == nil || !strings.Contains(err.Error(), "is not the key of an entry") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// An entry is written beside what the request does next, and the answer waits for it.
func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(&recorder{open: make(chan struct{})})
		var answered, went atomic.Bool // synctest.Wait alone does not satisfy the race detector
		ctx, hangUp := context.WithCancel(t.Context())
		go func() {
			f.serve(ctx, func(_ http.ResponseWriter, r *http.Request) {
				f.signIn(r.Context(), "u1")
				went.Store(true)
			})
			answered.Store(true)
		}()
		synctest.Wait()
		if !went.Load() || answered.Load() || f.underWay() != 1 {
			t.Errorf("the request went on: %v; the answer was sent: %v; writes under way: %d", went.Load(), answered.Load(), f.underWay())
		}
		hangUp() // the client waits no longer
		time.Sleep(2 * time.Second)
		close(f.open)
		synctest.Wait()
		if !answered.Load() || len(f.all()) != 1 || f.Err() != nil || f.log.Len() > 0 {
			t.Errorf("the answer was sent: %v; %d entries; %v; log %s", answered.Load(), len(f.all()), f.Err(), f.log)
		}
	})
}

// Nothing of a request is lost, however much it is, and no more writes go on at once than
// sessions end.
func TestMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(&recorder{open: make(chan struct{})})
		go func() {
			synctest.Wait()
			close(f.open)
		}()
		f.serve(t.Context(), func(_ http.ResponseWriter, r *http.Request) {
			var all sync.WaitGroup
			for range 500 {
				all.Go(func() { f.signIn(r.Context(), "u1") })
			}
			all.Wait()
		})
		if len(f.entries) != 500 || f.most != 16 {
			t.Errorf("%d entries, %d at once; want 500 and 16", len(f.entries), f.most)
		}
	})
}

// In a request that lasts, entries are written however many were before, and none waits for
// the end of the request.
func TestManyAfterEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(&recorder{})
		f.serve(t.Context(), func(_ http.ResponseWriter, r *http.Request) {
			for n := range 40 {
				f.signIn(r.Context(), "u1")
				synctest.Wait()
				if got := len(f.all()); got != n+1 {
					t.Fatalf("%d entries, want %d", got, n+1)
				}
			}
		})
	})
}

// An entry is kept as long as the Config says. What goes wrong is in the default logger if it
// names none, and a record without a time happened now.
func TestConfig(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	w := &recorder{}
	trail := audit.NewTrail(w, audit.Config{Retention: 30 * 24 * time.Hour})
	began := time.Now().Truncate(time.Millisecond)
	record := slog.NewRecord(time.Time{}, slog.LevelInfo, "authn_login_success", 0)
	record.Add("user_id", "u1")
	logger := trail.Tee(slog.New(slog.DiscardHandler))
	if err := logger.Handler().Handle(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if len(w.entries) != 1 || w.entries[0].At.Before(began) || !w.entries[0].ExpiresAt.Equal(w.entries[0].At.Add(30*24*time.Hour).Truncate(time.Second)) {
		t.Errorf("kept %+v", w.entries)
	}
	w.err = errors.New("no such table")
	logger.Info("authn_login_success", "user_id", "u1")
	if !strings.Contains(log.String(), "msg=audit_failed") {
		t.Errorf("the log is %s", &log)
	}
}

// A trail that fails in any way leaves the answer as it is, delays it by three seconds at
// most, and says what is lost.
func TestFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		writer *recorder
		left   time.Duration // until the request's context ends; 0 means that it does not
		waits  time.Duration
		says   string
	}{
		"refused":          {&recorder{err: errors.New("no such table")}, 0, 0, "no such table"},
		"panic":            {&recorder{panic: "no map"}, 0, 0, "panic: no map"},
		"hangs":            {&recorder{open: make(chan struct{})}, 0, 3 * time.Second, "context canceled"},
		"hangs on Lambda":  {&recorder{open: make(chan struct{})}, 2 * time.Second, 2 * time.Second, "context canceled"},
		"comes after that": {&recorder{open: make(chan struct{})}, time.Nanosecond, time.Nanosecond, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.writer.open != nil {
					tt.writer.open = make(chan struct{})
				}
				f, ctx, began := newFixture(tt.writer), t.Context(), time.Now()
				if tt.left > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.left)
					defer cancel()
				}
				w := f.serve(ctx, func(w http.ResponseWriter, r *http.Request) {
					for range 20 {
						f.signIn(r.Context(), "u1")
					}
					w.WriteHeader(http.StatusSeeOther)
				})
				if waited := time.Since(began); waited != tt.waits || w.Code != http.StatusSeeOther || len(f.entries) > 0 {
					t.Errorf("status %d after %v, want 303 after %v; %d entries", w.Code, waited, tt.waits, len(f.entries))
				}
				line := "level=ERROR msg=audit_failed event=authn_login_success user_id=u1 session_id=s1 error="
				if log := f.log.String(); strings.Count(log, line) != 20 || strings.Count(log, tt.says) != 20 {
					t.Errorf("the log is %s", log)
				}
				if f.Err() != nil {
					t.Errorf("Err = %v, want nil: the log has told it", f.Err())
				}
			})
		})
	}
}

// A handler that panics has still done what it has done before.
func TestPanickingHandler(t *testing.T) {
	f := newFixture(&recorder{})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler || len(f.all()) != 1 {
			t.Errorf("recovered %v with %d entries", v, len(f.all()))
		}
	}()
	f.serve(t.Context(), func(_ http.ResponseWriter, r *http.Request) {
		f.signIn(r.Context(), "u1")
		panic(http.ErrAbortHandler)
	})
}

// What happens in a request's context when the answer is sent is written at once, as what
// no request asked for.
func TestAfterTheAnswer(t *testing.T) {
	f := newFixture(&recorder{})
	var later context.Context
	f.serve(t.Context(), func(_ http.ResponseWriter, r *http.Request) { later = r.Context() })
	f.signIn(later, "u1")
	if len(f.entries) != 1 {
		t.Errorf("%d entries", len(f.entries))
	}
}

// A command learns what could not be written, and an interrupted one still writes.
func TestErr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(&recorder{})
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		f.signIn(ctx, "u1")
		if len(f.entries) != 1 || f.Err() != nil {
			t.Errorf("an interrupted command: %d entries, %v", len(f.entries), f.Err())
		}
		outage := errors.New("no such table")
		f.err = outage
		f.signIn(ctx, "u1")
		f.err, f.open = nil, make(chan struct{})
		began := time.Now()
		f.signIn(ctx, "u1")
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("a call that hangs ended after %v", waited)
		}
		if err := f.Err(); !errors.Is(err, outage) || err.Error() != "entries of the audit trail that could not be written: 2; the first: no such table" {
			t.Errorf("Err = %v", err)
		}
	})
}

// Two trails keep apart: each has all entries, and each waits for its own.
func TestTwoTrails(t *testing.T) {
	outer, inner := newFixture(&recorder{}), newFixture(&recorder{})
	logger := outer.Tee(inner.events)
	outer.serve(t.Context(), func(_ http.ResponseWriter, r *http.Request) {
		inner.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			logger.InfoContext(r.Context(), "authn_login_success", "user_id", "u1")
		})).ServeHTTP(nil, r)
		if len(inner.entries) != 1 {
			t.Errorf("the inner trail has %d entries", len(inner.entries))
		}
	})
	if len(outer.entries) != 1 || len(inner.entries) != 1 {
		t.Errorf("%d and %d entries", len(outer.entries), len(inner.entries))
	}
}
