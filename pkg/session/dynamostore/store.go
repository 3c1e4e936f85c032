package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/pkg/session"
)

// Store is a [session.Store] on one table. Every read is strongly consistent within
// one region. With global tables a logout reaches other regions about a second late.
type Store struct {
	table string

	// These are method values and not an interface: together with html/template, an
	// interface makes the linker keep all operations of the client.
	put    func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	get    func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	update func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	delete func(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	query  func(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

var _ session.Store = (*Store)(nil)

// New returns a Store on the table. The client's timeouts and retries apply, except
// that Create is never retried. New does not call DynamoDB.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{table, client.PutItem, client.GetItem, client.UpdateItem, client.DeleteItem, client.Query}
}

// Check returns an error if the table cannot be read: because it is missing, because of
// a missing permission, or in an outage. It is one GetItem of a session that cannot
// exist. Call it at the start of a program, also to open the connection.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.Get(ctx, session.Key{Owner: "-", ID: "-"})
	if errors.Is(err, session.ErrNoSession) {
		return nil
	}
	return err
}

// Create implements [session.Store]: one PutItem, sent once.
func (s *Store) Create(ctx context.Context, sess *session.Session) error {
	_, err := s.put(ctx, &dynamodb.PutItemInput{
		TableName:           &s.table,
		Item:                encode(sess),
		ConditionExpression: aws.String("attribute_not_exists(id)"),
	}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	if _, failed := conditionFailed(err); failed {
		return session.ErrConflict
	}
	return s.outage("PutItem", err)
}

// Get implements [session.Store]: one GetItem.
func (s *Store) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	out, err := s.get(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            itemKey(key),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, s.outage("GetItem", err)
	}
	if len(out.Item) == 0 {
		return nil, session.ErrNoSession
	}
	return s.decode(out.Item)
}

// Update implements [session.Store]: one UpdateItem.
func (s *Store) Update(ctx context.Context, sess *session.Session, now time.Time, newVersion int64) error {
	values := attributes{
		":now": seconds(now), ":old": number(sess.Version), ":new": number(newVersion),
		":roles": list(sess.Roles), ":values": stringMap(sess.Values),
		":secret": binary(sess.Secret), ":previous": binary(sess.PreviousSecret),
	}
	set, remove := "SET version = :new, #roles = :roles, #values = :values, secret = :secret, previous_secret = :previous", ""
	if !sess.ExpiresAt.IsZero() {
		set += ", authenticated_at = :authenticated, expires_at = :expires"
		values[":authenticated"], values[":expires"] = seconds(sess.AuthenticatedAt), seconds(sess.ExpiresAt)
		if sess.EndsAt.IsZero() {
			remove = " REMOVE ends_at"
		} else {
			set += ", ends_at = :ends"
			values[":ends"] = seconds(sess.EndsAt)
		}
	}
	attempts, count := dynamo.CountAttempts()
	_, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                           &s.table,
		Key:                                 itemKey(sess.Key()),
		UpdateExpression:                    aws.String(set + remove),
		ConditionExpression:                 aws.String("version = :old AND expires_at > :now"),
		ExpressionAttributeNames:            map[string]string{"#roles": "roles", "#values": "values"},
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, count)
	stored, failed := conditionFailed(err)
	if !failed {
		return s.outage("UpdateItem", err)
	}
	if len(stored) == 0 {
		return session.ErrNoSession
	}
	current, err := s.decode(stored)
	switch {
	case err != nil:
		return err
	case current.Version == newVersion:
		return nil // an earlier try of this call was applied
	case !current.ExpiresAt.After(now):
		return session.ErrNoSession
	case *attempts > 1:
		return fmt.Errorf("dynamostore: table %s: another write came between two tries of this one; whether it was applied is unknown", s.table)
	}
	return session.ErrConflict
}

// Touch implements [session.Store]: one UpdateItem.
func (s *Store) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	_, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:           &s.table,
		Key:                 itemKey(key),
		UpdateExpression:    aws.String("SET last_seen_at = :now, expires_at = :expires, last_ip = :ip, last_user_agent = :agent"),
		ConditionExpression: aws.String("expires_at > :now AND last_seen_at < :now AND expires_at <= :expires"),
		ExpressionAttributeValues: attributes{
			":now": seconds(now), ":expires": seconds(expires),
			":ip": text(ip), ":agent": text(userAgent),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	stored, failed := conditionFailed(err)
	if !failed {
		return s.outage("UpdateItem", err)
	}
	if len(stored) == 0 {
		return session.ErrNoSession
	}
	current, err := s.decode(stored)
	if err == nil && !current.ExpiresAt.After(now) {
		return session.ErrNoSession
	}
	return err // nil: the session is alive, and its stored times must not go back
}

// Delete implements [session.Store]: one DeleteItem.
func (s *Store) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	in := &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: itemKey(key), ReturnValues: types.ReturnValueAllOld,
		ConditionExpression: aws.String("attribute_exists(id)"), // without it DynamoDB Local returns the item to several at once
	}
	if secret != nil {
		in.ConditionExpression = aws.String("secret = :secret OR previous_secret = :secret")
		in.ExpressionAttributeValues = attributes{":secret": binary(*secret)}
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	attempts, count := dynamo.CountAttempts()
	out, err := s.delete(ctx, in, count)
	stored, failed := conditionFailed(err)
	if err != nil && !failed {
		return "", s.outage("DeleteItem", err)
	}
	if failed && len(stored) > 0 {
		if _, err := s.decode(stored); err != nil {
			return "", err // the stored secret may be the damaged field
		}
		return "", session.ErrNoSession // the wrong secret
	}
	if failed || len(out.Attributes) == 0 {
		if *attempts > 1 {
			return "", nil // an earlier try of this call removed it
		}
		return "", session.ErrNoSession
	}
	removed, err := s.decode(out.Attributes)
	switch {
	case err != nil:
		return "", nil // the item was damaged, and is removed now
	case !removed.ExpiresAt.After(now):
		return "", session.ErrNoSession
	}
	return removed.UserID, nil
}

// List implements [session.Store]: one Query, and one more for each further
// megabyte.
func (s *Store) List(ctx context.Context, owner string) ([]*session.Session, error) {
	in := &dynamodb.QueryInput{
		TableName:                 &s.table,
		KeyConditionExpression:    aws.String("#owner = :owner"),
		ExpressionAttributeNames:  map[string]string{"#owner": "owner"},
		ExpressionAttributeValues: attributes{":owner": text(owner)},
		ConsistentRead:            aws.Bool(true),
	}
	var all []*session.Session
	var damaged []error
	for {
		out, err := s.query(ctx, in)
		if err != nil {
			return nil, s.outage("Query", err)
		}
		for _, item := range out.Items {
			sess, err := s.decode(item)
			if err != nil {
				damaged = append(damaged, err)
				continue
			}
			all = append(all, sess)
		}
		if len(out.LastEvaluatedKey) == 0 {
			return all, errors.Join(damaged...)
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// conditionFailed reports whether err says that a condition did not hold, and
// returns the stored item. The item is empty if there is none.
func conditionFailed(err error) (attributes, bool) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false
	}
	return failed.Item, true
}

func (s *Store) outage(call string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("dynamostore: %s on table %s: %w", call, s.table, err)
}
