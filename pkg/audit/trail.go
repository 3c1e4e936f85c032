package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/events"
)

// Config says what a trail is like.
type Config struct {
	Retention time.Duration // how long an entry is kept; the default is 400 days
	Logger    *slog.Logger  // gets audit_failed; nil means the default logger
}

// Trail takes events and appends those that are kept. Make one with [NewTrail]. It is safe
// for concurrent use.
type Trail struct {
	writer Writer
	config Config

	mu    sync.Mutex
	lost  int   // entries that could not be appended outside of Handler
	first error // why the first of them could not
}

// NewTrail returns a Trail that appends to w.
func NewTrail(w Writer, c Config) *Trail {
	return &Trail{writer: w, config: Config{cmp.Or(c.Retention, 400*24*time.Hour), cmp.Or(c.Logger, slog.Default())}}
}

// Tee returns a logger that writes what l writes, and gives the events to the trail: those
// that package events calls kept, if they have a user_id, also in a group. In a request that [Trail.Handler]
// serves, the entry is appended beside what the request does next. Elsewhere the call that
// logs waits until it is appended, for [Trail.Err] to tell.
//
// Tee does not stop at the end of the event's context: what has happened is kept, also if
// the client has hung up meanwhile.
func (t *Trail) Tee(l *slog.Logger) *slog.Logger { return events.Tee(l, t.take) }

// Err returns an error that says how many entries could not be appended outside of
// requests, and why the first of them could not, or nil if all were. It is for a command,
// which has done something and must say that it stands nowhere.
func (t *Trail) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost == 0 {
		return nil
	}
	return fmt.Errorf("entries of the audit trail that could not be written: %d; the first: %w", t.lost, t.first)
}

func (t *Trail) take(ctx context.Context, e events.Event) {
	kind, _ := events.Find(e.Name)
	if !kind.Kept {
		return
	}
	entry := t.newEntry(ctx, e)
	if entry.UserID == "" {
		return
	}
	if r, ok := ctx.Value(requestKey{t}).(*request); ok && r.append(entry) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := t.append(ctx, entry); err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.lost++
		t.first = cmp.Or(t.first, err)
	}
}

// newEntry returns the entry of an event.
func (t *Trail) newEntry(ctx context.Context, e events.Event) Entry {
	client := events.ClientOf(ctx)
	at := e.Time
	if at.IsZero() {
		at = time.Now()
	}
	at = at.UTC().Truncate(time.Millisecond)
	entry := Entry{At: at, ID: newID(), Event: e.Name, IP: client.IP, UserAgent: client.UserAgent, ExpiresAt: at.Add(t.config.Retention).Truncate(time.Second)}
	fields := map[string]*string{
		"user_id": &entry.UserID, "session_id": &entry.SessionID, "ip": &entry.IP, "user_agent": &entry.UserAgent,
		"reason": &entry.Reason, "actor": &entry.Actor,
	}
	for _, a := range flat(e.Attrs) {
		text := textOf(a.Value)
		if field, known := fields[a.Key]; known {
			*field = text
		} else if text != "" {
			if entry.Details == nil {
				entry.Details = map[string]string{}
			}
			entry.Details[a.Key] = text
		}
	}
	return entry
}

func newID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// flat returns the attributes as if none was in a group. No event that is kept has a group of
// its own, so each is one that a program has given its logger by WithGroup. The attributes of
// the event come last, after those that a logger got by With.
func flat(attrs []slog.Attr) (all []slog.Attr) {
	for _, a := range attrs {
		if a.Value.Kind() == slog.KindGroup {
			all = append(all, flat(a.Value.Group())...)
		} else {
			all = append(all, a)
		}
	}
	return all
}

// maxValue is how many bytes of a value an entry keeps. No value that comes from outside is
// longer; with it, an entry has a few KB at most.
const maxValue = 1024

// textOf returns a value as text that every store takes, "" if it is nil.
func textOf(v slog.Value) string {
	if v.Equal(slog.Value{}) {
		return ""
	}
	text := v.String()
	if v.Kind() == slog.KindTime {
		text = v.Time().UTC().Format(time.RFC3339Nano)
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), maxValue)], ""), "\x00", "")
}

// append appends an entry, and logs audit_failed if that fails. The log is that of the
// Config, which this Trail takes nothing from; and audit_failed is not kept.
func (t *Trail) append(ctx context.Context, e Entry) (err error) {
	defer func() {
		if p := recover(); p != nil { // in a goroutine of ours, it would end the program
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil {
			events.Log(ctx, t.config.Logger, "audit_failed", "event", e.Event, "user_id", e.UserID, "session_id", e.SessionID, "error", err.Error())
		}
	}()
	return t.writer.Append(ctx, e)
}

// patience is how long an entry may take that is appended outside of a request, and how long
// a request waits for its entries after all else is done. A call that hangs for two seconds
// can be tried again in it. On Lambda, where the handler has eight seconds of ten, a request
// waits until its context ends, if that is earlier.
const patience = 3 * time.Second

// maxWriters is how many entries of one request are appended at the same time. As many
// sessions end at the same time.
const maxWriters = 16

// Handler returns a handler whose answer ends when what has happened in the request is
// appended: on Lambda the process stands still once the answer is sent, and what were left
// would be late or lost. It waits for that three seconds at most. An entry that cannot be
// appended is logged as audit_failed, and the answer is what it would have been.
func (t *Trail) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		q := &request{trail: t, ctx: ctx, cancel: cancel}
		defer q.wait(r.Context()) // also after a panic
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{t}, q)))
	})
}

// requestKey is the key of a *request in a context.
type requestKey struct{ *Trail }

// request appends the entries of one request.
type request struct {
	trail  *Trail
	ctx    context.Context // of the request, but goes on when the client hangs up
	cancel context.CancelFunc

	mu      sync.Mutex
	queue   []Entry
	writers int
	ended   bool // nobody waits for the writers any more
	done    sync.WaitGroup
}

// append lets an entry be appended, and reports whether the request waits for that.
func (r *request) append(e Entry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	r.queue = append(r.queue, e)
	if r.writers < maxWriters {
		r.writers++
		r.done.Go(r.write)
	}
	return true
}

// write appends entries until none is left.
func (r *request) write() {
	for e, ok := r.next(); ok; e, ok = r.next() {
		r.trail.append(r.ctx, e) // which logs its error
	}
}

func (r *request) next() (e Entry, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.writers--
		return e, false
	}
	e, r.queue = r.queue[0], r.queue[1:]
	return e, true
}

// wait waits until all entries are appended, or have failed.
func (r *request) wait(ctx context.Context) {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	left := patience
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	defer time.AfterFunc(left, r.cancel).Stop()
	r.done.Wait()
}
