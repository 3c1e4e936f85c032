package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	// young is how long a conversion may be under way. It is longer than a request may take.
	young = 10 * time.Second

	takeBackTimeout = 500 * time.Millisecond // because the request's own deadline may have passed
	maxData         = 1 << 10                // bytes of the monolith's data in a session, so that there is room for ours
)

// refusal is why a session of the monolith does not become one of ours. It is
// authn.ErrNoClaim to the caller; the reason is for the log.
type refusal struct {
	reason string
	source string
	detail string // of a cookie that the source has rejected
}

func (e refusal) Error() string { return authn.ErrNoClaim.Error() + ": " + e.reason }

func (e refusal) Is(target error) bool {
	return target == authn.ErrNoClaim || target == authn.ErrNobody && e.reason == anonymous
}

// anonymous is the reason of a refusal that is authn.ErrNobody too, and closed that of every
// refusal after the end of the bridge.
const anonymous, closed = "anonymous", "closed"

// Convert implements [authn.Converter]. A request with two different values of one cookie,
// or in which the cookies of several sources prove somebody, is refused: nobody can say who
// its user is.
func (b *Bridge) Convert(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	r = withClient(r)
	ctx := r.Context()
	c, err := b.claim(r)
	if err != nil {
		return nil, b.logged(r, claim{}, err)
	}
	identity, err := b.admit(ctx, c)
	if err != nil {
		return nil, b.logged(r, c, err)
	}
	s, err := b.create(w, r, c, identity)
	if err != nil {
		return nil, b.logged(r, c, err)
	}
	args := []any{"source", c.source.Name, "user_id", s.UserID, "session_id", s.ID}
	if !c.SignedInAt.IsZero() {
		args = append(args, "age_seconds", int(s.LastSeenAt.Sub(c.SignedInAt)/time.Second))
	}
	events.Log(ctx, b.logger, "session_converted", args...)
	return s, nil
}

// withClient returns a request whose events are of its client.
func withClient(r *http.Request) *http.Request {
	return r.WithContext(events.WithClient(r.Context(), events.Client{IP: clientip.Of(r), UserAgent: r.UserAgent()}))
}

// logged logs err if it is a refusal, and returns it.
func (b *Bridge) logged(r *http.Request, c claim, err error) error {
	if refused, ok := errors.AsType[refusal](err); ok {
		args := []any{"source", refused.source, "reason", refused.reason}
		if refused.detail != "" {
			args = append(args, "detail", refused.detail)
		}
		if c.userID != "" {
			args = append(args, "user_id", c.userID)
		}
		events.Log(r.Context(), b.logger, "session_conversion_refused", args...)
	}
	return err
}

// claim returns the one claim in the request. What is not answered by one of the sources is
// an outage, because it may be the one that says who the user is. From the end of the bridge
// on that makes no difference, and the monolith may be switched off.
func (b *Bridge) claim(r *http.Request) (claim, error) {
	now := time.Now()
	claims, refusals := make([]claim, len(b.sources)), make([]error, len(b.sources))
	opens := make([]func() error, len(b.sources))
	for i, s := range b.sources {
		cookies, err := s.single(r)
		if err != nil {
			return claim{}, err
		}
		opens[i] = func() (err error) {
			claims[i], refusals[i], err = s.open(r.Context(), cookies, now)
			return err
		}
	}
	if err := atOnce(opens...); err != nil {
		if b.isOver() {
			return claim{}, refusal{reason: closed}
		}
		return claim{}, err
	}
	var found claim
	for _, c := range claims {
		if c.userID == "" {
			continue
		}
		if found.userID != "" {
			return claim{}, refusal{reason: "several_claims", source: c.source.Name}
		}
		found = c
	}
	if found.userID != "" {
		return found, nil
	}
	return claim{}, firstOf(refusals)
}

// admit returns the user of the claim, if they may go on here now. It changes nothing.
func (b *Bridge) admit(ctx context.Context, c claim) (authn.Identity, error) {
	var window Window
	var seal time.Time
	var hash string
	var identity authn.Identity
	var unidentified error
	err := atOnce(
		func() (err error) { window, err = b.window(ctx); return },
		func() (err error) { seal, err = b.store.GetSeal(ctx, owner(c.userID)); return },
		func() (err error) { hash, err = c.password(ctx); return },
		func() error { identity, unidentified = b.users.Identify(ctx, c.userID); return nil },
	)
	refuse := func(reason string) (authn.Identity, error) {
		return nil, refusal{reason: reason, source: c.source.Name}
	}
	switch {
	case b.isOver():
		return refuse(closed)
	case err != nil:
		return nil, fmt.Errorf("bridge: source %q: %w", c.source.Name, err)
	case window.Closed, !time.Now().Before(window.EndsAt): // the stored end is earlier only if New could not read it
		return refuse(closed)
	case c.sealed(seal):
		return refuse("sealed")
	case errors.Is(unidentified, authn.ErrRefused):
		return refuse("user")
	case unidentified != nil:
		return nil, unidentified
	case identity.User().ID != c.userID:
		return nil, fmt.Errorf("bridge: the user with the ID %q has the ID %q", c.userID, identity.User().ID)
	case identity.Closed():
		return refuse("account_closed")
	}
	if c.source.ImportedPasswords {
		hash = identity.ImportedHash()
	}
	if c.Bound != nil && (hash == "" || !c.Bound(hash)) {
		return refuse("password")
	}
	return identity, nil
}

