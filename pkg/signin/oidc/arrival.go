package oidc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// arrival is an [authn.Arrival].
type arrival struct {
	provider            *Provider
	user                authn.User
	subject             string // the ID of the user's marks
	session             string // the ID of the link; empty if the provider names no sessions
	issuedAt            time.Time
	announced, replaced session.Key
}

// sessionID and subjectID return IDs for the store. They do not tell what they are made of.
// Each program that is registered at a provider gets notices of its own, so each has IDs of
// its own, also in a store that it shares with others.
func (p *Provider) sessionID(sid string) string { return p.hash("session", sid) }

func (p *Provider) subjectID(sub string) string { return p.hash("subject", sub) }

func (p *Provider) hash(kind, name string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", kind, p.config.Issuer, p.config.ClientID, name))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// User implements [authn.Arrival].
func (a *arrival) User() authn.User { return a.user }

// Announce implements [authn.Arrival].
func (a *arrival) Announce(ctx context.Context, key session.Key) error {
	if a.session == "" {
		return nil
	}
	expires := time.Now().Add(a.provider.config.Lifetime).Truncate(time.Second).Add(time.Second)
	before, err := a.provider.config.Store.Link(ctx, Link{ID: a.session, Session: key, ExpiresAt: expires})
	switch {
	case errors.Is(err, ErrEnded):
		return fmt.Errorf("%w: %w", authn.ErrRefused, err)
	case err != nil:
		return err
	}
	if before.Session != key {
		a.replaced = before.Session
	}
	a.announced = key
	return nil
}

// Replaced implements [authn.Arrival].
func (a *arrival) Replaced() session.Key { return a.replaced }

// Confirm implements [authn.Arrival]. A notice that comes before these reads is seen by them,
// and one that comes later finds the session, by its link or by its user. If another sign-in
// with the same session at the provider came since Announce, the link leads to that one's, so
// this one is refused. The two reads run at the same time.
func (a *arrival) Confirm(ctx context.Context) error {
	var ofSession error
	var wg sync.WaitGroup
	wg.Go(func() { ofSession = a.confirmSession(ctx) })
	ofUser := a.confirmUser(ctx)
	wg.Wait()
	return cmp.Or(ofSession, ofUser)
}

// confirmSession checks that the session at the provider has not ended, and that its link
// still leads here.
func (a *arrival) confirmSession(ctx context.Context) error {
	if a.session == "" {
		return nil
	}
	link, ended, err := a.provider.config.Store.Ended(ctx, a.session)
	switch {
	case err != nil:
		return err
	case !ended.IsZero():
		return fmt.Errorf("%w: %w", authn.ErrRefused, ErrEnded)
	case link.Session != a.announced:
		return fmt.Errorf("%w: the same session at the provider has another session here since", authn.ErrRefused)
	}
	return nil
}

// confirmUser checks that not all sessions of the user have ended since the ID token.
func (a *arrival) confirmUser(ctx context.Context) error {
	_, ended, err := a.provider.config.Store.Ended(ctx, a.subject)
	if err == nil && !ended.Before(a.issuedAt) {
		err = fmt.Errorf("%w: the provider has ended all sessions of this user since", authn.ErrRefused)
	}
	return err
}
