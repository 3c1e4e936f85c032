//go:build nobridge

package main

import (
	"context"
	"errors"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// convertRoutes returns no routes, because this program was built without them.
func convertRoutes(_ context.Context, here site.Site, _ *session.Manager, _ authn.Identifier, _ bridge.Store) (signin.Routes, error) {
	if len(here.LegacyCookies) == 0 {
		return nil, nil
	}
	return nil, errors.New("LEGACY_COOKIES is set, and the bridge was left out of this program by the build tag nobridge; build it with: go build ./cmd/server")
}
