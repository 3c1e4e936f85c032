// Command whoami is the Lambda function behind /whoami, an example of one that leaves sessions to the authorizer.
package main

import (
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/internal/environ"
	"example.com/coatcheck/internal/web"
	"example.com/coatcheck/internal/whoami"
	"example.com/coatcheck/pkg/lambdahttp"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	handler, err := wire()
	if err != nil {
		environ.Exit(err)
	}
	lambdahttp.Start(handler)
}

func wire() (http.Handler, error) {
	origin, err := environ.Origin()
	if err != nil {
		return nil, err
	}
	return web.Handler(origin, whoami.Routes()), nil
}
