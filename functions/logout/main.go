// Command logout is the Lambda function behind /logout.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

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
		return env.Store.Delete(ctx, session.Key{Owner: "warm-up", ID: "warm-up"}, nil, time.Now())
	})
	return web.Handler(env.Origin, web.Logout(env.Sessions)), nil
}
