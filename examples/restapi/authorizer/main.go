// Command authorizer is the Lambda authorizer of the REST API. It lets requests with a
// live session through, and says whose it is.
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
	env, err := dynamoconfig.Open(context.Background(), nil) // reads SESSIONS_TABLE and the variables of package config
	if err != nil {
		config.Exit(err)
	}
	dynamoconfig.WarmUp(env.Store.Check)
	lambdahttp.StartAuthorizer(authorizer.New(env.Sessions))
}
