// Package whoami is an example of what stands behind the authorizer: a handler that
// needs to know its caller, and reads no session itself.
package whoami

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"example.com/coatcheck/pkg/lambdahttp/authorizer"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
)

// Routes returns the route of /whoami. It believes the gateway alone, no header and
// no cookie. Where no authorizer stands before it, it knows nobody: 401.
func Routes() signin.Routes {
	return signin.Routes{"GET /whoami": func(w http.ResponseWriter, r *http.Request) {
		who, err := authorizer.FromContext(r.Context())
		if err != nil {
			slog.ErrorContext(r.Context(), "caller unknown", "error", err)
			signin.Fail(w, r, fmt.Errorf("%w: %w", session.ErrNoSession, err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(who) // an error means that the client is gone
	}}
}
