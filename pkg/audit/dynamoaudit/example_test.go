package dynamoaudit_test

import (
	"context"
	"log"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/dynamoaudit"
)

// A program keeps a trail of what happens in it. It is compiled and not run, because it needs
// DynamoDB.
func Example() {
	ctx := context.Background()
	client := dynamodb.New(dynamodb.Options{Region: "eu-west-1"}) // as your program makes it

	if _, err := client.CreateTable(ctx, dynamoaudit.CreateTableInput("trail")); err != nil {
		log.Fatal(err)
	}
	trail := audit.NewTrail(dynamoaudit.NewWriter(client, "trail"), audit.Config{})
	logger := trail.Tee(slog.Default())             // for the Config of sessions, pages and accounts
	handler := http.Handler(http.NotFoundHandler()) // that of the pages

	logger.Info("authn_login_success", "user_id", "u1")
	log.Fatal(http.ListenAndServe("localhost:8080", trail.Handler(handler)))
}
