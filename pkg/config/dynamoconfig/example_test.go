package dynamoconfig_test

import (
	"context"
	"fmt"
	"net/http"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
)

// A Lambda function whose handler needs a signed-in user. It is compiled and not run, because
// it runs in Lambda.
func Example() {
	env, err := dynamoconfig.Open(context.Background(), nil)
	if err != nil {
		config.Exit(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s.", session.FromContext(r.Context()).UserID)
	})
	dynamoconfig.WarmUp(env.Store.Check)
	lambdahttp.Start(env.Sessions.Require(handler))
}
