// Package site describes the site that the routes and pages belong to.
//
// This package may still change in ways that break programs.
package site

import "context"

// Site is what the routes and pages know about the site they belong to. The zero Site
// is ready for use.
type Site struct {
	// Origin is the scheme and the host that browsers use, such as
	// https://example.org. If it is empty, the Host header of each request is trusted
	// instead.
	Origin string

	// HSTS says for which hosts browsers shall use only HTTPS from now on. The default
	// is HSTSHost.
	HSTS HSTS

	// Brand is whose site it is, as users see it. The default is Coatcheck's own.
	Brand Brand
}

// HSTS says for which hosts browsers shall use only HTTPS, for a year from each answer
// (RFC 6797).
type HSTS int

// The values of HSTS.
const (
	HSTSHost       HSTS = iota // the host of the site alone
	HSTSSubdomains             // that host and all hosts below it, whoever serves these
	HSTSOff                    // none: for localhost, where it would hold for every port
)

// Header returns the value of the Strict-Transport-Security header, or "" if there must
// be none.
func (h HSTS) Header() string {
	return [...]string{HSTSHost: "max-age=31536000", HSTSSubdomains: "max-age=31536000; includeSubDomains", HSTSOff: ""}[h]
}

type contextKey struct{}

// With returns a context for requests to s.
func With(ctx context.Context, s *Site) context.Context {
	return context.WithValue(ctx, contextKey{}, s)
}

// Of returns the site that ctx was made for, or the zero Site.
func Of(ctx context.Context) *Site {
	if s, ok := ctx.Value(contextKey{}).(*Site); ok {
		return s
	}
	return &Site{}
}
