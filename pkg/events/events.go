// Package events passes what happens in Coatcheck on to one function, beside the log: for
// programs that send security events elsewhere, count them, or write to somebody whose
// account was used on a new device.
//
// Every part of Coatcheck logs its events by a logger that the program may pass, and names
// them as OWASP's Logging Vocabulary Cheat Sheet does where it has a name, such as
// authn_login_success. Give all parts the logger of [Tee], or make it the default one, by
// [slog.SetDefault], before the parts are made. Do not make the default one of a logger that
// writes by package log, as the one that Go begins with: SetDefault has package log write to
// the default logger, and so the first line would wait for itself for ever. Take one of
// [slog.NewJSONHandler] or the like.
//
// This package may still change in ways that break programs.
package events

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"
)

// Event is something that has happened. It has no token and no password.
type Event struct {
	Name  string     // the message of the line in the log, such as authn_login_success
	Level slog.Level // slog.LevelWarn for what somebody should look at
	Time  time.Time  // when it happened

	// Attrs are what the event is about, such as user_id, in the order of the line. Values are
	// resolved ([slog.Value.Resolve]). A group is one Attr, whose value is of
	// [slog.KindGroup].
	Attrs []slog.Attr
}

// Value returns the value of the attribute with that name, which is in no group, or the zero
// Value if there is none.
func (e Event) Value(name string) slog.Value {
	if i := slices.IndexFunc(e.Attrs, func(a slog.Attr) bool { return a.Key == name }); i >= 0 {
		return e.Attrs[i].Value
	}
	return slog.Value{}
}

// Tee returns a logger that writes the lines that l writes, and calls f with the event of each
// line, also of those whose level l leaves out. f gets the context of the call that logs, which
// for an event of a request is derived from the request's. Attributes and groups that l has
// are in its lines alone; those that the returned logger gets by With are in both.
//
// The call that logs waits for f, and so does the request: on Lambda the process stands still
// once the answer is sent, and what f left running would be late or lost. So f should be
// quick, as a write to a queue or to a connection that is open. It must be safe for
// concurrent use, and must not log by the logger that Tee returns. A panic of f is logged by
// l as event_lost, and the request goes on.
func Tee(l *slog.Logger, f func(context.Context, Event)) *slog.Logger {
	return slog.New(&handler{log: l.Handler(), f: f})
}

// handler is a [slog.Handler].
type handler struct {
	log    slog.Handler
	f      func(context.Context, Event)
	scopes []scope // what WithGroup and WithAttrs were called with, in their order
}

// scope is a group that begins, or attributes.
type scope struct {
	group string
	attrs []slog.Attr
}

func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(h.log.WithAttrs(attrs), scope{attrs: attrs})
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(h.log.WithGroup(name), scope{group: name})
}

func (h *handler) with(log slog.Handler, s scope) *handler {
	return &handler{log, h.f, append(slices.Clip(h.scopes), s)}
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var err error
	if h.log.Enabled(ctx, r.Level) {
		err = h.log.Handle(ctx, r.Clone())
	}
	h.tell(ctx, r)
	return err
}

// tell calls f with the event of the record.
func (h *handler) tell(ctx context.Context, r slog.Record) {
	defer func() {
		if p := recover(); p != nil {
			slog.New(h.log).ErrorContext(ctx, "event_lost", "event", r.Message, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	h.f(ctx, Event{r.Message, r.Level, r.Time, h.attrsOf(r)})
}

// attrsOf returns the attributes of the record and those of the logger, in their groups.
func (h *handler) attrsOf(r slog.Record) (attrs []slog.Attr) {
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for _, s := range slices.Backward(h.scopes) {
		if s.group != "" {
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
		} else {
			attrs = slices.Concat(s.attrs, attrs)
		}
	}
	return tidy(attrs)
}

// tidy returns the attributes as a [slog.Handler] has to show them: with resolved values,
// without what is empty, and with the content of a group that has no name in its place.
func tidy(attrs []slog.Attr) (shown []slog.Attr) {
	for _, a := range attrs {
		a.Value = a.Value.Resolve()
		if a.Value.Kind() != slog.KindGroup {
			if !a.Equal(slog.Attr{}) {
				shown = append(shown, a)
			}
			continue
		}
		switch inside := tidy(a.Value.Group()); {
		case a.Key == "":
			shown = append(shown, inside...)
		case len(inside) > 0:
			shown = append(shown, slog.Attr{Key: a.Key, Value: slog.GroupValue(inside...)})
		}
	}
	return shown
}
