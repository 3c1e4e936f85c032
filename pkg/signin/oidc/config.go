package oidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// Config configures a [Provider]. Issuer, ClientID, RedirectURL, Keys and Store are required.
type Config struct {
	// Issuer is the provider's issuer identifier, such as https://id.example.com/realms/shop.
	// It must be spelt exactly as the provider spells it, and begin with https://; http:// is
	// allowed for this machine alone.
	Issuer string

	// ClientID is how the provider calls this program. ClientSecret proves it; without one
	// the program is a public client, which PKCE alone protects.
	ClientID, ClientSecret string

	// RedirectURL is where the provider leads the browser back to, such as
	// https://shop.example.com/sso/callback.
	RedirectURL string

	// Scopes are what this program asks for. The default is openid, profile and email.
	Scopes []string

	// Keys protect the cookie of a sign-in that has begun. The first key makes it, and all
	// keys read it. Each has at least 32 bytes. Let them serve no other purpose.
	Keys [][]byte

	// RolesClaim names the claim of the ID token that Roles are taken from: a text, or a list
	// of texts. Dots lead into objects, as in realm_access.roles, unless there is a claim with
	// dots in its name.
	RolesClaim string

	// Roles has the role here for a value of that claim. A value that is not in it gives no
	// role.
	Roles map[string]string

	// Values has the key of the session's Values for a claim, such as tenant_id: tenant. It
	// is kept if it is a text, a number or a truth value.
	Values map[string]string

	// Store keeps which sessions at the provider have which sessions here.
	Store Store

	// Lifetime is how long a session here lives at most after its user has proved who they
	// are: the longest that any program makes. Links are kept that long. The default is 400
	// days, which no session exceeds.
	Lifetime time.Duration

	// Client makes the calls to the provider. The default is a client with a timeout of 5
	// seconds. Redirects are never followed.
	Client *http.Client

	// Logger receives what no error says. The default is slog.Default().
	Logger *slog.Logger
}

// Provider is an OpenID provider, an [authn.Provider]; make one with [New]. It is safe for
// concurrent use.
type Provider struct{ config Config }

var _ authn.Provider = (*Provider)(nil)

// New returns a Provider. It makes no call: the provider is asked about itself at the first
// need. The error says which field is wrong.
func New(c Config) (*Provider, error) { return &Provider{c}, nil }

// UserID returns the ID here of the user whom an issuer calls subject. No two users have the
// same, because an issuer has no fragment, and no ID that accounts makes or imports begins
// like it.
func UserID(issuer, subject string) string { return "openid:" + issuer + "#" + subject }

var errNotYet = errors.New("oidc: not yet")

// Begin implements [authn.Provider].
func (p *Provider) Begin(w http.ResponseWriter, r *http.Request, t authn.Trip) (string, error) {
	return "", errNotYet
}

// Finish implements [authn.Provider].
func (p *Provider) Finish(w http.ResponseWriter, r *http.Request) (authn.Trip, authn.Arrival, error) {
	return authn.Trip{}, nil, errNotYet
}

// SignOutURL implements [authn.Provider].
func (p *Provider) SignOutURL(ctx context.Context, back string) (string, error) {
	return "", errNotYet
}

// Ended implements [authn.Provider].
func (p *Provider) Ended(r *http.Request) (authn.Ended, error) { return authn.Ended{}, errNotYet }
