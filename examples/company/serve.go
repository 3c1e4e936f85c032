package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/lambdahttp"
)

// serve answers requests with handler: those of Lambda, or else those that come to ADDR.
func serve(handler http.Handler) error {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		slog.SetDefault(lambdacontext.NewLogger())
		lambdahttp.Start(handler)
	}
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "localhost:8080"))
	if err != nil {
		return err
	}
	fmt.Printf("The portal is at http://%s\n", listener.Addr())
	server := http.Server{Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	return server.Serve(listener)
}
