// Command preferences is the Lambda function behind /preferences.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/internal/bcp47"
	"example.com/coatcheck/internal/environ"
	"example.com/coatcheck/internal/web"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/lambdahttp"
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
	users, err := environ.UserStore(env.Client)
	if err != nil {
		return nil, err
	}
	environ.WarmUp(func(ctx context.Context) error {
		_, err := users.Get(ctx, "\x00warm-up") // no name that Normalize makes
		return err
	})
	directory := accounts.NewDirectory(users, password.Hasher{}) // it sees no password, and needs no pepper
	return web.Handler(env.Origin, web.Preferences(env.Sessions, directory, bcp47.Canonical)), nil
}
