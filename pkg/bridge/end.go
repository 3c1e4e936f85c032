package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/session"
)

// End implements [authn.Converter]. It looks at each value of a cookie that is there with
// several, because each may be the one that somebody else has a copy of, four at most. It does not ask whether the password has changed
// since: to end a session needs no more proof than its cookie.
func (b *Bridge) End(r *http.Request) error {
	now := time.Now()
	var ends []func() error
	for _, s := range b.sources {
		all, err := s.combinations(r)
		if err != nil {
			return err
		}
		for _, cookies := range all {
			ends = append(ends, func() error {
				c, refused, err := s.open(r.Context(), cookies, now)
				if refused != nil || err != nil {
					return err
				}
				return b.end(r, c)
			})
		}
	}
	return atOnce(ends...)
}

// end spends the claim, and ends the session that it has become, also one that is being made
// now: that one's Confirm sees the link, or its key is in the link.
func (b *Bridge) end(r *http.Request, c claim) error {
	ctx := r.Context()
	if c.Identity == "" { // a copy may have other bytes, and so another link
		if err := seal(ctx, b.store, c.userID); err != nil {
			return err
		}
	}
	before, err := b.store.EndLink(ctx, Link{ID: c.linkID, Nonce: rand.Text(), Source: c.source.Name, At: time.Now()})
	if err != nil {
		return fmt.Errorf("bridge: source %q: ending the link: %w", c.source.Name, err)
	}
	if err := b.revoke(ctx, c.userID, before.Session); err != nil {
		return err
	}
	if err := c.endRow(ctx); err != nil {
		return err
	}
	slog.InfoContext(ctx, "legacy_session_ended", "source", c.source.Name, "user_id", c.userID, "ip", clientip.Of(r))
	return nil
}

// revoke ends the session that a link names, if it names one that is there.
func (b *Bridge) revoke(ctx context.Context, userID string, key session.Key) error {
	if key == (session.Key{}) {
		return nil
	}
	if err := b.sessions.Revoke(ctx, userID, key.ID); err != nil && !errors.Is(err, session.ErrNoSession) {
		return err
	}
	return nil
}
