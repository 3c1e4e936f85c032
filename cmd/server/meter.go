package main

import (
	"log/slog"
	"net/http"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
)

// meter counts what the server does: [metrics.Meter], or unmeasured.
type meter interface {
	Tee(*slog.Logger) *slog.Logger
	Requests(http.Handler) http.Handler
	Routes([]signin.Routes) []signin.Routes
	Store(session.Store) session.Store
	Handler() http.Handler
}

// unmeasured counts nothing, for a server that nobody watches.
type unmeasured struct{}

func (unmeasured) Tee(l *slog.Logger) *slog.Logger            { return l }
func (unmeasured) Requests(h http.Handler) http.Handler       { return h }
func (unmeasured) Routes(all []signin.Routes) []signin.Routes { return all }
func (unmeasured) Store(s session.Store) session.Store        { return s }
func (unmeasured) Handler() http.Handler                      { return http.NotFoundHandler() }
