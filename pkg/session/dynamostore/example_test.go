package dynamostore_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// A program that keeps its sessions in the table sessions, with the settings that the
// Lambda functions of this module use.
func Example() {
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion("eu-west-1"))
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg, dynamostore.ClientOptions)
	sessions, err := session.New(dynamostore.New(client, "sessions"), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_ = sessions // sessions.Create, sessions.Require, …
	fmt.Println("A call is tried", client.Options().Retryer.MaxAttempts(), "times.")
	// Output: A call is tried 3 times.
}

// A tool makes the table once. It is compiled and not run, because it needs DynamoDB.
func ExampleCreateTableInput() {
	create := func(ctx context.Context, client *dynamodb.Client, name string) error {
		if _, err := client.CreateTable(ctx, dynamostore.CreateTableInput(name)); err != nil {
			return err
		}
		active := dynamodb.NewTableExistsWaiter(client)
		if err := active.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
			return err
		}
		_, err := client.UpdateTimeToLive(ctx, dynamostore.UpdateTimeToLiveInput(name))
		return err
	}
	_ = create
}
