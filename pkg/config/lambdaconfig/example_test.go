package lambdaconfig_test

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/lambdaconfig"
)

// A client of Secrets Manager in a Lambda function. It is compiled and not run, because the
// variables are set in Lambda.
func Example() {
	cfg, err := lambdaconfig.AWS()
	if err != nil {
		config.Exit(err)
	}
	client := secretsmanager.NewFromConfig(cfg)
	fmt.Println(client.Options().Region)
}
