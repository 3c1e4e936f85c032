// Command preferences is the Lambda function that serves /preferences.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/bcp47"
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
	env, err := deployed.Open(ctx)
	if err != nil {
		return nil, err
	}
	users, err := deployed.Users(env.Client)
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(func(ctx context.Context) error {
		return users.SetPreferences(ctx, "\x00warm-up", "", nil, "") // no account has this name: Normalize refuses it
	})
	directory := accounts.NewDirectory(users, accounts.Config{}) // it checks no password, so it needs no pepper
	return env.Handler(signin.Preferences(env.Sessions, directory, bcp47.Canonical)), nil
}
