// Package oidc lets users sign in at an OpenID provider, such as Cognito, Entra ID, Google
// or Keycloak. A [Provider] is an [authn.Provider]. It uses the authorization code flow
// with PKCE (OpenID Connect Core 1.0; RFC 7636; RFC 9700).
//
// # What is checked
//
// The browser that comes back is the one that left, at most ten minutes before: a cookie of
// this host alone, which only this program can read and make, has the verifier of PKCE and
// the nonce. The answer names the issuer, if the provider says that it does (RFC 9207). Of
// the ID token are checked the signature, by keys of the provider and algorithms that it
// names and that need a private key; iss, aud, azp, exp, iat, nonce, at_hash if it is there,
// sub, and auth_time if the user had to prove again who they are (OpenID Connect Core 1.0,
// section 3.1.3.7). The clocks may differ by a minute. A token for several programs is taken
// if azp says that it was made for this one. Google's iss may lack https://, as Google says.
//
// Notices of the provider that sessions have ended are checked as OpenID Connect
// Back-Channel Logout 1.0 wants, section 2.6, but that a token need not say that it is of
// the type logout+jwt: older providers do not. Its jti is not remembered.
//
// # What a provider can do
//
// Whoever has the provider's keys, or its administrator's password, can sign in as any of its
// users, with each role that the table of [Config.Roles] has, and can say that somebody has
// just proved who they are. That is what a provider is. Those users' IDs begin with the
// issuer, so it can sign in as nobody else: not as a user who has a password here, nor as one
// of another provider. If it gives a subject to another person, that person has the
// user's ID. If it sends no notices, a session here lives as long as any other after its
// session at the provider has ended. It cannot make this program follow a redirect, read
// without end, wait for more than a few seconds, or ask it more often than it must.
//
// While the provider is away nobody signs in by it, and sessions go on.
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
	// ID names the session at the provider: a hash of the issuer, of this program's client
	// ID, and of the session's ID there (the claim sid).
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
	// returns it. If that one has the Session of l, and expires no earlier, this is the same
	// call again: it changes nothing, and returns what the first one returned. Link returns
	// ErrEnded, and changes nothing, if End was called with that ID before.
	Link(ctx context.Context, l Link) (before Link, err error)

	// End stores that what has that ID ended at this time, in whole seconds of the
	// provider's clock, and keeps that until expiresAt. Of each, a later time that is stored
	// stays. It returns the link that is there, or the zero Link. The link stays, so that an
	// End whose caller has stopped can be repeated.
	End(ctx context.Context, id string, at, expiresAt time.Time) (Link, error)

	// Ended returns the link with that ID, or the zero Link, and when what has that ID ended,
	// or the zero time. It sees every Link and every End that has returned (a strongly
	// consistent read).
	Ended(ctx context.Context, id string) (Link, time.Time, error)
}
