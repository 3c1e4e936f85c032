package dynamobridge_test

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/bridge/dynamobridge"
)

// The table of a bridge's records is made, and opened. It is compiled and not run, because it
// needs DynamoDB.
func Example() {
	ctx := context.Background()
	client := dynamodb.New(dynamodb.Options{Region: "eu-west-1"}) // as your program makes it

	if _, err := client.CreateTable(ctx, dynamobridge.CreateTableInput("bridge")); err != nil {
		log.Fatal(err)
	}
	records := dynamobridge.New(client, "bridge")
	if err := records.Check(ctx); err != nil {
		log.Fatal(err)
	}
}
