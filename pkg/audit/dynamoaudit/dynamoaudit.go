package dynamoaudit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/pkg/audit"
)

// Writer is an [audit.Writer]; make one with [NewWriter].
type Writer struct {
	table string

	// This and its like are method values and not an interface: together with html/template,
	// an interface makes the linker keep all operations of the client.
	put func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// NewWriter returns a Writer to the table, which calls PutItem and nothing else. The
// client's timeouts and retries apply. NewWriter makes no call.
func NewWriter(client *dynamodb.Client, table string) *Writer { return &Writer{table, client.PutItem} }

// Append implements [audit.Writer] by one PutItem, on the condition that nothing has the
// key. If something has it, that is this entry, stored by a try whose answer was lost: the
// key has 128 random bits.
func (w *Writer) Append(ctx context.Context, e audit.Entry) error {
	_, err := w.put(ctx, &dynamodb.PutItemInput{
		TableName: &w.table, Item: encode(e),
		ConditionExpression: new("attribute_not_exists(user_id)"),
		ReturnValues:        types.ReturnValueNone, // the policy asks for it by name
	})
	if _, stored := errors.AsType[*types.ConditionalCheckFailedException](err); stored {
		return nil
	}
	return outage(w.table, err)
}

// Reader is an [audit.Reader]; make one with [NewReader].
type Reader struct {
	table string
	query func(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// NewReader returns a Reader of the table, which calls Query and nothing else. The client's
// timeouts and retries apply. NewReader makes no call.
func NewReader(client *dynamodb.Client, table string) *Reader { return &Reader{table, client.Query} }

// List implements [audit.Reader] by one Query, and by more where a page of DynamoDB ends
// early: at 1 MB, or at entries that have expired.
func (r *Reader) List(ctx context.Context, userID, before string, limit int) (list []audit.Entry, err error) {
	in := &dynamodb.QueryInput{
		TableName:                 &r.table,
		KeyConditionExpression:    new("user_id = :user"),
		FilterExpression:          new("expires_at > :now"),
		ExpressionAttributeValues: attributes{":user": text(userID), ":now": seconds(time.Now())},
		ScanIndexForward:          new(false),
		ConsistentRead:            new(true),
	}
	if before != "" {
		in.KeyConditionExpression = new("user_id = :user AND #key < :before")
		in.ExpressionAttributeNames = map[string]string{"#key": "key"} // which is a reserved word
		in.ExpressionAttributeValues[":before"] = text(before)
	}
	for len(list) < limit {
		in.Limit = new(int32(limit - len(list)))
		page, err := r.query(ctx, in)
		if err != nil {
			return nil, outage(r.table, err)
		}
		for _, item := range page.Items {
			e, err := decode(r.table, item)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		if in.ExclusiveStartKey = page.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			break
		}
	}
	return list, nil
}

// Check returns an error if the table cannot be read: because it is missing, because of a
// missing permission, or in an outage. It is one Query. Call it at the start of a program,
// also to open the connection.
func (r *Reader) Check(ctx context.Context) error {
	_, err := r.List(ctx, "-", "", 1)
	return err
}

// Store is an [audit.Store]; make one with [New].
type Store struct {
	*Writer
	*Reader
	scan func(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

var _ audit.Store = (*Store)(nil)

// New returns a Store on the table, for operators: it needs the rights of a [Writer] and a
// [Reader], and dynamodb:Scan. New makes no call.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{NewWriter(client, table), NewReader(client, table), client.Scan}
}

// All implements [audit.Store] by consistent Scans, page by page. For a damaged item it
// returns an error in place of the entry, and goes on. If a page cannot be read, it returns
// an error and stops.
func (s *Store) All(ctx context.Context) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for next := (attributes)(nil); ; {
			page, err := s.scan(ctx, &dynamodb.ScanInput{
				TableName: &s.Reader.table, ConsistentRead: new(true), ExclusiveStartKey: next,
				FilterExpression: new("expires_at > :now"), ExpressionAttributeValues: attributes{":now": seconds(time.Now())},
			})
			if err != nil {
				yield(audit.Entry{}, outage(s.Reader.table, err))
				return
			}
			for _, item := range page.Items {
				if !yield(decode(s.Reader.table, item)) {
					return
				}
			}
			if next = page.LastEvaluatedKey; next == nil {
				return
			}
		}
	}
}

// fields are the attributes of an item that are texts, and may be empty. They are there all
// the same: a pipe that reads them from the table's stream finds every path.
func fields(e *audit.Entry) map[string]*string {
	return map[string]*string{
		"session_id": &e.SessionID, "ip": &e.IP, "user_agent": &e.UserAgent, "reason": &e.Reason, "actor": &e.Actor,
	}
}

func encode(e audit.Entry) attributes {
	item := attributes{"user_id": text(e.UserID), "key": text(e.Key()), "event": text(e.Event), "expires_at": seconds(e.ExpiresAt)}
	for name, value := range fields(&e) {
		item[name] = text(*value)
	}
	if len(e.Details) > 0 {
		details := attributes{}
		for name, value := range e.Details {
			details[name] = text(value)
		}
		item["details"] = &types.AttributeValueMemberM{Value: details}
	}
	return item
}

func decode(table string, stored attributes) (e audit.Entry, err error) {
	ids := dynamo.NewItem(table, "", stored)
	item := dynamo.NewItem(table, ids.String("user_id")+"/"+ids.String("key"), stored)
	e = audit.Entry{
		UserID: item.String("user_id"), Event: item.String("event"),
		Details: item.Optional().StringMap("details"), ExpiresAt: time.Unix(item.Int("expires_at"), 0).UTC(),
	}
	for name, value := range fields(&e) {
		*value = item.Optional().String(name)
	}
	if e.At, e.ID, err = audit.ParseKey(item.String("key")); err != nil {
		err = fmt.Errorf("table %q: %w", table, err)
	}
	if item.Err() != nil {
		err = item.Err()
	}
	if err != nil {
		return audit.Entry{}, err
	}
	return e, nil
}

func outage(table string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table %q: %w", table, err)
}

type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func seconds(t time.Time) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.Unix(), 10)}
}
