package samlocal

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/dynamolocal"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
)

// StartDatabase starts DynamoDB Local, unless s.Database is set. It creates the
// template's tables, with their TTL, and the demo user. Tables and users that exist
// already stay unchanged. DynamoDB Local needs Java.
func (s *Stack) StartDatabase(ctx context.Context) error {
	if s.Database == "" {
		var err error
		s.dynamo, err = dynamolocal.Start(ctx, filepath.Join(".cache", "dynamodb-local"), dynamolocal.Options{})
		if err != nil {
			return err
		}
		s.Database = s.dynamo.Endpoint
	}
	// DynamoDB Local accepts any credentials.
	client := dynamodb.New(dynamodb.Options{BaseEndpoint: &s.Database, Region: region,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")})
	for _, id := range slices.Sorted(maps.Keys(s.template.Tables)) {
		// SAM gives the functions the logical IDs as the names of the tables.
		if _, err := s.template.Tables[id].Create(ctx, client, id); err != nil {
			return fmt.Errorf("creating %s in DynamoDB at %s: %w", id, s.Database, err)
		}
	}
	const table = "UsersTable"
	directory := accounts.NewRegistrar(dynamoaccounts.New(client, table), accounts.Config{})
	return demo.AddUser(ctx, directory, dynamoaccounts.All(ctx, client, table))
}
