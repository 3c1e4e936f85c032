package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
)

// End implements [authn.Converter]. It looks at each value of a cookie that is there with
// several, because each may be the one that somebody else has a copy of, four at most. It
// does not ask whether the password has changed since: to end a session needs no more proof
// than its cookie.
func (b *Bridge) End(r *http.Request) error {
	now := time.Now()
	r = withClient(r)
	var ends []func() error
	for _, s := range b.sources {
		all, err := s.combinations(r)
		if err != nil {
			return err
		}
		for _, cookies := range all {
			ends = append(ends, func() error {
				c, refused, err := s.open(r.Context(), cookies, now)
				switch {
				case err != nil:
					return err
				case refused == nil:
					return b.end(r, c)
				case c.linkID != "":
					return b.endGone(r, c)
				}
				return nil
			})
		}
	}
	return atOnce(ends...)
}

// end spends the claim, and ends the session that it has become, also one that is being made
// now: that one's Confirm sees the link, or its key is in the link.
func (b *Bridge) end(r *http.Request, c claim) error {
	ctx := session.WithClient(r.Context(), r)
	if c.Identity == "" { // a copy may have other bytes, and so another link
		if err := seal(ctx, b.store, c.userID); err != nil {
			return err
		}
	}
	ended, err := b.endLink(ctx, c)
	if err != nil {
		return err
	}
	if err := c.endRow(ctx); err != nil {
		return err
	}
	b.logEnd(ctx, c, ended)
	return nil
}

// endGone ends what a session has become that the monolith does not have any more, because a
// conversion has deleted its row: perhaps that of somebody who has stolen the cookie. The
// cookie is as good a proof as it was then. Without a link nothing is written: it would fill
// the store with sessions that never were.
func (b *Bridge) endGone(r *http.Request, c claim) error {
	ctx := session.WithClient(r.Context(), r)
	_, err := b.store.GetLink(ctx, c.linkID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bridge: source %q: reading the link: %w", c.source.Name, err)
	}
	ended, err := b.endLink(ctx, c)
	if err != nil {
		return err
	}
	b.logEnd(ctx, c, ended)
	return nil
}

// logEnd logs the end of the claim, with the ID of the session that it had become.
func (b *Bridge) logEnd(ctx context.Context, c claim, sessionID string) {
	args := []any{"source", c.source.Name}
	if c.userID != "" {
		args = append(args, "user_id", c.userID)
	}
	if sessionID != "" {
		args = append(args, "session_id", sessionID)
	}
	events.Log(ctx, b.logger, "legacy_session_ended", args...)
}

// endLink ends the link of the claim, and then the session that it names, if one is there. It
// returns the ID of that session.
func (b *Bridge) endLink(ctx context.Context, c claim) (sessionID string, err error) {
	before, err := b.store.EndLink(ctx, Link{ID: c.linkID, Nonce: rand.Text(), Source: c.source.Name, At: time.Now()})
	if err != nil {
		return "", fmt.Errorf("bridge: source %q: ending the link: %w", c.source.Name, err)
	}
	if before.Session == (session.Key{}) {
		return "", nil
	}
	err = b.sessions.RevokeKey(session.WithCause(ctx, session.Cause{Reason: "logout"}), before.Session)
	if err != nil && !errors.Is(err, session.ErrNoSession) {
		return "", err
	}
	return before.Session.ID, nil
}
