// Command orders is a Lambda function of another stack than Coatcheck's. It checks
// sessions itself, in Coatcheck's table.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	handler, err := wire(context.Background())
	if err != nil {
		config.Exit(err)
	}
	lambdahttp.Start(handler)
}

func wire(ctx context.Context) (http.Handler, error) {
	secrets, err := config.Secrets()
	if err != nil {
		return nil, err
	}
	env, err := dynamoconfig.Open(ctx, nil)
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(env.Store.Check)
	routes := http.NewServeMux()
	routes.Handle("GET /orders", env.Sessions.Require(http.HandlerFunc(orders)))
	return secrets.Handler(http.NewCrossOriginProtection().Handler(routes)), nil
}

func orders(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // it is for one user
	fmt.Fprintf(w, "Here are the orders of the user %s, whose roles are %q.\n", s.UserID, s.Roles)
}
