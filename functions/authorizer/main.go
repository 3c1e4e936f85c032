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
	"example.com/coatcheck/pkg/session"
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
	env, err := dynamoconfig.Deployed(ctx, nil)
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(func(ctx context.Context) error {
		_, err := env.Store.Get(ctx, session.Key{Owner: "warm-up", ID: "warm-up"})
		return err
	})
	return authorizer.New(env.Sessions), nil
}
