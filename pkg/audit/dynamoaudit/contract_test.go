package dynamoaudit_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/audittest"
	"example.com/coatcheck/pkg/audit/dynamoaudit"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func TestContract(t *testing.T) {
	audittest.Run(t, func(t *testing.T) audit.Store {
		client, name := dynamotest.Client(t, dynamotest.Endpoint(t)), "audit-"+rand.Text()
		if _, err := client.CreateTable(t.Context(), dynamoaudit.CreateTableInput(name)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
				t.Error(err)
			}
		})
		return dynamoaudit.New(client, name)
	})
}
