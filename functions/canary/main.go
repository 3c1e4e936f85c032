// Command canary is the Lambda function that tries the product, as a user of its own. A
// schedule invokes it.
package main

import (
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/coatcheck/pkg/canary"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/lambdaconfig"
	"example.com/coatcheck/pkg/lambdahttp"
)

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	c, err := wire()
	if err != nil {
		config.Exit(err)
	}
	lambdahttp.StartScheduled(c.Run)
}

func wire() (*canary.Canary, error) {
	url, noURL := config.Required("CANARY_URL")
	userID, noUser := config.Required("CANARY_USER_ID")
	secret, noSecret := config.Required("CANARY_SECRET")
	sdk, err := lambdaconfig.AWS()
	if err := errors.Join(noURL, noUser, noSecret, err); err != nil {
		return nil, err
	}
	return canary.New(secretsmanager.NewFromConfig(sdk), canary.Config{URL: url, UserID: userID, Secret: secret}), nil
}
