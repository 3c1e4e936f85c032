// Command activity is the Lambda function that serves /activity, where users see what has
// happened with their account.
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
	dynamoconfig.WarmUp(env.Store.Check)
	return env.Handler(env.Activity()), nil
}
