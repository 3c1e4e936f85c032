package signinconfig_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/signin/site"
)

const logo = `<svg viewBox="0 0 32 32"><path d="M0 0h9"/></svg>`

func TestBrand(t *testing.T) {
	if s, err := signinconfig.Site(); err != nil || s.Brand.Name != "" || s.Brand.Logo != (site.Logo{}) || s.Brand.Accent != (site.Accent{}) || s.Brand.Links != nil {
		t.Errorf("without variables: %+v, %v", s, err)
	}
	t.Setenv("BRAND_NAME", " Blue Harbour")
	t.Setenv("BRAND_LOGO", logo)
	t.Setenv("BRAND_COLORS", "#0b5394,#9fc5e8")
	t.Setenv("BRAND_LINKS", "Imprint=https://shop.example/imprint, Help=/help")
	s, err := signinconfig.Site()
	if err != nil {
		t.Fatal(err)
	}
	if s.Brand.Name != "Blue Harbour" || !strings.Contains(s.Brand.Logo.SVG(), `d="M0 0h9"`) || !strings.Contains(s.Brand.Accent.CSS(), "#0b5394") || len(s.Brand.Links) != 2 {
		t.Errorf("got %+v", s.Brand)
	}
}

// A value that is hostile, or that nobody could read, stops the start. The error names
// the variable, and says what to do.
func TestHostileBrands(t *testing.T) {
	for _, tt := range []struct{ variable, value, says string }{
		{"BRAND_NAME", "two\nlines", "must be one line"},
		{"BRAND_NAME", strings.Repeat("n", 51), "at most 50 characters"},
		{"BRAND_LOGO", `<svg viewBox="0 0 9 9"><script>alert(1)</script></svg>`, "<script> is not allowed in a logo; take it out"},
		{"BRAND_LOGO", `<svg viewBox="0 0 9 9" onload="alert(1)"/>`, "onload of <svg> is not allowed in a logo; take it out"},
		{"BRAND_LOGO", `</a><script>alert(1)</script>`, "not one whole SVG element"},
		{"BRAND_LOGO", "logo.svg", `the text "logo.svg"; take it out`},
		{"BRAND_COLORS", "</style><script>alert(1)</script>", "must be two colors"},
		{"BRAND_COLORS", `#0b5394,"#9fc5e8"`, "must be two colors"},
		{"BRAND_COLORS", "#ffee00,#9fc5e8", "the color for light pages, #ffee00, has a contrast of 1.06:1"},
		{"BRAND_LINKS", "Help=javascript:alert(1)", `"Help" leads to "javascript:alert(1)"; write an https:// URL`},
		{"BRAND_LINKS", `Help=/"><script>`, "write an https:// URL"},
		{"BRAND_LINKS", "https://shop.example/", "must be such as Imprint="},
		{"HSTS_INCLUDE_SUBDOMAINS", "yes", "must be true or false"},
		{"OIDC_NAME", "two\nlines", "must be one line"},
		{"LEGACY_COOKIES", "session;Secure", "after a name may come Path=/…, Domain=… and Stateless"},
		{"PROXY_SECRETS", "an example of a secret, too short", "secret 1 is not 32 or more visible ASCII characters"},
	} {
		t.Run(tt.variable+"="+tt.value, func(t *testing.T) {
			t.Setenv(tt.variable, tt.value)
			_, err := signinconfig.Site()
			if err == nil || !strings.HasPrefix(err.Error(), tt.variable) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v; it must begin with %s and contain %q", err, tt.variable, tt.says)
			}
		})
	}
}

func TestProxySecrets(t *testing.T) {
	if s, err := signinconfig.Site(); err != nil || s.ProxySecrets != nil {
		t.Errorf("without the variable: %v, %v", s.ProxySecrets, err)
	}
	t.Setenv("PROXY_SECRETS", "an-example-of-a-secret-of-a-proxy-1,an-example-of-a-secret-of-a-proxy-2")
	if s, err := signinconfig.Site(); err != nil || len(s.ProxySecrets) != 2 {
		t.Errorf("%d secrets, %v", len(s.ProxySecrets), err)
	}
}

func TestHSTS(t *testing.T) {
	for value, want := range map[string]bool{"": false, "false": false, "true": true} {
		t.Setenv("HSTS_INCLUDE_SUBDOMAINS", value)
		if s, err := signinconfig.Site(); s.HSTSIncludeSubdomains != want || err != nil {
			t.Errorf("%q: %v, %v, want %v", value, s.HSTSIncludeSubdomains, err, want)
		}
	}
}

