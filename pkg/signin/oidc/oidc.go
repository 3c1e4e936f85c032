// Package oidc lets users sign in at an OpenID provider, such as Cognito, Entra ID, Google
// or Keycloak. A [Provider] is an [authn.Provider]. It uses the authorization code flow
// with PKCE (OpenID Connect Core 1.0; RFC 7636; RFC 9700).
//
// This package may still change in ways that break programs.
package oidc

import (
	"context"
	"errors"
	"time"

	"example.com/coatcheck/pkg/session"
)

// ErrEnded means that the provider has ended the session, so it can have no session here.
var ErrEnded = errors.New("the provider has ended this session")

// Link says that a session at the provider has a session here.
type Link struct {
	// ID names the session at the provider: a hash of the issuer and of its session ID
	// (the claim sid).
	ID string

	// Session is the session here. Its zero value is none.
	Session session.Key

	// ExpiresAt is when the link may be forgotten, in whole seconds. No session that it
	// leads to lives longer. A Link of the same session again, after its user has proved
	// again who they are, moves it to a later time.
	ExpiresAt time.Time
}

// Store keeps which sessions at the provider have which sessions here, and what the
// provider has ended. It applies no rules and is safe for concurrent use. What has expired
// counts as not there. Times are in UTC and whole seconds. An error that is not named here
// is an outage: the result is unknown.
//
// A Store that loses an End lets somebody whom the provider has signed out come back with
// what the provider said before. One that loses a Link lets a session here outlive the
// session at the provider.
type Store interface {
	// Link stores l. If there is a link with that ID already, it is replaced, and Link
	// returns it. If that one has the Session of l, this is the same call again: it changes
	// nothing, and returns what the first one returned. Link returns ErrEnded, and changes
	// nothing, if End was called with that ID before.
	Link(ctx context.Context, l Link) (before Link, err error)

	// End stores that what has that ID ended at this time, in whole seconds of the
	// provider's clock, and keeps that until expiresAt. Of each, a later time that is stored
	// stays. It returns the link that is there, or the zero Link. The link stays, so that an End whose caller has
	// stopped can be repeated.
	End(ctx context.Context, id string, at, expiresAt time.Time) (Link, error)

	// Ended returns when what has that ID ended, or the zero time. It sees every End that
	// has returned (a strongly consistent read).
	Ended(ctx context.Context, id string) (time.Time, error)
}
