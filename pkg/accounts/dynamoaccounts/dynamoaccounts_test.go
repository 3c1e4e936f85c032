package dynamoaccounts

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func TestStore(t *testing.T) {
	accountstest.RunRegistry(t, func(t *testing.T) accounts.Registry {
		return New(dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Table(t, "UsersTable"))
	})
}

func TestNames(t *testing.T) {
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Table(t, "UsersTable")
	accountstest.RunNames(t, New(client, table), func(ctx context.Context) iter.Seq2[*accounts.Account, error] { return All(ctx, client, table) })
}

func BenchmarkStore(b *testing.B) {
	accountstest.Benchmark(b, New(dynamotest.Client(b, dynamotest.Endpoint(b)), dynamotest.Table(b, "UsersTable")))
}

// behindProxy returns a store and the proxy that its calls go through.
func behindProxy(t *testing.T) (*Store, *dynamotest.Proxy) {
	proxy := dynamotest.NewProxy(t)
	return New(dynamotest.Client(t, proxy.URL), dynamotest.Table(t, "UsersTable")), proxy
}

func TestCreateRecognisesItsOwnRetry(t *testing.T) {
	store, proxy := behindProxy(t)
	proxy.Fail("PutItem", dynamotest.LoseAnswer)
	mine := accountstest.Sample("alice")
	accountstest.Create(t, store, mine)
	if calls := proxy.Take(); len(calls) != 2 {
		t.Fatalf("%d calls, want 2: no answer was lost", len(calls))
	}
	if got := accountstest.Get(t, store, "alice"); !reflect.DeepEqual(got, mine) {
		t.Errorf("got  %+v\nwant %+v", got, mine)
	}

	imported := accountstest.Sample("alice") // two imports at once give the same user ID
	imported.UserID = mine.UserID
	for _, other := range []*accounts.Account{accountstest.Sample("alice"), imported} {
		proxy.Fail("PutItem", dynamotest.LoseAnswer)
		if err := store.Create(t.Context(), other); !errors.Is(err, accounts.ErrExists) {
			t.Errorf("Create of a name that another has = %v, want ErrExists", err)
		}
	}
}

func TestUpdateRecognisesItsOwnRetry(t *testing.T) {
	store, proxy := behindProxy(t)
	alice := accountstest.Sample("alice")
	accountstest.Create(t, store, alice)
	proxy.Take()
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if err := store.Update(t.Context(), alice, "second"); err != nil {
		t.Fatal(err)
	}
	if calls := proxy.Take(); len(calls) != 2 {
		t.Fatalf("%d calls, want 2: no answer was lost", len(calls))
	}
	if got := accountstest.Get(t, store, "alice"); got.Revision != "second" {
		t.Errorf("the revision is %s", got.Revision)
	}

	// If the second try finds a revision of another writer, it cannot know whether the
	// first try was applied.
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if err := store.Update(t.Context(), alice, "third"); err == nil || errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Update, sent twice, of an account that has changed = %v, want an outage", err)
	}
}

func TestDeleteRecognisesItsOwnRetry(t *testing.T) {
	store, proxy := behindProxy(t)
	alice := accountstest.Sample("alice")
	accountstest.Create(t, store, alice)
	proxy.Fail("DeleteItem", dynamotest.LoseAnswer)
	if err := store.Delete(t.Context(), alice); err != nil {
		t.Error(err)
	}
}

func TestClaimsRecogniseTheirOwnRetry(t *testing.T) {
	store, proxy := behindProxy(t)
	lost := func(action string) { proxy.Fail(action, dynamotest.LoseAnswer) }
	lost("PutItem")
	accountstest.Claim(t, store, "key", "first")
	lost("UpdateItem")
	if err := store.PassClaim(t.Context(), "key", "first", "second"); err != nil {
		t.Error(err)
	}
	if holder, err := store.Holder(t.Context(), "key"); holder != "second" || err != nil {
		t.Errorf("the holder is %q, %v", holder, err)
	}
	// If the second try finds a third holder, it cannot know whether the first was applied.
	for action, to := range map[string]string{"UpdateItem": "third", "DeleteItem": ""} {
		lost(action)
		if err := store.PassClaim(t.Context(), "key", "first", to); err == nil || errors.Is(err, accounts.ErrChanged) {
			t.Errorf("%s, sent twice, of a claim that has changed = %v, want an outage", action, err)
		}
	}
	lost("DeleteItem")
	if err := store.PassClaim(t.Context(), "key", "second", ""); err != nil {
		t.Error(err)
	}
	if calls := proxy.Take(); len(calls) != 11 {
		t.Errorf("%d calls, want 11: each but the read was sent twice", len(calls))
	}
	accountstest.Create(t, store, accountstest.Sample("key"))
}

func TestReadsConsistently(t *testing.T) {
	store, proxy := behindProxy(t)
	accountstest.Create(t, store, accountstest.Sample("alice"))
	proxy.Take()
	accountstest.Get(t, store, "alice")
	if _, err := store.Holder(t.Context(), "alice"); err != nil {
		t.Error(err)
	}
	if calls := proxy.Take(); len(calls) != 2 || calls[0].Action != "GetItem" || calls[0].Read != 1 || calls[1].Action != "GetItem" || calls[1].Read != 1 {
		t.Errorf("calls %+v, want two GetItem of one unit: an eventually consistent one takes half", calls)
	}
}

