package dynamostore

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TTLAttribute is the name of the TTL attribute of an item. Its value is in Unix
// seconds.
const TTLAttribute = "expires_at"

// CreateTableInput returns the input of the call that creates a table of sessions under
// the given name, with on-demand billing. You may add to it what no Store notices, such
// as tags, encryption with a key of yours, or protection against deletion. When the
// table is active, turn on its TTL with [UpdateTimeToLiveInput].
func CreateTableInput(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("owner"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("id"), KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("owner"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS},
		},
	}
}

// UpdateTimeToLiveInput returns the input of the call that makes DynamoDB remove dead
// sessions from the table with the given name. Without it they stay, but count as absent
// all the same.
func UpdateTimeToLiveInput(name string) *dynamodb.UpdateTimeToLiveInput {
	return &dynamodb.UpdateTimeToLiveInput{
		TableName: &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String(TTLAttribute),
			Enabled:       aws.Bool(true),
		},
	}
}
