package bench_test

import (
	"context"
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// dynamoStore is a store of scs in DynamoDB, since there is none: as simple as can be, with
// consistent reads.
type dynamoStore struct {
	client *dynamodb.Client
	table  string // its hash key is token
}

func tokenKey(token string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"token": &types.AttributeValueMemberS{Value: token}}
}

func (s dynamoStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: tokenKey(token), ConsistentRead: new(true)})
	if err != nil || out.Item == nil {
		return nil, false, err
	}
	expiry, _ := out.Item["expiry"].(*types.AttributeValueMemberN)
	stored, _ := out.Item["data"].(*types.AttributeValueMemberB)
	if expiry == nil || stored == nil {
		return nil, false, nil
	}
	end, err := strconv.ParseInt(expiry.Value, 10, 64)
	return stored.Value, time.Now().Unix() < end, err
}

func (s dynamoStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	item := tokenKey(token)
	item["data"] = &types.AttributeValueMemberB{Value: data}
	item["expiry"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(expiry.Unix(), 10)}
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: item})
	return err
}

func (s dynamoStore) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: tokenKey(token)})
	return err
}

// The methods without a context are never called, because those with one are there.

func (s dynamoStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s dynamoStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

func (s dynamoStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// newTokenTable makes the table of a dynamoStore.
func newTokenTable(t *testing.T) string {
	t.Helper()
	name, client := "scs-"+rand.Text(), dynamotest.Client(t, dynamotest.Endpoint(t))
	_, err := client.CreateTable(waiting(t), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("token"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: new("token"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}
