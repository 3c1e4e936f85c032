//go:build !nobridge

package main

import (
	"context"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config/bridgeconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// convertRoutes returns the routes of /convert, if the site names a monolith's cookies. The
// build tag nobridge leaves them out, and with them the drivers of every store that a
// monolith may have.
func convertRoutes(ctx context.Context, here site.Site, sessions *session.Manager, users authn.Identifier, records bridge.Store) (signin.Routes, error) {
	if len(here.LegacyCookies) == 0 {
		return nil, nil
	}
	converter, err := bridgeconfig.Converter(ctx, here.LegacyCookies, sessions, users, records)
	return signin.Convert(sessions, converter), err
}
