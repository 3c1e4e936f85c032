package dynamoaccounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/pkg/accounts/throttle"
)

// Attempts is a [throttle.Store] on a DynamoDB table with the hash key "key" (S). An
// item has the fields failures (N), last_at (N, epoch milliseconds), attempt (S, the
// ID of the last attempt) and expires_at (N, epoch seconds). The table's TTL is on
// expires_at. A counter without expires_at never expires.
type Attempts struct {
	table string

	// These are the calls that it makes, and not the client: see [Store].
	update func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	delete func(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// NewAttempts returns a store on the table. It makes no call.
func NewAttempts(client *dynamodb.Client, table string) *Attempts {
	return &Attempts{table: table, update: client.UpdateItem, delete: client.DeleteItem}
}

// Count implements [throttle.Store] by one UpdateItem. Its condition contains the
// steps.
func (a *Attempts) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	condition, values := stepCondition(c)
	values[":zero"], values[":one"] = number(0), number(1)
	values[":id"] = str(c.ID)
	values[":at"], values[":expires"] = number(c.At.UnixMilli()), number(c.Expires.Unix())
	out, err := a.update(ctx, &dynamodb.UpdateItemInput{
		TableName: &a.table,
		Key:       a.key(c.Key),
		UpdateExpression: new("SET failures = if_not_exists(failures, :zero) + :one, last_at = :at, " +
			"attempt = :id, expires_at = :expires"),
		ConditionExpression:                 new("attribute_not_exists(failures) OR attempt <> :id AND (" + condition + ")"),
		ExpressionAttributeValues:           values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		counter, attempt, err := a.decode(c.Key, refused.Item)
		return counter, attempt == c.ID, err
	}
	if err != nil {
		return throttle.Counter{}, false, a.wrapError(err)
	}
	counter, _, err := a.decode(c.Key, out.Attributes)
	return counter, err == nil, err
}

// stepCondition returns the DynamoDB condition under which an attempt may be counted.
func stepCondition(c throttle.Count) (condition string, values map[string]types.AttributeValue) {
	var parts []string
	values = map[string]types.AttributeValue{}
	for i, step := range c.Steps[:len(c.Steps)-1] {
		n := strconv.Itoa(i)
		part := "failures BETWEEN :from" + n + " AND :to" + n
		values[":from"+n], values[":to"+n] = number(int64(step.From)), number(int64(c.Steps[i+1].From-1))
		if step.Wait > 0 {
			part += " AND last_at <= :due" + n
			values[":due"+n] = number(c.At.Add(-step.Wait).UnixMilli())
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " OR "), values
}

// Withdraw implements [throttle.Store] by one UpdateItem. The SDK does not send it again.
func (a *Attempts) Withdraw(ctx context.Context, key string) error {
	_, err := a.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &a.table,
		Key:                       a.key(key),
		UpdateExpression:          new("SET failures = failures - :one"),
		ConditionExpression:       new("failures >= :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": number(1)},
	}, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	return a.wrapError(ignoreFailedCondition(err))
}

// Keep implements [throttle.Store] by one UpdateItem.
func (a *Attempts) Keep(ctx context.Context, key string) error {
	_, err := a.update(ctx, &dynamodb.UpdateItemInput{
		TableName:           &a.table,
		Key:                 a.key(key),
		UpdateExpression:    new("REMOVE expires_at"),
		ConditionExpression: new("attribute_exists(failures)"),
	})
	return a.wrapError(ignoreFailedCondition(err))
}

// Clear implements [throttle.Store] by one DeleteItem.
func (a *Attempts) Clear(ctx context.Context, key string) error {
	_, err := a.delete(ctx, &dynamodb.DeleteItemInput{TableName: &a.table, Key: a.key(key)})
	return a.wrapError(err)
}

// ignoreFailedCondition returns nil for a failed condition, because there was no
// counter to change.
func ignoreFailedCondition(err error) error {
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return nil
	}
	return err
}

func (a *Attempts) decode(key string, stored map[string]types.AttributeValue) (throttle.Counter, string, error) {
	item := dynamo.NewItem(a.table, key, stored)
	counter := throttle.Counter{
		Failures: int(item.Int("failures")),
		Last:     time.UnixMilli(item.Int("last_at")).UTC(),
		Expires:  epoch.Time(item.Optional().Int("expires_at")),
	}
	return counter, item.String("attempt"), item.Err()
}

func (a *Attempts) key(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"key": str(key)}
}

func (a *Attempts) wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table %q: %w", a.table, err)
}
