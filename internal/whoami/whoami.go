// Package whoami is an example of what stands behind the authorizer: a handler that
// needs to know its caller, and reads no session itself.
package whoami

import (
	"fmt"
	"log/slog"
	"net/http"

	"example.com/coatcheck/internal/respond"
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
		respond.JSON(w, http.StatusOK, who)
	}}
}
