// Command caller is the Lambda function that serves /caller. It is an example of a
// function that lets the authorizer check sessions.
package main

import (
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/lambdahttp"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	handler, err := wire()
	if err != nil {
		config.Exit(err)
	}
	lambdahttp.Start(handler)
}

func wire() (http.Handler, error) {
	pages, err := signinconfig.Pages()
	if err != nil {
		return nil, err
	}
	return pages.Handler(routes(pages)), nil
}
