// Command login is the Lambda function behind /login and /reauthenticate.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/internal/environ"
	"example.com/coatcheck/internal/web"
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
	door, users, err := environ.DeployedDoor(env.Client)
	if err != nil {
		return nil, err
	}
	environ.WarmUp(func(ctx context.Context) error {
		_, err := users.Get(ctx, "\x00warm-up") // no name that Normalize makes
		return err
	})
	return web.Handler(env.Origin, web.Login(env.Sessions, door), web.Reauthenticate(env.Sessions, door)), nil
}