// New passwords may not be made of BRAND_NAME, or of Coatcheck if that is not set. It is
// the same for the functions, cmd/server and the command line: all of them use the
// Directory of the Hasher of this package.
func TestPasswordsFollowTheBrand(t *testing.T) {
	for name, tt := range map[string]struct{ brand, refused, taken string }{
		"no brand": {"", "coatcheck-kq4v7", "zephyrine-kq4v7"},
		"a brand":  {"Zephyrine", "zephyrine-kq4v7", "coatcheck-kq4v7"},
	} {
		t.Setenv("BRAND_NAME", tt.brand)
		store := memaccounts.New()
		directory, err := signinconfig.Registrar(store)
		if err != nil {
			t.Fatal(err)
		}
		if err := directory.Prepare(t.Context(), store.All(t.Context())); err != nil {
			t.Fatal(err)
		}
		if _, err := directory.Register(t.Context(), "alice", "", nil, tt.refused); err == nil || !strings.Contains(err.Error(), "the user's name or the product's") {
			t.Errorf("%s: %q: %v", name, tt.refused, err)
		}
		alice, err := directory.Register(t.Context(), "alice", "", nil, tt.taken)
		if err != nil {
			t.Fatalf("%s: %q: %v", name, tt.taken, err)
		}
		authenticator, err := signinconfig.Authenticator(directory.Directory, memaccounts.NewAttempts())
		if err != nil {
			t.Fatal(err)
		}
		if authenticator.CheckNew(tt.refused, "alice") == nil || authenticator.CheckNew(tt.taken, "alice") != nil {
			t.Errorf("%s: the authenticator differs", name)
		}
		if _, err := directory.ChangePassword(t.Context(), alice, tt.refused, nil); err == nil {
			t.Errorf("%s: a change to %q", name, tt.refused)
		}
	}
	t.Setenv("BRAND_NAME", "two\nlines")
	if _, err := signinconfig.Hasher(); err == nil || !strings.HasPrefix(err.Error(), "BRAND_NAME: ") {
		t.Errorf("the error is %v", err)
	}
}

func TestOrigin(t *testing.T) {
	for value, ok := range map[string]bool{
		"":                         true,
		"https://example.org":      true,
		"http://localhost:8080":    true,
		"https://example.org/":     false,
		"https://example.org/path": false,
		"example.org":              false,
		"ftp://example.org":        false,
		"https://u:p@example.org":  false,
		"https://Example.org":      false,
		"https://bücher.example":   false,
		"https://example.org:":     false,
		"http://example.org:443":   true,
	} {
		t.Setenv("PUBLIC_ORIGIN", value)
		got, err := signinconfig.Site()
		if ok != (err == nil) || ok && got.Origin != value {
			t.Errorf("PUBLIC_ORIGIN=%q: %q, %v", value, got.Origin, err)
		}
		if err != nil && !strings.Contains(err.Error(), "PUBLIC_ORIGIN") {
			t.Errorf("error %q does not name PUBLIC_ORIGIN", err)
		}
	}
	for value, want := range map[string]string{"https://example.org:443": "https://example.org", "http://[::1]:80": "", "http://example.org:80": "http://example.org"} {
		t.Setenv("PUBLIC_ORIGIN", value)
		if got, err := signinconfig.Site(); got.Origin != want || (err == nil) != (want != "") {
			t.Errorf("PUBLIC_ORIGIN=%q: %q, %v; browsers write %q", value, got.Origin, err, want)
		}
	}
}

// TestTrustedOrigins: the variable has the origins that the site trusts. An error names it.
func TestTrustedOrigins(t *testing.T) {
	for value, want := range map[string]string{"": "[]", "https://app.example.org,http://localhost:5173": "[https://app.example.org http://localhost:5173]", "https://*.example.org": "refused"} {
		t.Setenv("TRUSTED_ORIGINS", value)
		got, err := signinconfig.Site()
		switch {
		case want == "refused" && (err == nil || !strings.HasPrefix(err.Error(), "TRUSTED_ORIGINS: ")):
			t.Errorf("%q: %v", value, err)
		case want != "refused" && (err != nil || fmt.Sprint(got.TrustedOrigins) != want):
			t.Errorf("%q: %q, %v", value, got.TrustedOrigins, err)
		}
	}
}

// Passwords can be left out where there is a provider.
func TestPasswordSignIn(t *testing.T) {
	for _, tt := range []struct {
		value, provider string
		want            bool
		says            string // of the error
	}{
		{"", "", true, ""},
		{"true", "Example ID", true, ""},
		{"false", "Example ID", false, ""},
		{"false", "", false, "OIDC_NAME is not set"},
		{"no", "Example ID", false, "must be true or false"},
	} {
		t.Setenv("PASSWORD_SIGN_IN", tt.value)
		t.Setenv("OIDC_NAME", tt.provider)
		got, err := signinconfig.PasswordSignIn()
		if got != tt.want || (err != nil) != (tt.says != "") || err != nil && (!strings.Contains(err.Error(), "PASSWORD_SIGN_IN") || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%q beside the provider %q: %v, %v", tt.value, tt.provider, got, err)
		}
		if s, err := signinconfig.Site(); err != nil || s.Provider != tt.provider {
			t.Errorf("the provider of the site is %q, %v; want %q", s.Provider, err, tt.provider)
		}
	}
}
