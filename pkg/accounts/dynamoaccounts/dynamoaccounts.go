// Package dynamoaccounts keeps accounts, and the attempts to sign in to them, in two
// DynamoDB tables.
//
// This package may still change in ways that break programs.
package dynamoaccounts

import (
	"cmp"
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
	"example.com/coatcheck/pkg/accounts"
)

// Store is an [accounts.Registry] on a DynamoDB table with the hash key "name" (S). An item
// has the fields name, username, user_id, display_name, password_hash, revision
// (S), roles (L of S), preferences (M of S), version and credential_version (N),
// disabled (BOOL), frozen_until (N, epoch seconds), origin, imported_hash (S), closed
// (BOOL), created_at, last_used_at (N, epoch seconds), renamed_to and renamed_from (S);
// display_name, roles, preferences, credential_version, frozen_until and those from origin on
// may be absent. An item with the field
// claimed_by (S) is no account but a claim of its key; it has no other field.
type Store struct {
	table string

	// These are the calls that it makes, and not the client. A program that also uses
	// html/template becomes larger if the client is in an interface: the linker then
	// keeps all operations of the client.
	get    func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	put    func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	update func(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	delete func(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// New returns a store on the table. It makes no call.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{table: table, get: client.GetItem, put: client.PutItem, update: client.UpdateItem, delete: client.DeleteItem}
}

// Check returns an error if the table cannot be read: because it is missing, because of
// a missing permission, or in an outage. It is one GetItem of an account that cannot
// exist. Call it at the start of a program, also to open the connection.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.Get(ctx, "\x00") // no account has this name: Normalize refuses it
	if errors.Is(err, accounts.ErrNotFound) {
		return nil
	}
	return err
}

// Get implements [accounts.Store] by one GetItem with a consistent read. A damaged
// item is an outage; the error names the table, the key and the field.
func (s *Store) Get(ctx context.Context, name string) (*accounts.Account, error) {
	out, err := s.get(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            map[string]types.AttributeValue{"name": str(name)},
		ConsistentRead: new(true),
	})
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", s.table, err)
	}
	if _, claim := out.Item[claimedBy]; claim || out.Item == nil {
		return nil, accounts.ErrNotFound
	}
	return s.decode(name, out.Item)
}

// Create implements [accounts.Registry] by one PutItem, on the condition that the item
// does not exist.
func (s *Store) Create(ctx context.Context, a *accounts.Account) error {
	attempts, count := dynamo.CountAttempts()
	_, err := s.put(ctx, &dynamodb.PutItemInput{
		TableName:                           &s.table,
		Item:                                encode(a),
		ConditionExpression:                 new("attribute_not_exists(#name)"),
		ExpressionAttributeNames:            keyName,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, count)
	if taken, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		// The revision is random. If the stored item has it, this call's own earlier attempt
		// wrote the item, and the answer to that attempt was lost. The user ID would not do:
		// two imports at once give the same one.
		stored := dynamo.NewItem(s.table, a.Name, taken.Item)
		if *attempts > 1 && stored.Optional().String("revision") == a.Revision {
			return nil
		}
		return accounts.ErrExists
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	return nil
}

// Update implements [accounts.Store] by one UpdateItem, on the condition that the
// revision is the same. It keeps fields that it does not know: those of a later release.
func (s *Store) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	attempts, count := dynamo.CountAttempts()
	fields := encode(a)
	names := map[string]string{} // some field names are reserved words
	values := map[string]types.AttributeValue{":old": str(a.Revision), ":new": str(newRevision)}
	sets := []string{"revision = :new"}
	for _, field := range []string{"username", "display_name", "roles", "preferences", "password_hash", "disabled", "frozen_until", "version", "credential_version", "origin", "imported_hash", "closed", "renamed_to", "renamed_from"} {
		sets = append(sets, "#"+field+" = :"+field)
		names["#"+field], values[":"+field] = field, fields[field]
	}
	_, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                           &s.table,
		Key:                                 map[string]types.AttributeValue{"name": str(a.Name)},
		UpdateExpression:                    new("SET " + strings.Join(sets, ", ")),
		ConditionExpression:                 new("revision = :old"),
		ExpressionAttributeNames:            names,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, count)
	if changed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return s.changed(a.Name, changed.Item, *attempts, newRevision)
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	return nil
}

// SetPreferences implements [accounts.Store] by one GetItem and one UpdateItem. The user
// ID is read by a call of its own, and is no condition of the write, because DynamoDB's
// permissions make no difference between an attribute that a condition names and one
// that is written: who may name the user ID in an UpdateItem may change it. If the
// account is deleted between the two calls and its name registered again, the new
// account gets the settings.
func (s *Store) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	out, err := s.get(ctx, &dynamodb.GetItemInput{
		TableName:            &s.table,
		Key:                  map[string]types.AttributeValue{"name": str(name)},
		ConsistentRead:       new(true),
		ProjectionExpression: new("user_id, preferences"),
	})
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	if len(out.Item) == 0 { // no item, or a claim, which has none of these fields
		return accounts.ErrNotFound
	}
	item := dynamo.NewItem(s.table, name, out.Item)
	preferences := item.Optional().StringMap("preferences")
	if item.String("user_id") != userID {
		return cmp.Or(item.Err(), accounts.ErrNotFound)
	}
	if err := item.Err(); err != nil {
		return err
	}
	if preferences == nil { // a path into a map that is absent would be an error
		if err := s.setPreferences(ctx, name, "SET preferences = if_not_exists(preferences, :none)", nil, map[string]types.AttributeValue{
			":none": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}},
		}); err != nil {
			return err
		}
	}
	set, values := "SET revision = :revision", map[string]types.AttributeValue{":revision": str(newRevision)}
	var names map[string]string // DynamoDB refuses an empty one
	if len(settings) > 0 {
		names = map[string]string{}
	}
	for key, setting := range settings {
		n := strconv.Itoa(len(names))
		set += ", preferences.#key" + n + " = :setting" + n
		names["#key"+n], values[":setting"+n] = key, str(setting)
	}
	return s.setPreferences(ctx, name, set, names, values)
}

