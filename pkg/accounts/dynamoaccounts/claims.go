package dynamoaccounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/pkg/accounts"
)

// claimedBy is the field of a claim that has its holder. No account has this field.
const claimedBy = "claimed_by"

// keyName lets an expression name the key: name is a reserved word.
var keyName = map[string]string{"#name": "name"}

// Claim implements [accounts.Registry] by one PutItem, on the condition that nothing has
// the key, or this holder.
func (s *Store) Claim(ctx context.Context, key, holder string) error {
	_, err := s.put(ctx, &dynamodb.PutItemInput{
		TableName:                 &s.table,
		Item:                      map[string]types.AttributeValue{"name": str(key), claimedBy: str(holder)},
		ConditionExpression:       new("attribute_not_exists(#name) OR claimed_by = :holder"),
		ExpressionAttributeNames:  keyName,
		ExpressionAttributeValues: map[string]types.AttributeValue{":holder": str(holder)},
	})
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return accounts.ErrExists
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	return nil
}

// FindID implements [accounts.Store] by [accounts.FindByClaim].
func (s *Store) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return accounts.FindByClaim(ctx, s, userID)
}

// Holder implements [accounts.Registry] by one GetItem with a consistent read.
func (s *Store) Holder(ctx context.Context, key string) (string, error) {
	out, err := s.get(ctx, &dynamodb.GetItemInput{
		TableName:                &s.table,
		Key:                      map[string]types.AttributeValue{"name": str(key)},
		ConsistentRead:           new(true),
		ProjectionExpression:     new("#name, claimed_by"),
		ExpressionAttributeNames: keyName,
	})
	if err != nil {
		return "", fmt.Errorf("table %q: %w", s.table, err)
	}
	if out.Item == nil {
		return "", accounts.ErrNotFound
	}
	if _, claim := out.Item[claimedBy]; !claim {
		return key, nil
	}
	item := dynamo.NewItem(s.table, key, out.Item)
	return item.String(claimedBy), item.Err()
}

// PassClaim implements [accounts.Registry] by one UpdateItem, or by one DeleteItem if it
// removes the claim, on the condition that the holder is as given.
func (s *Store) PassClaim(ctx context.Context, key, from, to string) error {
	attempts, count := dynamo.CountAttempts()
	id := map[string]types.AttributeValue{"name": str(key)}
	var err error
	if to == "" {
		_, err = s.delete(ctx, &dynamodb.DeleteItemInput{
			TableName:                 &s.table,
			Key:                       id,
			ConditionExpression:       new("attribute_not_exists(#name) OR claimed_by = :from"),
			ExpressionAttributeNames:  keyName,
			ExpressionAttributeValues: map[string]types.AttributeValue{":from": str(from)},
		}, count)
	} else {
		_, err = s.update(ctx, &dynamodb.UpdateItemInput{
			TableName:                 &s.table,
			Key:                       id,
			UpdateExpression:          new("SET claimed_by = :to"),
			ConditionExpression:       new("claimed_by IN (:from, :to)"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":from": str(from), ":to": str(to)},
		}, count)
	}
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return s.lost(key, *attempts)
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	return nil
}
