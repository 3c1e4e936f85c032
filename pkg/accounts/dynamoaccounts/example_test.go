package dynamoaccounts_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// Users and attempts in two tables, with the settings that the Lambda functions of this
// module use. template.yaml defines the tables.
func Example() {
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion("eu-west-1"))
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg, dynamostore.ClientOptions)
	directory := accounts.NewDirectory(dynamoaccounts.New(client, "users"), accounts.Config{})
	limiter, err := throttle.New(dynamoaccounts.NewAttempts(client, "attempts"), throttle.Config{})
	if err != nil {
		log.Fatal(err)
	}
	authenticator := accounts.NewAuthenticator(directory, limiter)
	fmt.Println("A password has at least", authenticator.MinCharacters(), "characters.")
	// Output: A password has at least 15 characters.
}
