package canary_test

import (
	"context"
	"log"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/coatcheck/pkg/canary"
	"example.com/coatcheck/pkg/lambdahttp"
)

// The function that a schedule invokes. It is compiled and not run, because it runs in Lambda.
func Example() {
	sdk, err := awsconfig.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	c := canary.New(secretsmanager.NewFromConfig(sdk), canary.Config{
		URL:    "https://app.example.com",
		UserID: "DJMGLOmNMFEDVEVrArvOeg",
		Secret: "coatcheck-canary",
	})
	lambdahttp.StartScheduled(c.Run)
}