// setPreferences sends one UpdateItem, on the condition that the account exists: that the
// item has a revision, which a claim has not. It is
// sent only once. A second try could come after another write, and would set the revision
// back to one that somebody has read; a write of theirs could then undo that other write,
// for example a disable.
func (s *Store) setPreferences(ctx context.Context, name, set string, names map[string]string, values map[string]types.AttributeValue) error {
	_, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &s.table,
		Key:                       map[string]types.AttributeValue{"name": str(name)},
		UpdateExpression:          &set,
		ConditionExpression:       new("attribute_exists(revision)"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
		ReturnValues:              types.ReturnValueNone, // the default, sent because the policy of preferences has a condition on it
	}, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return accounts.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	return nil
}

// SetLastUsed implements [accounts.UseStore] by one UpdateItem, on the condition that the
// user ID is the same and the stored time is earlier.
func (s *Store) SetLastUsed(ctx context.Context, name, userID string, at time.Time) error {
	_, err := s.update(ctx, &dynamodb.UpdateItemInput{
		TableName:           &s.table,
		Key:                 map[string]types.AttributeValue{"name": str(name)},
		UpdateExpression:    new("SET last_used_at = :at"),
		ConditionExpression: new("user_id = :id AND (attribute_not_exists(last_used_at) OR last_used_at < :at)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":id": str(userID), ":at": number(epoch.Seconds(at)),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if later, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if dynamo.NewItem(s.table, name, later.Item).Optional().String("user_id") == userID {
			return nil
		}
		return accounts.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	return nil
}

// changed returns the result of an update whose condition failed. The condition may
// have failed because the update's own earlier attempt was applied and the answer to
// it was lost. Another write may then have changed the item again.
func (s *Store) changed(name string, stored map[string]types.AttributeValue, attempts int, newRevision string) error {
	if dynamo.NewItem(s.table, name, stored).Optional().String("revision") == newRevision {
		return nil
	}
	return s.lost(name, attempts)
}

// lost returns the result of a write that found somebody else's. It is certain that the
// write was not applied before only if it was sent once.
func (s *Store) lost(name string, attempts int) error {
	if attempts > 1 {
		return fmt.Errorf("table %q, item %q: an answer was lost, and somebody else has written since", s.table, name)
	}
	return accounts.ErrChanged
}

// Delete implements [accounts.Registry] by one DeleteItem, on the condition that the
// revision is the same.
func (s *Store) Delete(ctx context.Context, a *accounts.Account) error {
	_, err := s.delete(ctx, &dynamodb.DeleteItemInput{
		TableName:                           &s.table,
		Key:                                 map[string]types.AttributeValue{"name": str(a.Name)},
		ConditionExpression:                 new("attribute_not_exists(revision) AND attribute_not_exists(claimed_by) OR revision = :revision"),
		ExpressionAttributeValues:           map[string]types.AttributeValue{":revision": str(a.Revision)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if stored, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if _, claim := stored.Item[claimedBy]; claim {
			return nil // the account is gone
		}
		return accounts.ErrChanged
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", s.table, err)
	}
	return nil
}

func encode(a *accounts.Account) map[string]types.AttributeValue {
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
		"disabled":      &types.AttributeValueMemberBOOL{Value: a.Disabled},
		"frozen_until":  number(epoch.Seconds(a.FrozenUntil)),
		"version":       number(a.Version),
		"revision":      str(a.Revision),

		"credential_version": number(a.CredentialVersion),
		"origin":             str(a.Origin),
		"imported_hash":      str(a.ImportedHash),
		"closed":             &types.AttributeValueMemberBOOL{Value: a.Closed},
		"created_at":         number(epoch.Seconds(a.CreatedAt)),
		"last_used_at":       number(epoch.Seconds(a.LastUsedAt)),
		"renamed_to":         str(a.RenamedTo),
		"renamed_from":       str(a.RenamedFrom),
	}
}

func (s *Store) decode(name string, stored map[string]types.AttributeValue) (*accounts.Account, error) {
	item := dynamo.NewItem(s.table, name, stored)
	optional := item.Optional()
	a := &accounts.Account{
		Name:         item.String("name"),
		Username:     item.String("username"),
		UserID:       item.String("user_id"),
		DisplayName:  optional.String("display_name"),
		Roles:        optional.StringList("roles"),
		Preferences:  optional.StringMap("preferences"),
		PasswordHash: item.String("password_hash"),
		Disabled:     item.Bool("disabled"),
		FrozenUntil:  epoch.Time(optional.Int("frozen_until")),
		Version:      item.Int("version"),
		Revision:     item.String("revision"),

		CredentialVersion: optional.Int("credential_version"),
		Origin:            optional.String("origin"),
		ImportedHash:      optional.String("imported_hash"),
		Closed:            optional.Bool("closed"),
		CreatedAt:         epoch.Time(optional.Int("created_at")),
		LastUsedAt:        epoch.Time(optional.Int("last_used_at")),
		RenamedTo:         optional.String("renamed_to"),
		RenamedFrom:       optional.String("renamed_from"),
	}
	if err := item.Err(); err != nil {
		return nil, err
	}
	return a, nil
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
