package oidc

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
	// https://shop.example.com/sso/callback. What holds for the spelling of Issuer holds
	// for it too.
	RedirectURL string

	// Scopes are what this program asks for. The default is openid, profile and email.
	Scopes []string

	// Keys protect the cookie of a sign-in that has begun. The first key makes it, and all
	// keys read it. To rotate, add a new key at the end of the list in every process, then
	// move it to the front; ten minutes later the old one can go. Each has at least 32
	// bytes. What protects the cookie is derived from them, so that nothing else that is
	// made with the same keys can be taken for a cookie; let them serve no other purpose
	// all the same.
	Keys [][]byte

	// RolesClaim names the claim of the ID token that Roles are taken from: a text, or a list
	// of texts. Dots lead into objects, as in realm_access.roles, unless there is a claim with
	// dots in its name.
	RolesClaim string

	// Roles has the role here for a value of that claim. A value that is not in it gives no
	// role, so whoever can name groups at the provider cannot make roles here.
	Roles map[string]string

	// Values has the key of the session's Values for a claim, such as tenant_id: tenant. It
	// is kept if it is a text, a number or a truth value.
	Values map[string]string

	// Store keeps which sessions at the provider have which sessions here.
	Store Store

	// Lifetime is how long a session here lives at most after its user has proved who they
	// are: the longest that any program makes. Links are kept that long. If it is too short,
	// a notice with a session ID alone does not find the oldest sessions. The default is 400
	// days, which no session exceeds.
	Lifetime time.Duration

	// Client makes the calls to the provider. The default is a client with a timeout of 5
	// seconds, which holds also if that of Client is 0. Redirects are never followed, and no
	// more than 512 KB of an answer are read.
	Client *http.Client

	// Logger receives what no error says. The default is slog.Default().
	Logger *slog.Logger
}

const (
	minKeyLength    = 32 // bytes, the output size of SHA-256
	maxIssuerLength = 255
	maxLifetime     = 400 * 24 * time.Hour
)

// withDefaults returns c with defaults filled in, or an error that names the field that New
// cannot accept.
func (c Config) withDefaults() (Config, error) {
	c.Lifetime = cmp.Or(c.Lifetime, maxLifetime)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "profile", "email"}
	}
	for name, text := range map[string]string{"Issuer": c.Issuer, "RedirectURL": c.RedirectURL} {
		if err := checkURL(text); err != nil {
			return c, fmt.Errorf("oidc: Config.%s is %q: %w", name, text, err)
		}
	}
	switch {
	case strings.Contains(c.Issuer, "?") || len(c.Issuer) > maxIssuerLength:
		return c, fmt.Errorf("oidc: Config.Issuer is %q; it must have no query, and at most %d bytes", c.Issuer, maxIssuerLength)
	case c.ClientID == "":
		return c, fmt.Errorf("oidc: Config.ClientID is missing; the provider gives one to each program that is registered there")
	case !slices.Contains(c.Scopes, "openid"):
		return c, fmt.Errorf("oidc: Config.Scopes is %q; openid must be among them, without it the provider says nothing of the user", c.Scopes)
	case c.Store == nil:
		return c, fmt.Errorf("oidc: Config.Store is missing; package memlinks has one for tests")
	case c.Lifetime < 0 || c.Lifetime > maxLifetime:
		return c, fmt.Errorf("oidc: Config.Lifetime is %v; it must be more than 0 and at most %v", c.Lifetime, maxLifetime)
	}
	return c, cmp.Or(c.checkKeys(), c.checkRoles(), c.checkValues())
}

func (c Config) checkKeys() error {
	if len(c.Keys) == 0 {
		return fmt.Errorf("oidc: Config.Keys is empty; it needs a key of %d random bytes", minKeyLength)
	}
	for i, key := range c.Keys {
		if len(key) < minKeyLength {
			return fmt.Errorf("oidc: Config.Keys[%d] has %d bytes; at least %d are needed", i, len(key), minKeyLength)
		}
	}
	return nil
}

func (c Config) checkRoles() error {
	if (c.RolesClaim == "") != (len(c.Roles) == 0) {
		return fmt.Errorf("oidc: Config.RolesClaim is %q and Config.Roles has %d roles; set both or neither", c.RolesClaim, len(c.Roles))
	}
	for value, role := range c.Roles {
		if value == "" || role == "" {
			return fmt.Errorf("oidc: Config.Roles has %q for %q; neither may be empty", role, value)
		}
	}
	return nil
}

func (c Config) checkValues() error {
	for claim, key := range c.Values {
		if claim == "" || key == "" {
			return fmt.Errorf("oidc: Config.Values has the key %q for the claim %q; neither may be empty", key, claim)
		}
		if _, err := (authn.User{Attributes: map[string]string{key: ""}}).SessionUser(nil, nil); err != nil {
			return fmt.Errorf("oidc: Config.Values has the key %q for the claim %q: %w", key, claim, err)
		}
	}
	return nil
}

// checkURL refuses a URL that others could read or answer. Only on this machine is http as
// good as https.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("it must be a URL such as https://id.example.com")
	case u.Host == "" || u.Hostname() == "":
		return fmt.Errorf("it must be a URL with a host, such as https://id.example.com")
	case u.User != nil || strings.Contains(text, "#"):
		return fmt.Errorf("it must have no user name and no fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isHere(u.Hostname())):
		return fmt.Errorf("it must begin with https://; http:// is allowed for localhost alone")
	}
	return nil
}

// isHere reports whether the host is this machine.
func isHere(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }
