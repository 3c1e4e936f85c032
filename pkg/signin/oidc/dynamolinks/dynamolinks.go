// Package dynamolinks keeps the links of OpenID sessions in a DynamoDB table of their own.
//
// A program needs the permissions dynamodb:UpdateItem for Link and End, and
// dynamodb:GetItem for Ended, on the table.
//
// This package may still change in ways that break programs.
package dynamolinks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
)

// Store is an [oidc.Store] on a DynamoDB table with the hash key "id" (S), as
// [CreateTableInput] has it, and with the TTL attribute [TTLAttribute]. All times are N,
// in seconds since 1970. Of an item all but id and expires_at may be absent:
//
//   - session_owner, session_id (S), linked_until: the link
//   - before_owner, before_id (S), before_until: the link that it has replaced, for a call
//     that is sent again
//   - ended_at, ended_until: when it ended, and until when that is kept
//   - expires_at: when DynamoDB may remove the item. No read waits for that.
//
// Every read is strongly consistent within one region.
type Store struct {
	table string

	// These are method values and not an interface: together with html/template, an
	// interface makes the linker keep all operations of the client.
	get    func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	update func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

var _ oidc.Store = (*Store)(nil)

// TTLAttribute is the name of the attribute by which DynamoDB removes expired items.
const TTLAttribute = "expires_at"

// New returns a Store on the table. The client's timeouts and retries apply. New makes no
// call.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{table, client.GetItem, client.UpdateItem}
}

// CreateTableInput returns the input of the call that creates the table under the given
// name, with on-demand billing. Turn on the TTL on [TTLAttribute] by a call of its own.
// Without it the table is as correct, and grows.
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
	_, _, err := s.Ended(ctx, "-")
	return err
}

// Link implements [oidc.Store] by one UpdateItem.
func (s *Store) Link(ctx context.Context, l oidc.Link) (oidc.Link, error) {
	now := time.Now()
	out, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table,
		Key:       key(l.ID),
		UpdateExpression: new("SET before_owner = if_not_exists(session_owner, :none), before_id = if_not_exists(session_id, :none), " +
			"before_until = if_not_exists(linked_until, :never), " +
			"session_owner = :owner, session_id = :id, linked_until = :until, expires_at = :until REMOVE ended_at, ended_until"),
		ConditionExpression: new("(attribute_not_exists(ended_until) OR ended_until <= :now) AND " +
			"(attribute_not_exists(linked_until) OR linked_until <= :now OR linked_until < :until OR session_owner <> :owner OR session_id <> :id)"),
		ExpressionAttributeValues: attributes{
			":owner": text(l.Session.Owner), ":id": text(l.Session.ID), ":until": seconds(l.ExpiresAt),
			":now": seconds(now), ":none": text(""), ":never": number(0),
		},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	refused, failed := errors.AsType[*types.ConditionalCheckFailedException](err)
	if err != nil && !failed {
		return oidc.Link{}, s.outage(err)
	}
	if !failed {
		stored, err := s.decode(l.ID, out.Attributes, now)
		return stored.link, err
	}
	stored, err := s.decode(l.ID, refused.Item, now)
	if err == nil && !stored.endedAt.IsZero() {
		return oidc.Link{}, oidc.ErrEnded
	}
	return stored.before, err
}

// endTries limits how often one End begins again. It does so if another write comes between
// two of its calls, which happens only where many Ends of one ID come at once.
const endTries = 32

// End implements [oidc.Store] by one UpdateItem, and by a second one if the item has a time
// that is later than that of this End.
func (s *Store) End(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
	now := time.Now()
	mark := end{at.Unix(), expiresAt.Unix(), expiresAt.Unix()}
	in := s.endInput(id, mark)
	// This is so of nearly every item: what is there is earlier in all its times.
	in.ConditionExpression = new("(attribute_not_exists(ended_until) OR ended_until <= :now OR ended_at <= :at AND ended_until <= :until) AND " +
		"(attribute_not_exists(expires_at) OR expires_at <= :expires)")
	in.ExpressionAttributeValues[":now"] = seconds(now)
	for range endTries {
		out, err := s.update(ctx, in)
		refused, failed := errors.AsType[*types.ConditionalCheckFailedException](err)
		if err != nil && !failed {
			return oidc.Link{}, s.outage(err)
		}
		if !failed {
			stored, err := s.decode(id, out.Attributes, now)
			return stored.link, err
		}
		stored, err := s.decode(id, refused.Item, now)
		if err != nil {
			return oidc.Link{}, err
		}
		in = s.endInput(id, mark.with(stored))
		onlyIf(in, refused.Item)
	}
	return oidc.Link{}, s.outage(errors.New("other writes of this item came in between every time"))
}

