package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/lambdahttp/authorizer"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
)

// routes returns the route of /caller, whose handler needs to know its caller, but reads
// no session itself. It trusts only the gateway, and no header and
// no cookie. Without an authorizer in front of it, it does not know the caller and
// answers 401.
func routes(pages *signin.Pages) signin.Routes {
	return signin.Routes{"GET /caller": func(w http.ResponseWriter, r *http.Request) {
		who, err := authorizer.FromContext(r.Context())
		if err != nil {
			events.Log(r.Context(), slog.Default(), "authorizer_missing", "error", err)
			pages.Fail(w, r, fmt.Errorf("%w: %w", session.ErrNoSession, err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(who) // an error means that the client has disconnected
	}}
}
