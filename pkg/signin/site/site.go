// Package site describes the site that the routes and pages belong to.
//
// This package may still change in ways that break programs.
package site

import (
	"net/netip"
	"net/url"
	"strings"

	"example.com/coatcheck/pkg/clientip"
)

// Site is what the routes and pages know about the site they belong to. The zero Site
// is ready for use.
type Site struct {
	// Origin is the scheme and the host that browsers use, such as
	// https://example.org. If it is empty, the Host header of each request is trusted
	// instead.
	Origin string

	// TrustedOrigins are origins beside the site's own, such as https://app.example.org, whose
	// pages may call the routes with their user's cookies and read the answers (CORS): those of
	// a single-page application on a sister host. Whoever writes what such an origin serves can
	// do all that its users can. The default is none. They have the form that
	// [ParseTrustedOrigins] returns.
	//
	// Browsers send our cookies, which are SameSite=Lax, only if the origin is of the same site,
	// that is below the same registrable domain. Pages of another site reach the routes without
	// any cookie, and cannot sign in.
	TrustedOrigins []string

	// HSTSIncludeSubdomains makes browsers use only HTTPS for all hosts below the site's
	// too, whoever serves these, for a year from each answer.
	HSTSIncludeSubdomains bool

	// ProxySecrets prove that a request came through the site's proxy, and every other
	// request is refused with 403. If there are none, requests need no proxy.
	ProxySecrets clientip.Secrets

	// LegacyCookies are the cookies of a monolith whose sessions move to this site. If
	// there are any, the site has the routes of signin.Convert: a page that would lead to
	// /login leads a request with such a cookie to /convert, every sign-in removes the
	// cookies, and so does a logout.
	LegacyCookies []LegacyCookie

	// Provider is what the pages call the provider at which users sign in, such as
	// "Example ID". If it is not empty, the site has the routes of signin.SSO, to which the
	// login page, /reauthenticate and logouts lead. The default is that there is none.
	Provider string

	// Brand is whose site it is, as users see it. The default is Coatcheck's own.
	Brand Brand
}

// IsLoopback reports whether a Host header names the machine of the browser itself: a
// loopback address, localhost, or a name below localhost (RFC 6761, section 6.3).
func IsLoopback(host string) bool {
	u := url.URL{Host: host}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
