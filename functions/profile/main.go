// Command profile is the Lambda function behind /profile, / and every path that nothing else serves.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/internal/environ"
	"example.com/coatcheck/internal/web"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	handler, err := wire(context.Background())
	if err != nil {
		environ.Exit(err)
	}
	lambdahttp.Start(handler)
}

func wire(ctx context.Context) (http.Handler, error) {
	env, err := environ.Deployed(ctx, web.Fail)
	if err != nil {
		return nil, err
	}
	environ.WarmUp(func(ctx context.Context) error {
		_, err := env.Store.Get(ctx, session.Key{Owner: "warm-up", ID: "warm-up"})
		return err
	})
	return web.Handler(env.Origin, web.Profile(env.Sessions)), nil
}
