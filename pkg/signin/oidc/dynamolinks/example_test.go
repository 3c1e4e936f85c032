package dynamolinks_test

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/signin/oidc/dynamolinks"
)

// The table of links is made, and opened. It is compiled and not run, because it needs
// DynamoDB.
func Example() {
	ctx := context.Background()
	client := dynamodb.New(dynamodb.Options{Region: "eu-west-1"}) // as your program makes it

	if _, err := client.CreateTable(ctx, dynamolinks.CreateTableInput("links")); err != nil {
		log.Fatal(err)
	}
	if err := dynamolinks.New(client, "links").Check(ctx); err != nil {
		log.Fatal(err)
	}
}
