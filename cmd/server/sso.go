package main

import (
	"log/slog"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/site"
)

// providerRoutes returns the routes of a sign-in at an OpenID provider, if the environment
// names one.
func providerRoutes(opened storeconfig.Stores, here site.Site, sessions *session.Manager) (signin.Routes, error) {
	enabled, err := oidcconfig.Enabled()
	if err != nil || !enabled {
		return nil, err
	}
	links, err := opened.Links()
	if err != nil {
		return nil, err
	}
	provider, err := oidcconfig.Provider(links, here.Origin, slog.Default())
	if err != nil {
		return nil, err
	}
	return signin.SSO(sessions, provider, signin.Options{}), nil
}

// menu takes the page that changes a password out of the menu, where there is none: a session
// from when users had passwords would show it.
func menu(passwords bool) []signin.MenuItem {
	if passwords {
		return nil
	}
	return []signin.MenuItem{{Path: "/password"}}
}

// passwordRoutes returns the routes at which users give a password. Where they may not sign
// in with one, the first two lead to the provider, and there is no page that changes one.
func passwordRoutes(sessions *session.Manager, authenticator *accounts.Authenticator, passwords bool) []signin.Routes {
	if !passwords {
		return []signin.Routes{signin.Login(sessions, nil, signin.Options{}), signin.Reauthenticate(sessions, nil, nil)}
	}
	return []signin.Routes{
		signin.Login(sessions, authenticator, signin.Options{}), signin.Reauthenticate(sessions, authenticator, nil),
		signin.Password(sessions, authenticator),
	}
}
