// Package dynamobridge keeps the records of a bridge in a DynamoDB table of their own:
// among sessions they would be damaged sessions.
//
// This package may still change in ways that break programs.
package dynamobridge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/session"
)

// Store is a [bridge.Store] on a DynamoDB table with the hash key "id" (S), as
// [CreateTableInput] has it. It has three kinds of items, none with a TTL:
//
//   - link#<ID>: nonce, source (S), written_at (N, milliseconds since 1970), ended (BOOL),
//     session_owner and session_id (S), which are absent if the link names no session
//   - seal#<owner>: written_at
//   - window: ends_at (N, seconds since 1970), closed (BOOL), which is absent until the
//     bridge is closed
//
// Every read is strongly consistent within one region.
type Store struct {
	table string

	// These are method values and not an interface: together with html/template, an
	// interface makes the linker keep all operations of the client.
	get    func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	put    func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	update func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	delete func(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	scan   func(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

var _ bridge.Store = (*Store)(nil)

// New returns a Store on the table. The client's timeouts and retries apply. New makes no
// call.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{table, client.GetItem, client.PutItem, client.UpdateItem, client.DeleteItem, client.Scan}
}

// CreateTableInput returns the input of the call that creates the table under the given
// name, with on-demand billing. You may add to it what no Store notices, such as tags,
// encryption with a key of yours, or protection against deletion. Turn on no TTL.
func CreateTableInput(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:            &name,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: new("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("id"), AttributeType: types.ScalarAttributeTypeS}},
	}
}

// Check returns an error if the table cannot be read: because it is missing, because of a
// missing permission, or in an outage. It is one GetItem. Call it at the start of a program,
// also to open the connection.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.GetWindow(ctx)
	if errors.Is(err, bridge.ErrNotFound) {
		return nil
	}
	return err
}

const (
	linkPrefix = "link#"
	sealPrefix = "seal#"
	windowID   = "window"
)

// PutLink implements [bridge.Store] by one PutItem.
func (s *Store) PutLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	item := encode(l)
	_, err := s.put(ctx, &dynamodb.PutItemInput{
		TableName:                           &s.table,
		Item:                                item,
		ConditionExpression:                 new("attribute_not_exists(id)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	taken, failed := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case failed:
		item = taken.Item
	case err != nil:
		return bridge.Link{}, s.outage(err)
	}
	stored, err := s.decode(item)
	if err == nil && stored.Nonce != l.Nonce { // else an earlier try of this call was applied
		err = bridge.ErrExists
	}
	return stored, err
}

// GetLink implements [bridge.Store] by one GetItem.
func (s *Store) GetLink(ctx context.Context, id string) (bridge.Link, error) {
	item, err := s.read(ctx, linkPrefix+id)
	switch {
	case err != nil:
		return bridge.Link{}, err
	case item == nil:
		return bridge.Link{}, bridge.ErrNotFound
	}
	return s.decode(item)
}

// DeleteLink implements [bridge.Store] by one DeleteItem.
func (s *Store) DeleteLink(ctx context.Context, id, nonce string) error {
	_, err := s.delete(ctx, &dynamodb.DeleteItemInput{
		TableName:                 &s.table,
		Key:                       key(linkPrefix + id),
		ConditionExpression:       new("nonce = :nonce"),
		ExpressionAttributeValues: attributes{":nonce": text(nonce)},
	})
	if _, failed := errors.AsType[*types.ConditionalCheckFailedException](err); failed {
		return nil
	}
	return s.outage(err)
}

// EndLink implements [bridge.Store] by one UpdateItem, which leaves the session as it is.
func (s *Store) EndLink(ctx context.Context, l bridge.Link) (before bridge.Link, err error) {
	out, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      key(linkPrefix + l.ID),
		UpdateExpression:         new("SET nonce = :nonce, #source = :source, written_at = :at, ended = :true"),
		ExpressionAttributeNames: map[string]string{"#source": "source"}, // a reserved word
		ExpressionAttributeValues: attributes{
			":nonce": text(l.Nonce), ":source": text(l.Source), ":at": milliseconds(l.At), ":true": boolean(true),
		},
		ReturnValues: types.ReturnValueAllOld,
	})
	if err != nil || len(out.Attributes) == 0 {
		return bridge.Link{}, s.outage(err)
	}
	return s.decode(out.Attributes)
}

// PutSeal implements [bridge.Store] by one UpdateItem.
func (s *Store) PutSeal(ctx context.Context, owner string, at time.Time) error {
	_, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &s.table,
		Key:                       key(sealPrefix + owner),
		UpdateExpression:          new("SET written_at = :at"),
		ConditionExpression:       new("attribute_not_exists(written_at) OR written_at < :at"),
		ExpressionAttributeValues: attributes{":at": milliseconds(at)},
	})
	if _, failed := errors.AsType[*types.ConditionalCheckFailedException](err); failed {
		return nil // one that is as late is there
	}
	return s.outage(err)
}

