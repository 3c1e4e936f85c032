package deployed_test

import (
	"context"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/signin"
)

// The function that serves /profile, as template.yaml deploys it. It is compiled and not run,
// because it runs in Lambda.
func Example() {
	env, err := deployed.Open(context.Background())
	if err != nil {
		config.Exit(err)
	}
	dynamoconfig.WarmUp(env.Store.Check)
	lambdahttp.Start(env.Handler(signin.Profile(env.Sessions)))
}