// end is what an End writes, in seconds since 1970.
type end struct{ at, until, expires int64 }

// with returns the later of each time of e and of what is stored.
func (e end) with(stored record) end {
	return end{max(e.at, epoch.Seconds(stored.endedAt)), max(e.until, epoch.Seconds(stored.endedUntil)), max(e.expires, stored.expires)}
}

func (s *Store) endInput(id string, e end) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName:        &s.table,
		Key:              key(id),
		UpdateExpression: new("SET ended_at = :at, ended_until = :until, expires_at = :expires"),
		ExpressionAttributeValues: attributes{
			":at": number(e.at), ":until": number(e.until), ":expires": number(e.expires),
		},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// onlyIf lets the update happen only if the times of the item are as they are in old.
func onlyIf(in *dynamodb.UpdateItemInput, old attributes) {
	condition := ""
	for _, name := range []string{"ended_at", "ended_until", "expires_at", "linked_until"} {
		if condition != "" {
			condition += " AND "
		}
		if value, ok := old[name]; ok {
			condition += name + " = :old_" + name
			in.ExpressionAttributeValues[":old_"+name] = value
		} else {
			condition += "attribute_not_exists(" + name + ")"
		}
	}
	in.ConditionExpression = &condition
}

// Ended implements [oidc.Store] by one GetItem.
func (s *Store) Ended(ctx context.Context, id string) (oidc.Link, time.Time, error) {
	out, err := s.get(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key(id), ConsistentRead: new(true)})
	if err != nil {
		return oidc.Link{}, time.Time{}, s.outage(err)
	}
	stored, err := s.decode(id, out.Item, time.Now())
	return stored.link, stored.endedAt, err
}

func (s *Store) outage(err error) error { return fmt.Errorf("table %q: %w", s.table, err) }

// record is what the table has of one ID.
type record struct {
	link, before        oidc.Link
	endedAt, endedUntil time.Time // zero if it has not ended
	expires             int64
}

// decode returns what of an item has not expired. Without an item that is nothing.
func (s *Store) decode(id string, stored attributes, now time.Time) (record, error) {
	if len(stored) == 0 {
		return record{}, nil
	}
	item := dynamo.NewItem(s.table, id, stored)
	link := func(owner, sessionID, until string) oidc.Link {
		fields := some(item, stored, owner, sessionID, until)
		l := oidc.Link{ID: id, Session: session.Key{Owner: fields.String(owner), ID: fields.String(sessionID)}, ExpiresAt: time.Unix(fields.Int(until), 0).UTC()}
		if !l.ExpiresAt.After(now) {
			return oidc.Link{}
		}
		return l
	}
	r := record{
		link:    link("session_owner", "session_id", "linked_until"),
		before:  link("before_owner", "before_id", "before_until"),
		expires: item.Int("expires_at"),
	}
	fields := some(item, stored, "ended_at", "ended_until")
	if until := time.Unix(fields.Int("ended_until"), 0).UTC(); until.After(now) {
		r.endedAt, r.endedUntil = time.Unix(fields.Int("ended_at"), 0).UTC(), until
	}
	if err := item.Err(); err != nil {
		return record{}, err
	}
	return r, nil
}

// some returns a reader of fields that are all there, or all absent.
func some(item *dynamo.Item, stored attributes, names ...string) *dynamo.Item {
	for _, name := range names {
		if _, ok := stored[name]; ok {
			return item
		}
	}
	return item.Optional()
}

type attributes = map[string]types.AttributeValue

func key(id string) attributes { return attributes{"id": text(id)} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func seconds(t time.Time) types.AttributeValue { return number(t.Unix()) }
