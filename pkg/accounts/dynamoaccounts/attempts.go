package dynamoaccounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// ID of the last attempt), previous_at (N, epoch milliseconds of the attempt before
// it, 0 for none) and expires_at (N, epoch seconds). The table's TTL is on expires_at.
// A counter without expires_at never expires. Previous_at may be absent.
type Attempts struct {
	table string

	// These are the calls that it makes, and not the client: see [Store].
	update   func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	delete   func(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	batchGet func(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
}

// NewAttempts returns a store on the table. It makes no call.
func NewAttempts(client *dynamodb.Client, table string) *Attempts {
	return &Attempts{table: table, update: client.UpdateItem, delete: client.DeleteItem, batchGet: client.BatchGetItem}
}

// Count implements [throttle.Store] by one UpdateItem. Its condition contains the
// steps. If the TTL has not yet removed an expired counter, a second UpdateItem starts
// it again.
func (a *Attempts) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	counter, counted, err := a.count(ctx, c, a.next(c))
	if err != nil || counted || !counter.Expired(c.At) {
		return counter, counted, err
	}
	if counter, counted, err = a.count(ctx, c, a.restart(c)); err != nil || counted {
		return counter, counted, err
	}
	return a.count(ctx, c, a.next(c)) // somebody else was faster
}

// next returns the change that adds an attempt to the counter, if the steps allow it.
func (a *Attempts) next(c throttle.Count) *dynamodb.UpdateItemInput {
	condition, values := stepCondition(c)
	values[":zero"], values[":one"] = number(0), number(1)
	return &dynamodb.UpdateItemInput{
		UpdateExpression: new("SET failures = if_not_exists(failures, :zero) + :one, previous_at = if_not_exists(last_at, :zero), " + setLast),
		ConditionExpression: new("attribute_not_exists(failures) OR attempt <> :id AND " +
			"(attribute_not_exists(expires_at) OR expires_at > :now) AND (" + condition + ")"),
		ExpressionAttributeValues: values,
	}
}

// restart returns the change that starts an expired counter again.
func (a *Attempts) restart(c throttle.Count) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		UpdateExpression:          new("SET failures = :one, previous_at = :zero, " + setLast),
		ConditionExpression:       new("attempt <> :id AND expires_at <= :now"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":zero": number(0), ":one": number(1)},
	}
}

const setLast = "last_at = :at, attempt = :id, expires_at = :expires"

// count makes the change. Its condition has failed, but the attempt is counted, if the
// stored attempt is this one: then an earlier try was applied, and its answer was lost.
func (a *Attempts) count(ctx context.Context, c throttle.Count, change *dynamodb.UpdateItemInput) (throttle.Counter, bool, error) {
	values := change.ExpressionAttributeValues
	values[":id"] = str(c.ID)
	values[":at"], values[":expires"], values[":now"] = number(c.At.UnixMilli()), number(c.Expires.Unix()), number(c.At.Unix())
	change.TableName, change.Key = &a.table, a.key(c.Key)
	change.ReturnValues = types.ReturnValueAllNew
	change.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	out, err := a.update(ctx, change)
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if refused.Item == nil {
			return throttle.Counter{}, false, nil
		}
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

// withdrawTries limits the calls of one Withdraw. Each failed try means that somebody
// else has changed the counter.
const withdrawTries = 8

// Withdraw implements [throttle.Store] by one DeleteItem. If the counter has other
// failures too, an UpdateItem follows. The SDK sends none of them again. Only if others
// change the counter at the same time, there are more calls.
func (a *Attempts) Withdraw(ctx context.Context, key, id string, counted bool) error {
	values := map[string]types.AttributeValue{":id": str(id), ":one": number(1)}
	remove := func() error { return a.remove(ctx, key, "failures <= :one AND attempt = :id", values) }
	if counted {
		remove = func() error {
			return a.remove(ctx, key, "failures <= :one", map[string]types.AttributeValue{":one": number(1)})
		}
	}
	err := remove()
	for range withdrawTries - 1 {
		refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
		if !ok {
			return a.wrapError(err)
		}
		if refused.Item == nil {
			return nil
		}
		counter, attempt, damaged := a.decode(key, refused.Item)
		switch {
		case damaged != nil:
			return damaged
		case attempt != id && !counted:
			return nil
		case counter.Failures <= 1:
			err = remove()
		case attempt == id:
			err = a.lower(ctx, key, "failures = failures - :one, last_at = previous_at", "failures > :one AND attempt = :id", values)
		default:
			err = a.lower(ctx, key, "failures = failures - :one", "failures > :one AND attempt <> :id", values)
		}
	}
	return a.wrapError(err)
}

func (a *Attempts) remove(ctx context.Context, key, condition string, values map[string]types.AttributeValue) error {
	_, err := a.delete(ctx, &dynamodb.DeleteItemInput{
		TableName:                           &a.table,
		Key:                                 a.key(key),
		ConditionExpression:                 &condition,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, sendOnce)
	return err
}

func (a *Attempts) lower(ctx context.Context, key, set, condition string, values map[string]types.AttributeValue) error {
	_, err := a.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                           &a.table,
		Key:                                 a.key(key),
		UpdateExpression:                    new("SET " + set),
		ConditionExpression:                 &condition,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, sendOnce)
	return err
}

func sendOnce(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }

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

// maxBatch is the maximum number of items in one BatchGetItem.
const maxBatch = 100

// Get implements [throttle.Store] by BatchGetItem with consistent reads, for 100 keys at
// a time.
func (a *Attempts) Get(ctx context.Context, keys []string) (map[string]throttle.Counter, error) {
	found := map[string]throttle.Counter{}
	keys = slices.Compact(slices.Sorted(slices.Values(keys))) // DynamoDB refuses a key that is there twice
	for chunk := range slices.Chunk(keys, maxBatch) {
		request := types.KeysAndAttributes{ConsistentRead: new(true)}
		for _, key := range chunk {
			request.Keys = append(request.Keys, a.key(key))
		}
		for len(request.Keys) > 0 { // DynamoDB may answer a part of the request only
			out, err := a.batchGet(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{a.table: request}})
			if err != nil {
				return nil, a.wrapError(err)
			}
			for _, stored := range out.Responses[a.table] {
				key := dynamo.NewItem(a.table, "", stored).String("key")
				if found[key], _, err = a.decode(key, stored); err != nil {
					return nil, err
				}
			}
			request.Keys = out.UnprocessedKeys[a.table].Keys
		}
	}
	return found, nil
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
