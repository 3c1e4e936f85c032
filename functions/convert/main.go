// Command convert is the Lambda function that serves /convert.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/bridgeconfig"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/signin"
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
	env, err := deployed.OpenEnding(ctx, slog.Default())
	if err != nil {
		return nil, err
	}
	records, err := deployed.Bridge(env.Client)
	if err != nil {
		return nil, err
	}
	users, err := deployed.Users(env.Client)
	if err != nil {
		return nil, err
	}
	directory := accounts.NewDirectory(users, accounts.Config{Logger: env.Logger}) // it checks no password, so it needs no pepper
	converter, err := bridgeconfig.Converter(ctx, env.Site.LegacyCookies, env.Sessions, directory, records, func(c *bridge.Config) { c.Logger = env.Logger })
	return env.Handler(signin.Convert(env.Sessions, converter)), err
}
