package session

import (
	"cmp"
	"context"
	"net/http"
)

// Cause says why sessions end, for the event session_ended.
type Cause struct {
	// Reason is a word such as disabled. The default is revoked, and password_changed for
	// ReauthenticateAlone.
	Reason string

	// Actor is who ends them, if it is not the user of the session in whose request that
	// happens: an operator.
	Actor string
}

type causeKey struct{}

// WithCause returns a context in which Revoke, RevokeKey, RevokeAll and ReauthenticateAlone
// end sessions for the cause. It changes nothing but what is logged.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, c)
}

func causeIn(ctx context.Context) Cause {
	c, _ := ctx.Value(causeKey{}).(Cause)
	return c
}

// ending is why a session ends, as the log tells it.
type ending struct {
	reason, actor string
	by            string // the ID of the session in whose request it ends, or that replaces it
}

// ending returns c with what holds where c says nothing. If there is an actor, by counts
// for nothing.
func (c Cause) ending(reason, by string) ending {
	e := ending{reason: cmp.Or(c.Reason, reason), actor: c.Actor}
	if e.actor == "" {
		e.by = by
	}
	return e
}

// endingIn returns why a session ends that is revoked with ctx.
func (m *Manager) endingIn(ctx context.Context) ending {
	by := ""
	if s, _ := m.in(ctx).current(); s != nil {
		by = s.ID
	}
	return causeIn(ctx).ending("revoked", by)
}

func (e ending) args() []any {
	args := []any{"reason", e.reason}
	if e.by != "" {
		args = append(args, "by_session_id", e.by)
	}
	if e.actor != "" {
		args = append(args, "actor", e.actor)
	}
	return args
}

// WithClient returns a context whose events have the address and the browser of r's client.
// Create, Destroy, Load and Redeem do that by themselves, and so do all calls with the context
// of a request behind [Manager.Require], [Manager.RequireRole], [Manager.RequireRecent] and
// [Manager.Optional]. Use it for other calls that a request asks for, such as
// [Manager.RevokeKey].
func WithClient(ctx context.Context, r *http.Request) context.Context {
	return &request{Context: ctx, client: r}
}

// clientIn returns the request whose client has asked for what is done with ctx, or nil.
func clientIn(ctx context.Context) *http.Request {
	for q := innermost(ctx); q != nil; q = q.outer() {
		if q.client != nil {
			return q.client
		}
	}
	return nil
}

// clientArgs returns the address and the browser of r's client, as an event has them. A nil r
// has neither.
func clientArgs(r *http.Request) (args []any) {
	if r == nil {
		return nil
	}
	if ip := clientIP(r); ip != "" {
		args = append(args, "ip", ip)
	}
	if browser := userAgent(r); browser != "" {
		args = append(args, "user_agent", browser)
	}
	return args
}
