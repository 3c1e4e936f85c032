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
