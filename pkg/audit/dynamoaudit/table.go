package dynamoaudit

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TTLAttribute is the name of the attribute by which DynamoDB removes expired items. Its
// value is in Unix seconds.
const TTLAttribute = "expires_at"

// CreateTableInput returns the input of the call that creates a table of entries under the
// given name, with on-demand billing. You may add to it what no Store notices, such as a
// stream, protection against deletion, or encryption with a key of yours. When the table is
// active, turn on its TTL with [UpdateTimeToLiveInput].
func CreateTableInput(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: new("user_id"), KeyType: types.KeyTypeHash},
			{AttributeName: new("key"), KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: new("user_id"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: new("key"), AttributeType: types.ScalarAttributeTypeS},
		},
	}
}

// UpdateTimeToLiveInput returns the input of the call that makes DynamoDB remove expired
// entries from the table with the given name. Without it they stay, but count as absent all
// the same.
func UpdateTimeToLiveInput(name string) *dynamodb.UpdateTimeToLiveInput {
	return &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: new(TTLAttribute), Enabled: new(true)},
	}
}
