package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/dynamo"
)

// Dynamo is a [Store] on a DynamoDB table with the hash key "name" (S). An item
// has the fields name, username, user_id, display_name, password_hash (S), roles
// (L of S), preferences (M of S), version (N) and disabled (BOOL); display_name,
// roles and preferences may be absent.
type Dynamo struct {
	table string

	// The calls it makes, not the client: beside html/template the linker
	// keeps all of the client's operations once the client is in an interface.
	get    func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	put    func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	update func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// NewDynamo returns a store on the table. It makes no call.
func NewDynamo(client *dynamodb.Client, table string) *Dynamo {
	return &Dynamo{table: table, get: client.GetItem, put: client.PutItem, update: client.UpdateItem}
}

// Get implements [Store] by one consistent GetItem. A damaged item is an outage
// whose error names table, key and field.
func (d *Dynamo) Get(ctx context.Context, name string) (*Account, error) {
	out, err := d.get(ctx, &dynamodb.GetItemInput{
		TableName:      &d.table,
		Key:            map[string]types.AttributeValue{"name": str(name)},
		ConsistentRead: new(true),
	})
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", d.table, err)
	}
	if out.Item == nil {
		return nil, ErrNotFound
	}
	return d.decode(name, out.Item)
}

// Create implements [Store] by one PutItem, conditional on absence.
func (d *Dynamo) Create(ctx context.Context, a *Account) error {
	attempts, count := dynamo.CountAttempts()
	_, err := d.put(ctx, &dynamodb.PutItemInput{
		TableName:                           &d.table,
		Item:                                encode(a),
		ConditionExpression:                 new("attribute_not_exists(#name)"),
		ExpressionAttributeNames:            map[string]string{"#name": "name"}, // a reserved word
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, count)
	if taken, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		// The user ID is random, so an item that carries it is this call's own
		// earlier attempt, whose answer was lost.
		stored := dynamo.NewItem(d.table, a.Name, taken.Item)
		if *attempts > 1 && stored.String("user_id") == a.UserID {
			return nil
		}
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", d.table, err)
	}
	return nil
}

// Rehash implements [Store] by one UpdateItem, conditional on the old hash.
func (d *Dynamo) Rehash(ctx context.Context, name, oldHash, newHash string) error {
	attempts, count := dynamo.CountAttempts()
	_, err := d.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                           &d.table,
		Key:                                 map[string]types.AttributeValue{"name": str(name)},
		UpdateExpression:                    new("SET password_hash = :new"),
		ConditionExpression:                 new("password_hash = :old"),
		ExpressionAttributeValues:           map[string]types.AttributeValue{":old": str(oldHash), ":new": str(newHash)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, count)
	if changed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		// The salt is random, so an account that has this hash got it from this
		// call's own earlier attempt, whose answer was lost.
		stored := dynamo.NewItem(d.table, name, changed.Item)
		if *attempts > 1 && stored.String("password_hash") == newHash {
			return nil
		}
		return ErrChanged
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", d.table, err)
	}
	return nil
}

func encode(a *Account) map[string]types.AttributeValue {
	roles := make([]types.AttributeValue, len(a.Roles))
	for i, role := range a.Roles {
		roles[i] = str(role)
	}
	preferences := make(map[string]types.AttributeValue, len(a.Preferences))
	for k, v := range a.Preferences {
		preferences[k] = str(v)
	}
	return map[string]types.AttributeValue{
		"name":          str(a.Name),
		"username":      str(a.Username),
		"user_id":       str(a.UserID),
		"display_name":  str(a.DisplayName),
		"roles":         &types.AttributeValueMemberL{Value: roles},
		"preferences":   &types.AttributeValueMemberM{Value: preferences},
		"password_hash": str(a.PasswordHash),
		"version":       &types.AttributeValueMemberN{Value: strconv.FormatInt(a.Version, 10)},
		"disabled":      &types.AttributeValueMemberBOOL{Value: a.Disabled},
	}
}

func (d *Dynamo) decode(name string, stored map[string]types.AttributeValue) (*Account, error) {
	item := dynamo.NewItem(d.table, name, stored)
	optional := item.Optional()
	a := &Account{
		Name:         item.String("name"),
		Username:     item.String("username"),
		UserID:       item.String("user_id"),
		DisplayName:  optional.String("display_name"),
		Roles:        optional.StringList("roles"),
		Preferences:  optional.StringMap("preferences"),
		PasswordHash: item.String("password_hash"),
		Version:      item.Int("version"),
		Disabled:     item.Bool("disabled"),
	}
	if err := item.Err(); err != nil {
		return nil, err
	}
	return a, nil
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