// GetSeal implements [bridge.Store] by one GetItem.
func (s *Store) GetSeal(ctx context.Context, owner string) (time.Time, error) {
	stored, err := s.read(ctx, sealPrefix+owner)
	if err != nil || stored == nil {
		return time.Time{}, err
	}
	item := dynamo.NewItem(s.table, sealPrefix+owner, stored)
	at := time.UnixMilli(item.Int("written_at")).UTC()
	return at, item.Err()
}

// OpenWindow implements [bridge.Store] by one UpdateItem.
func (s *Store) OpenWindow(ctx context.Context, endsAt time.Time) (bridge.Window, error) {
	out, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &s.table,
		Key:                       key(windowID),
		UpdateExpression:          new("SET ends_at = if_not_exists(ends_at, :end)"),
		ExpressionAttributeValues: attributes{":end": number(endsAt.Unix())},
		ReturnValues:              types.ReturnValueAllNew,
	})
	if err != nil {
		return bridge.Window{}, s.outage(err)
	}
	return s.decodeWindow(out.Attributes)
}

// GetWindow implements [bridge.Store] by one GetItem.
func (s *Store) GetWindow(ctx context.Context) (bridge.Window, error) {
	stored, err := s.read(ctx, windowID)
	switch {
	case err != nil:
		return bridge.Window{}, err
	case stored == nil:
		return bridge.Window{}, bridge.ErrNotFound
	}
	return s.decodeWindow(stored)
}

// CloseWindow implements [bridge.Store] by one UpdateItem.
func (s *Store) CloseWindow(ctx context.Context) error {
	_, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &s.table,
		Key:                       key(windowID),
		UpdateExpression:          new("SET closed = :true"),
		ConditionExpression:       new("attribute_exists(ends_at)"),
		ExpressionAttributeValues: attributes{":true": boolean(true)},
	})
	if _, failed := errors.AsType[*types.ConditionalCheckFailedException](err); failed {
		return bridge.ErrNotFound
	}
	return s.outage(err)
}

// Links implements [bridge.Store] by consistent Scans, page by page. For a damaged item it
// returns an error in place of the link, and goes on.
func (s *Store) Links(ctx context.Context) iter.Seq2[bridge.Link, error] {
	return func(yield func(bridge.Link, error) bool) {
		in := &dynamodb.ScanInput{
			TableName: &s.table, ConsistentRead: new(true),
			FilterExpression:          new("begins_with(id, :link)"),
			ExpressionAttributeValues: attributes{":link": text(linkPrefix)},
		}
		for {
			page, err := s.scan(ctx, in)
			if err != nil {
				yield(bridge.Link{}, s.outage(err))
				return
			}
			for _, item := range page.Items {
				if !yield(s.decode(item)) {
					return
				}
			}
			if in.ExclusiveStartKey = page.LastEvaluatedKey; in.ExclusiveStartKey == nil {
				return
			}
		}
	}
}

// read returns the item with the ID, or nil if there is none.
func (s *Store) read(ctx context.Context, id string) (attributes, error) {
	out, err := s.get(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(id), ConsistentRead: new(true)})
	if err != nil {
		return nil, s.outage(err)
	}
	return out.Item, nil
}

func (s *Store) outage(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table %q: %w", s.table, err)
}

func encode(l bridge.Link) attributes {
	item := attributes{
		"id": text(linkPrefix + l.ID), "nonce": text(l.Nonce), "source": text(l.Source),
		"written_at": milliseconds(l.At), "ended": boolean(l.Ended),
	}
	if l.Session != (session.Key{}) {
		item["session_owner"], item["session_id"] = text(l.Session.Owner), text(l.Session.ID)
	}
	return item
}

func (s *Store) decode(stored attributes) (bridge.Link, error) {
	id := dynamo.NewItem(s.table, "", stored).String("id")
	item := dynamo.NewItem(s.table, id, stored)
	optional := item.Optional()
	l := bridge.Link{
		ID:      strings.TrimPrefix(item.String("id"), linkPrefix),
		Nonce:   item.String("nonce"),
		Source:  item.String("source"),
		Session: session.Key{Owner: optional.String("session_owner"), ID: optional.String("session_id")},
		At:      time.UnixMilli(item.Int("written_at")).UTC(),
		Ended:   item.Bool("ended"),
	}
	if err := item.Err(); err != nil {
		return bridge.Link{}, err
	}
	return l, nil
}

func (s *Store) decodeWindow(stored attributes) (bridge.Window, error) {
	item := dynamo.NewItem(s.table, windowID, stored)
	w := bridge.Window{EndsAt: time.Unix(item.Int("ends_at"), 0).UTC(), Closed: item.Optional().Bool("closed")}
	if err := item.Err(); err != nil {
		return bridge.Window{}, err
	}
	return w, nil
}

type attributes = map[string]types.AttributeValue

func key(id string) attributes { return attributes{"id": text(id)} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func boolean(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func milliseconds(t time.Time) types.AttributeValue { return number(t.UnixMilli()) }
