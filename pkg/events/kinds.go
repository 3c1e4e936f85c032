package events

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Kind is what every event with one name has in common. docs/events.md lists all kinds.
type Kind struct {
	Name  string     // as OWASP's Logging Vocabulary Cheat Sheet has it, where it has one
	Level slog.Level // of every event of this kind

	// Fields are the attributes that an event of this kind may have. Which of them it has
	// depends on what is known: work that no request asked for has no ip.
	Fields []string

	// Reasons are the values that the attribute reason may have; none if there is no such
	// attribute. So what counts events by their reason counts few things.
	Reasons []string

	When string // when it happens and what it means, for people

	// Kept reports whether package audit keeps events of this kind, each under its user_id.
	Kept bool
}

// Kinds returns every kind of event that Coatcheck logs, by name.
func Kinds() []Kind { return slices.Clone(kinds) }

// Find returns the kind with that name, and whether there is one.
func Find(name string) (Kind, bool) {
	i, found := slices.BinarySearchFunc(kinds, name, func(k Kind, name string) int { return strings.Compare(k.Name, name) })
	if !found {
		return Kind{}, false
	}
	return kinds[i], true
}

// Client is who sent the request in which something happens.
type Client struct {
	IP        string // the address, in one spelling
	UserAgent string // the header of that name
}

// maxUserAgent is how much of a User-Agent an event has, in bytes.
const maxUserAgent = 256

type clientKey struct{}

// WithClient returns a context whose events are of c: [Log] adds its address and browser. Of
// UserAgent it keeps the first 256 bytes, without control characters and what is no UTF-8.
func WithClient(ctx context.Context, c Client) context.Context {
	c.UserAgent = printable(c.UserAgent[:min(len(c.UserAgent), maxUserAgent)])
	return &clientContext{ctx, c}
}

// clientContext is a context with a client. It takes one allocation, and context.WithValue
// two: there is one for each request.
type clientContext struct {
	context.Context
	client Client
}

// Value implements [context.Context].
func (c *clientContext) Value(key any) any {
	if key == (clientKey{}) {
		return &c.client
	}
	return c.Context.Value(key)
}

// String keeps the client out of a log that prints the context.
func (c *clientContext) String() string { return fmt.Sprintf("%v.WithClient", c.Context) }

func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, ""))
}

// ClientOf returns the client of the context, or the zero Client for work that no request
// asked for.
func ClientOf(ctx context.Context) Client {
	if c, ok := ctx.Value(clientKey{}).(*Client); ok {
		return *c
	}
	return Client{}
}

// Log logs an event by l, at the level of its kind, with args as [slog.Logger.Log] takes
// them, and with ip and user_agent of the context's client if the kind has these fields. So
// args have neither. A name that is no kind's is logged at [slog.LevelInfo], without them.
func Log(ctx context.Context, l *slog.Logger, name string, args ...any) {
	kind, _ := Find(name)
	if !l.Enabled(ctx, kind.Level) {
		return
	}
	var caller [1]uintptr
	runtime.Callers(2, caller[:]) // a logger that tells the source shall tell who called Log
	r := slog.NewRecord(time.Now(), kind.Level, name, caller[0])
	r.Add(args...)
	client := ClientOf(ctx)
	if client.IP != "" && slices.Contains(kind.Fields, "ip") {
		r.Add("ip", client.IP)
	}
	if client.UserAgent != "" && slices.Contains(kind.Fields, "user_agent") {
		r.Add("user_agent", client.UserAgent)
	}
	_ = l.Handler().Handle(ctx, r) // as slog does: a log that cannot be written stops nothing
}