// isOver reports whether the time of the bridge has come to its end.
func (b *Bridge) isOver() bool { return !time.Now().Before(b.endsAt) }

// password looks up the hash at the monolith, if the claim is bound to one there.
func (c claim) password(ctx context.Context) (string, error) {
	switch {
	case c.Bound == nil, c.source.ImportedPasswords:
		return "", nil
	case c.source.Password == nil:
		return "", errUnbound
	}
	hash, err := c.source.Password(ctx, c.UserID)
	if err != nil {
		return "", fmt.Errorf("looking up the password's hash at the monolith: %w", err)
	}
	return hash, nil
}

// create makes the session. Its link is there before it and names it, so that whoever ends
// the monolith's session meanwhile finds ours. If anything fails, Create discards the
// session, and the link is taken back.
func (b *Bridge) create(w http.ResponseWriter, r *http.Request, c claim, identity authn.Identity) (*session.Session, error) {
	link := Link{ID: c.linkID, Nonce: rand.Text(), Source: c.source.Name}
	announced := false
	user, err := identity.User().SessionUser(r, b.values)
	if errors.Is(err, authn.ErrRefused) {
		return nil, refusal{reason: "values", source: c.source.Name}
	}
	if err != nil {
		return nil, err
	}
	b.complete(r.Context(), c, &user)
	user.Announce = func(ctx context.Context, key session.Key) (err error) {
		link.Session, link.At = key, time.Now()
		announced, err = b.announce(ctx, link)
		return err
	}
	user.Confirm = func(ctx context.Context) error { return b.confirm(ctx, c, identity, link) }
	s, err := b.sessions.Create(w, r, user)
	switch {
	case err != nil && announced:
		b.takeBack(r.Context(), link)
	case errors.Is(err, session.ErrNoSession): // the monolith's session ends in this second
		return nil, refusal{reason: "expired", source: c.source.Name}
	}
	return s, err
}

// announce puts the link. It reports whether the link may be there now.
func (b *Bridge) announce(ctx context.Context, link Link) (announced bool, err error) {
	stored, err := b.store.PutLink(ctx, link)
	switch {
	case !errors.Is(err, ErrExists):
		return true, err
	case stored.Ended:
		return false, refusal{reason: "ended", source: link.Source}
	case isYoung(stored.At, link.At):
		return false, authn.ErrConverting
	}
	return false, authn.ErrConverted
}

// isYoung reports whether a link that was put at that time may belong to a conversion that is
// under way now. One from the future was put by a machine whose clock is ahead. If it is far
// ahead, the link is not young, so that nobody waits until that time has come.
func isYoung(at, now time.Time) bool { return now.Sub(at).Abs() < young }

// confirm reads again what may have changed since the claim was admitted, and then deletes
// the row. In a later try the change is seen, and answered, from the start.
func (b *Bridge) confirm(ctx context.Context, c claim, identity authn.Identity, link Link) error {
	var seal time.Time
	var stored Link
	err := atOnce(
		func() error { return identity.Confirm(ctx) },
		func() (err error) { seal, err = b.store.GetSeal(ctx, owner(c.userID)); return },
		func() (err error) { stored, err = b.store.GetLink(ctx, link.ID); return },
	)
	switch {
	case errors.Is(err, authn.ErrRefused):
		return authn.ErrBusy
	case err != nil:
		return fmt.Errorf("bridge: %w", err)
	case c.sealed(seal), stored.Nonce != link.Nonce, stored.Ended:
		return authn.ErrBusy
	}
	return c.endRow(ctx)
}

// endRow deletes the monolith's row, if there is one.
func (c claim) endRow(ctx context.Context) error {
	if c.End == nil {
		return nil
	}
	if err := c.End(ctx); err != nil {
		return fmt.Errorf("bridge: source %q: deleting the session at the monolith: %w", c.source.Name, err)
	}
	return nil
}

// takeBack removes the link of a session that was discarded, so that the next try can make
// another. If that fails, the user has to give the password.
func (b *Bridge) takeBack(ctx context.Context, link Link) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackTimeout)
	defer cancel()
	if err := b.store.DeleteLink(ctx, link.ID, link.Nonce); err != nil {
		events.Log(ctx, b.logger, "session_link_left", "source", link.Source, "session_id", link.Session.ID, "error", err)
	}
}

// complete makes user the one of a session that continues the claim's. Nothing of it is newer
// than what the monolith knows: a sign-in whose time nobody knows is from 1970.
func (b *Bridge) complete(ctx context.Context, c claim, user *session.User) {
	user.AuthenticatedAt, user.EndsAt = c.SignedInAt, c.ExpiresAt
	if c.SignedInAt.IsZero() {
		user.AuthenticatedAt = time.Unix(0, 0)
	}
	room := maxData
	for _, key := range c.source.Values {
		value, ok := c.Data[key]
		if _, own := user.Values[key]; own || !ok {
			continue
		}
		user.Values[key] = value
		if room -= len(key) + len(value); room < 0 || user.Validate() != nil {
			room += len(key) + len(value)
			delete(user.Values, key)
			events.Log(ctx, b.logger, "session_value_left_out", "source", c.source.Name, "user_id", user.ID, "key", key)
		}
	}
}
