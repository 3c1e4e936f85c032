// Package signinconfig makes the parts of a program that signs users in, beside its
// sessions, from environment variables: the site with its brand, the users, and how
// attempts to sign in are counted. Each function reads only its own variables, and an
// error names the wrong one.
//
// This package may still change in ways that break programs.
package signinconfig

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"example.com/coatcheck/internal/lazily"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/site"
)

// TrustedOrigins is the variable with the origins beside the site's own from which a
// single-page application may call, as [site.ParseTrustedOrigins] takes them. It is optional.
const TrustedOrigins = "TRUSTED_ORIGINS"

// PublicOrigin is the variable with the origin that browsers use.
const PublicOrigin = "PUBLIC_ORIGIN" // optional: https://host; empty means the Host header

// What users see of the brand. All are optional; without any of them the pages are
// Coatcheck's own.
const (
	BrandName   = "BRAND_NAME"   // what the pages call the site
	BrandLogo   = "BRAND_LOGO"   // an SVG image, as [site.ParseLogo] takes it
	BrandColors = "BRAND_COLORS" // the accent on light pages and on dark ones, as [site.ParseAccent] takes them
	BrandLinks  = "BRAND_LINKS"  // the links in the foot, as [site.ParseLinks] takes them
)

// LegacyCookies is the variable with the cookies of a monolith whose sessions move to this
// site, as [site.ParseLegacyCookies] takes them. It is optional. If it is set, the site
// serves /convert.
const LegacyCookies = "LEGACY_COOKIES"

const hstsIncludeSubdomains = "HSTS_INCLUDE_SUBDOMAINS" // optional: true or false, which is the default

// Site reads PUBLIC_ORIGIN, TRUSTED_ORIGINS, HSTS_INCLUDE_SUBDOMAINS, PROXY_SECRETS,
// LEGACY_COOKIES, OIDC_NAME and the variables of the brand.
func Site() (s site.Site, err error) {
	if s.Origin, err = origin(); err != nil {
		return s, err
	}
	if s.TrustedOrigins, err = read(TrustedOrigins, site.ParseTrustedOrigins); err != nil {
		return s, err
	}
	if s.ProxySecrets, err = config.Secrets(); err != nil {
		return s, err
	}
	if s.HSTSIncludeSubdomains, err = includeSubdomains(); err != nil {
		return s, err
	}
	if s.LegacyCookies, err = read(LegacyCookies, site.ParseLegacyCookies); err != nil {
		return s, err
	}
	if s.Provider, err = read(config.ProviderName, site.ParseName); err != nil {
		return s, err
	}
	s.Brand, err = brand()
	return s, err
}

const passwordSignIn = "PASSWORD_SIGN_IN" // optional: true, which is the default, or false

// PasswordSignIn reads PASSWORD_SIGN_IN: whether users may sign in with a password. The
// default is true. It returns an error if they may not, and OIDC_NAME names no provider
// either: nobody could sign in.
func PasswordSignIn() (bool, error) {
	switch value := os.Getenv(passwordSignIn); value {
	case "", "true":
		return true, nil
	case "false":
		if os.Getenv(config.ProviderName) == "" {
			return false, fmt.Errorf("%s is false, and %s is not set: nobody could sign in. Name a provider, or leave the passwords", passwordSignIn, config.ProviderName)
		}
		return false, nil
	default:
		return false, fmt.Errorf("%s is %q; it must be true or false", passwordSignIn, value)
	}
}

// Pages returns the Pages of the site of [Site].
func Pages() (*signin.Pages, error) {
	s, err := Site()
	if err != nil {
		return nil, err
	}
	return signin.NewPages(signin.Config{Site: s})
}

func includeSubdomains() (bool, error) {
	switch value := os.Getenv(hstsIncludeSubdomains); value {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, fmt.Errorf("%s is %q; it must be true or false", hstsIncludeSubdomains, value)
	}
}

func brand() (b site.Brand, err error) {
	if b.Name, err = read(BrandName, site.ParseName); err != nil {
		return b, err
	}
	if b.Logo, err = read(BrandLogo, site.ParseLogo); err != nil {
		return b, err
	}
	if b.Accent, err = read(BrandColors, site.ParseAccent); err != nil {
		return b, err
	}
	b.Links, err = read(BrandLinks, site.ParseLinks)
	return b, err
}

// read parses the value of the variable. The error names the variable.
func read[T any](variable string, parse func(string) (T, error)) (T, error) {
	value, err := parse(os.Getenv(variable))
	if err != nil {
		err = fmt.Errorf("%s: %w", variable, err)
	}
	return value, err
}

// browserOrigin matches an origin as browsers write it (RFC 6454, section 6.2).
// Origins are compared byte by byte, so another spelling would never be equal.
var browserOrigin = lazily.Regexp(`^https?://[a-z0-9.-]+(:[0-9]+)?$`)

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// origin reads PUBLIC_ORIGIN. It returns a scheme and a host without anything else,
// or "". It leaves out a default port, as browsers do.
func origin() (string, error) {
	value := os.Getenv(PublicOrigin)
	if value == "" {
		return "", nil
	}
	u, err := url.Parse(value)
	if err != nil || !browserOrigin().MatchString(value) {
		return "", fmt.Errorf("%s is %q; it must be an origin as browsers write it, such as https://example.org: lower case, no path", PublicOrigin, value)
	}
	return strings.TrimSuffix(value, ":"+defaultPorts[u.Scheme]), nil
}
