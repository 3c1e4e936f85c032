// Command login is the Lambda function that serves /login and /reauthenticate.
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
	env, err := deployed.OpenAudited(ctx, slog.Default())
	if err != nil {
		return nil, err
	}
	authenticator, users, err := env.Asking()
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(users.Check)
	return env.Handler(signin.Login(env.Sessions, authenticator, signin.Options{}), signin.Reauthenticate(env.Sessions, authenticator, nil)), nil
}
