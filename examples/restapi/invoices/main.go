// Command invoices is a Lambda function behind the authorizer. It knows neither cookies
// nor DynamoDB: the API tells it who calls.
package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/lambdahttp/authorizer"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /invoices", mine)
	mux.HandleFunc("GET /invoices/all", all)
	// The authorizer lets through what other sites' pages send in a user's name, too.
	lambdahttp.Start(http.NewCrossOriginProtection().Handler(mux))
}

// invoices are those of each user, by ID.
var invoices = map[string][]string{"u-ada": {"2026-001"}, "u-bob": {"2026-002", "2026-003"}}

func mine(w http.ResponseWriter, r *http.Request) {
	caller, err := authorizer.FromContext(r.Context())
	if err != nil {
		refuse(w, r, err)
		return
	}
	answer(w, invoices[caller.UserID])
}

func all(w http.ResponseWriter, r *http.Request) {
	caller, err := authorizer.FromContext(r.Context())
	if err != nil {
		refuse(w, r, err)
		return
	}
	if !slices.Contains(caller.Roles, "accountant") {
		http.Error(w, "This is for accountants.", http.StatusForbidden)
		return
	}
	answer(w, invoices)
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(body)
}

// refuse answers a request that no authorizer has let through. That is a mistake in the
// API: the route has no authorizer.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	slog.ErrorContext(r.Context(), "the route has no authorizer", "error", err)
	http.Error(w, "This address is not ready yet.", http.StatusInternalServerError)
}
