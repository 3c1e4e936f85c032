package main

import (
	"log/slog"
	"net/http"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
)

// trail is the audit trail in the store. If there is none, it is nil and does nothing.
type trail struct {
	*audit.Trail
	store audit.Store
}

// openTrail lets the default logger give the trail in the store what it keeps. Call it before
// the parts are made that log.
func openTrail(opened storeconfig.Stores) (*trail, error) {
	store, err := opened.Audit()
	if err != nil || store == nil {
		return nil, err
	}
	retention, err := config.AuditRetention()
	if err != nil {
		return nil, err
	}
	t := audit.NewTrail(store, audit.Config{Retention: retention, Logger: slog.Default()})
	slog.SetDefault(t.Tee(slog.Default()))
	return &trail{t, store}, nil
}

// handler returns next, whose answers wait until the trail has what has happened.
func (t *trail) handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return t.Handler(next)
}

// routes returns the page on which users see what the trail has of them.
func (t *trail) routes(sessions *session.Manager) signin.Routes {
	if t == nil {
		return nil
	}
	return signin.Activity(sessions, t.store)
}
