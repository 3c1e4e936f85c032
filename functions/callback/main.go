// Command callback is the Lambda function that serves /sso, and /login where nobody has a password.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/oidc/dynamolinks"
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
	table, err := config.Required(oidcconfig.Table)
	if err != nil {
		return nil, err
	}
	links, o := dynamolinks.New(env.Client, table), signin.Options{}
	provider, err := oidcconfig.Provider(links, env.Site.Origin, env.Logger)
	if err != nil {
		return nil, err
	}
	dynamoconfig.WarmUp(links.Check)
	return env.Handler(signin.SSO(env.Sessions, provider, o), signin.Login(env.Sessions, nil, o), signin.Reauthenticate(env.Sessions, nil, nil)), nil
}
