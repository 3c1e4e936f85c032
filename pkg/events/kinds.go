package events

import (
	"context"
	"log/slog"
	"slices"
)

// Kind is what every event with one name has in common. docs/events.md lists all kinds.
type Kind struct {
	Name  string     // as OWASP's Logging Vocabulary Cheat Sheet has it, where it has one
	Level slog.Level // of every event of this kind

	// Fields are the attributes that an event of this kind may have. Which of them it has
	// depends on what is known: work that no request asked for has no ip.
	Fields []string

	When string // when it happens and what it means, for people

	// Kept reports whether package audit keeps events of this kind, each under its user_id.
	Kept bool
}

// Kinds returns every kind of event that Coatcheck logs, by name.
func Kinds() []Kind { return slices.Clone(kinds) }

// Find returns the kind with that name, and whether there is one.
func Find(name string) (Kind, bool) {
	i, found := slices.BinarySearchFunc(kinds, name, func(k Kind, name string) int {
		switch {
		case k.Name < name:
			return -1
		case k.Name > name:
			return 1
		}
		return 0
	})
	if !found {
		return Kind{}, false
	}
	return kinds[i], true
}

// kinds are sorted by name.
var kinds = []Kind{
	{Name: "authn_login_success", Level: slog.LevelInfo, Kept: true, Fields: []string{"user_id", "session_id", "ip", "user_agent"}, When: "Somebody signed in."},
}

// Client is who sent the request in which something happens.
type Client struct{ IP, UserAgent string }

type clientKey struct{}

// WithClient returns a context whose events are of c: [Log] adds its address and browser.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientOf returns the client of the context, or the zero Client for work that no request
// asked for.
func ClientOf(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// Log logs an event by l, at the level of its kind, with args as [slog.Logger.Log] takes
// them, and with ip and user_agent of the context's client if the kind has these fields.
func Log(ctx context.Context, l *slog.Logger, name string, args ...any) {
	kind, _ := Find(name)
	client := ClientOf(ctx)
	if client.IP != "" && slices.Contains(kind.Fields, "ip") {
		args = append(args, "ip", client.IP)
	}
	if client.UserAgent != "" && slices.Contains(kind.Fields, "user_agent") {
		args = append(args, "user_agent", client.UserAgent)
	}
	l.Log(ctx, kind.Level, name, args...)
}
