// Command tickets is a Lambda function with users and answers of its own. Of Coatcheck it
// takes the sessions, in DynamoDB, and the way from an event to net/http. It is the same
// behind an HTTP API, a REST API, a load balancer and a function URL.
package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/lambdahttp"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	secrets, err := config.Secrets() // of a proxy such as CloudFront, if there is one: PROXY_SECRETS
	if err != nil {
		config.Exit(err)
	}
	env, err := dynamoconfig.Open(context.Background(), fail) // reads SESSIONS_TABLE and the variables of package config
	if err != nil {
		config.Exit(err)
	}
	dynamoconfig.WarmUp(env.Store.Check)
	lambdahttp.Start(secrets.Handler(routes(env.Sessions)))
}
