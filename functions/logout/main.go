// Command logout is the Lambda function that serves /logout.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
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
	dynamoconfig.WarmUp(func(ctx context.Context) error {
		_, err := env.Store.Delete(ctx, session.Key{Owner: "warm-up", ID: "warm-up"}, nil, time.Now())
		return err
	})
	return env.Handler(signin.Logout(env.Sessions)), nil
}
