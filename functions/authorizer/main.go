// Command authorizer is the Lambda authorizer for functions that do not check
// sessions themselves. It works with HTTP APIs and REST APIs: the event says which one
// asks.
package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/lambdahttp/authorizer"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	authorize, err := wire(context.Background())
	if err != nil {
		config.Exit(err)
	}
	lambdahttp.StartAuthorizer(authorize)
}

func wire(ctx context.Context) (lambdahttp.Authorizer, error) {
	env, err := dynamoconfig.Open(ctx, nil)
	if err != nil {
		return nil, err
	}
	secrets, err := config.Secrets()
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(env.Store.Check)
	return env.Times.Authorizer(authorizer.BehindProxy(secrets, nil, authorizer.New(env.Sessions))), nil
}
