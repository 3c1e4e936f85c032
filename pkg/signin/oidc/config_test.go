package oidc_test

import (
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
)

// TestNewRefusesABadConfig: each row is right but for one field, which the error names.
func TestNewRefusesABadConfig(t *testing.T) {
	for name, change := range map[string]func(*oidc.Config){
		"Issuer is empty":         func(c *oidc.Config) { c.Issuer = "" },
		"Issuer by http":          func(c *oidc.Config) { c.Issuer = "http://id.example.com" },
		"Issuer like localhost":   func(c *oidc.Config) { c.Issuer = "http://localhost.example.com" },
		"Issuer without a scheme": func(c *oidc.Config) { c.Issuer = "id.example.com" },
		"Issuer without a host":   func(c *oidc.Config) { c.Issuer = "https://:443" },
		"Issuer with a fragment":  func(c *oidc.Config) { c.Issuer = "https://id.example.com#" },
		"Issuer with a query":     func(c *oidc.Config) { c.Issuer = "https://id.example.com?a=b" },
		"Issuer with a user":      func(c *oidc.Config) { c.Issuer = "https://a@id.example.com" },
		"Issuer with a control":   func(c *oidc.Config) { c.Issuer = "https://id.example.com/\n" },
		"Issuer is long":          func(c *oidc.Config) { c.Issuer = "https://id.example.com/" + strings.Repeat("x", 255) },
		"RedirectURL is empty":    func(c *oidc.Config) { c.RedirectURL = "" },
		"RedirectURL by http":     func(c *oidc.Config) { c.RedirectURL = "http://shop.example.com/sso/callback" },
		"ClientID is empty":       func(c *oidc.Config) { c.ClientID = "" },
		"Scopes without openid":   func(c *oidc.Config) { c.Scopes = []string{"profile"} },
		"Keys is empty":           func(c *oidc.Config) { c.Keys = nil },
		"Keys has a short one":    func(c *oidc.Config) { c.Keys = [][]byte{oneKey, oneKey[:31]} },
		"Store is nil":            func(c *oidc.Config) { c.Store = nil },
		"Lifetime is negative":    func(c *oidc.Config) { c.Lifetime = -1 },
		"Lifetime is long":        func(c *oidc.Config) { c.Lifetime = 401 * 24 * time.Hour },
		"RolesClaim alone":        func(c *oidc.Config) { c.RolesClaim = "groups" },
		"Roles alone":             func(c *oidc.Config) { c.Roles = map[string]string{"a": "b"} },
		"Roles with an empty one": func(c *oidc.Config) { c.RolesClaim, c.Roles = "groups", map[string]string{"a": ""} },
		"Roles of an empty value": func(c *oidc.Config) { c.RolesClaim, c.Roles = "groups", map[string]string{"": "a"} },
		"Values over the name":    func(c *oidc.Config) { c.Values = map[string]string{"a": authn.ValueUsername} },
		"Values over no_password": func(c *oidc.Config) { c.Values = map[string]string{"a": authn.ValueNoPassword} },
		"Values of an empty key":  func(c *oidc.Config) { c.Values = map[string]string{"a": ""} },
	} {
		c := newWorld(t).config
		change(&c)
		field, _, _ := strings.Cut(name, " ")
		switch p, err := oidc.New(c); {
		case err == nil || p != nil:
			t.Errorf("%s: no error", name)
		case !strings.Contains(err.Error(), field):
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}

// TestNewOnThisMachine: http is good enough where nobody else can listen.
func TestNewOnThisMachine(t *testing.T) {
	for _, host := range []string{"localhost:8080", "127.0.0.1:8080", "[::1]:8080"} {
		c := newWorld(t).config
		c.Issuer, c.RedirectURL = "http://"+host, "http://"+host+"/sso/callback"
		if _, err := oidc.New(c); err != nil {
			t.Error(err)
		}
	}
}

// TestUserID: no two users of whatever issuers have one ID.
func TestUserID(t *testing.T) {
	seen := map[string]bool{}
	for _, issuer := range []string{"https://id.example.com", "https://id.example.com/", "https://id.example.com/a", "https://id.example.org"} {
		for _, subject := range []string{"1", "a", "/a", "#1", "a#1", "https://id.example.com#1"} {
			id := oidc.UserID(issuer, subject)
			if seen[id] || !strings.HasPrefix(id, "openid:") {
				t.Errorf("%q is another's, or no such ID", id)
			}
			seen[id] = true
		}
	}
}

// TestSignOut: the browser is led to the provider's page and back.
func TestSignOut(t *testing.T) {
	const back = home + "/login?why=a&b"
	for name, tt := range map[string]struct {
		page any
		want string
	}{
		"a page":       {"https://id.example.com/logout", "https://id.example.com/logout?client_id=shop&post_logout_redirect_uri=https%3A%2F%2Fshop.example.com%2Flogin%3Fwhy%3Da%26b"},
		"a query":      {"https://id.example.com/logout?p=x", "https://id.example.com/logout?client_id=shop&p=x&post_logout_redirect_uri=https%3A%2F%2Fshop.example.com%2Flogin%3Fwhy%3Da%26b"},
		"none":         {nil, ""},
		"an empty one": {"", ""},
	} {
		w := newWorld(t)
		w.issuer.Bad.Metadata = func(m map[string]any) { m["end_session_endpoint"] = tt.page }
		if got, err := w.provider.SignOutURL(t.Context(), back); err != nil || got != tt.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tt.want)
		}
	}
}

// TestSignOutOfCognito follows Cognito's documentation; it was not tried there.
func TestSignOutOfCognito(t *testing.T) {
	const domain = "https://shop.auth.eu-central-1.amazoncognito.com"
	for _, page := range []any{nil, domain + "/logout"} {
		w := newWorld(t)
		w.issuer.URL = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_invented"
		w.config.Issuer = w.issuer.URL
		w.restart()
		w.issuer.Bad.Metadata = func(m map[string]any) {
			m["authorization_endpoint"], m["end_session_endpoint"] = domain+"/oauth2/authorize", page
		}
		want := domain + "/logout?client_id=shop&logout_uri=https%3A%2F%2Fshop.example.com"
		if got, err := w.provider.SignOutURL(t.Context(), home); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

// TestSignOutInAnOutage: a sign-out while the provider is away is an outage, and not one
// that leaves the session there.
func TestSignOutInAnOutage(t *testing.T) {
	w := newWorld(t)
	w.issuer.Bad.Answer = at("/.well-known/openid-configuration", badAnswers["500"])
	_, err := w.provider.SignOutURL(t.Context(), home)
	wantError(t, err, nil, "500")
}
