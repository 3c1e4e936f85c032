// Command password is the Lambda function that serves /password, and the address at
// which password managers look for it.
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
	authenticator, users, err := env.Authenticator()
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(users.Check)
	return env.Handler(signin.Password(env.Sessions, authenticator)), nil
}