// SetPreferences reads no more than it needs, and asks for nothing back: the role of the
// preferences function may not see a password hash. The write is sent once.
func TestSetPreferencesCalls(t *testing.T) {
	store, proxy := behindProxy(t)
	alice := accountstest.Sample("alice")
	accountstest.Create(t, store, alice)
	proxy.Take()
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if err := store.SetPreferences(t.Context(), "alice", alice.UserID, map[string]string{"theme": "light"}, "second"); err == nil || errors.Is(err, accounts.ErrNotFound) {
		t.Fatalf("SetPreferences whose answer is lost = %v; want an outage", err)
	}
	calls := proxy.Take()
	if len(calls) != 2 || calls[0].Action != "GetItem" || calls[0].Read != 1 || calls[1].Action != "UpdateItem" {
		t.Fatalf("calls %+v, want a consistent GetItem and one UpdateItem", calls)
	}
	for _, call := range calls {
		want := []string{"name", "preferences", "revision"}
		if call.Action == "GetItem" {
			want = []string{"name", "preferences", "user_id"}
		}
		if call.Action == "UpdateItem" && call.ReturnValues != "NONE" {
			t.Errorf("the UpdateItem says ReturnValues %q, want NONE, which the function's policy names", call.ReturnValues)
		}
		if !slices.Equal(call.Attributes, want) || call.Returns != "" {
			t.Errorf("%s names %q and returns %q; want %q and nothing", call.Action, call.Attributes, call.Returns, want)
		}
	}
	if got := accountstest.Get(t, store, "alice"); got.Preferences["theme"] != "light" || got.Revision != "second" {
		t.Errorf("left %+v", got)
	}
}

// An item without preferences is complete, whoever wrote it.
func TestSetPreferencesOfAnItemWithoutAny(t *testing.T) {
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Table(t, "UsersTable")
	store, alice := New(client, table), accountstest.Sample("alice")
	item := encode(alice)
	delete(item, "preferences")
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatal(err)
	}
	if err := store.SetPreferences(t.Context(), "alice", alice.UserID, map[string]string{"theme": "light"}, "second"); err != nil {
		t.Fatal(err)
	}
	if got := accountstest.Get(t, store, "alice"); len(got.Preferences) != 1 || got.Preferences["theme"] != "light" {
		t.Errorf("left %v", got.Preferences)
	}
}

func TestOutage(t *testing.T) {
	store, proxy := behindProxy(t)
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("Check = %v before the outage", err)
	}
	proxy.FailAll(dynamotest.Refuse)
	if err := store.Check(t.Context()); err == nil {
		t.Error("Check succeeds in an outage")
	}
	if a, err := store.Get(t.Context(), "alice"); a != nil || err == nil || errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("Get = %v, %v; want an outage", a, err)
	}
	if err := store.Create(t.Context(), accountstest.Sample("alice")); err == nil || errors.Is(err, accounts.ErrExists) {
		t.Errorf("Create = %v; want an outage", err)
	}
	if err := store.Update(t.Context(), accountstest.Sample("alice"), "new"); err == nil || errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Update = %v; want an outage", err)
	}
	if err := store.SetPreferences(t.Context(), "alice", "u", nil, "new"); err == nil || errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("SetPreferences = %v; want an outage", err)
	}
	if err := store.Delete(t.Context(), accountstest.Sample("alice")); err == nil || errors.Is(err, accounts.ErrChanged) {
		t.Errorf("Delete = %v; want an outage", err)
	}
	if err := store.Claim(t.Context(), "alice", "holder"); err == nil || errors.Is(err, accounts.ErrExists) {
		t.Errorf("Claim = %v; want an outage", err)
	}
	if holder, err := store.Holder(t.Context(), "alice"); holder != "" || err == nil || errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("Holder = %q, %v; want an outage", holder, err)
	}
	for _, to := range []string{"", "other"} {
		if err := store.PassClaim(t.Context(), "alice", "holder", to); err == nil || errors.Is(err, accounts.ErrChanged) {
			t.Errorf("PassClaim to %q = %v; want an outage", to, err)
		}
	}
}

func TestReportsDamage(t *testing.T) {
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Table(t, "UsersTable")
	store := New(client, table)
	put := func(field string, value types.AttributeValue) {
		item := encode(accountstest.Sample("alice"))
		item[field] = value
		if value == nil {
			delete(item, field)
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	for field := range encode(accountstest.Sample("alice")) {
		if field == "name" {
			continue // the key: DynamoDB itself checks it
		}
		put(field, &types.AttributeValueMemberNULL{Value: true})
		wantDamage(t, store, table, field, "is of type NULL")

		put(field, nil)
		switch field {
		case "display_name", "roles", "preferences", "frozen_until", "credential_version", "origin", "imported_hash", "closed", "created_at", "last_used_at", "renamed_to", "renamed_from":
			accountstest.Get(t, store, "alice")
		default:
			wantDamage(t, store, table, field, "is missing")
		}
	}
}

func wantDamage(t *testing.T, store accounts.Store, table, field, problem string) {
	t.Helper()
	_, err := store.Get(t.Context(), "alice")
	want := `table "` + table + `", item "alice": field "` + field + `" ` + problem
	if err == nil || errors.Is(err, accounts.ErrNotFound) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Get = %v; want %s", err, want)
	}
}
