// Command sessions is the Lambda function that serves /sessions, where users see and
// end their sessions.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
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
	window, err := config.ReauthenticationWindow()
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(env.Store.Check)
	return env.Handler(signin.Sessions(env.Sessions, window)), nil
}
