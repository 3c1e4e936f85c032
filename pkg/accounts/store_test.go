package accounts

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
)

func TestMain(m *testing.M) {
	dynamotest.Main(inside(func() { postgrestest.Main(m) }))
}

// inside lets one package's Main run within another's.
type inside func()

func (f inside) Run() int { f(); return 0 }

func TestMemory(t *testing.T) {
	testStore(t, func(*testing.T) Store { return NewMemory() })
}

func TestDynamo(t *testing.T) {
	testStore(t, func(t *testing.T) Store {
		return NewDynamo(dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Tables(t)["UsersTable"])
	})
}

// sample has a value in every field.
func sample(name string) *Account {
	return &Account{
		Name:         name,
		Username:     " " + strings.ToUpper(name),
		UserID:       randomID(),
		DisplayName:  "Grüße, 😀",
		Roles:        []string{"admin", "staff"},
		Preferences:  map[string]string{"theme": "dark", "language": "de", "empty": ""},
		PasswordHash: "$hash$",
		Disabled:     true,
		FrozenUntil:  time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
		Version:      1<<63 - 1,
		Revision:     randomID(),
	}
}

// testStore is the contract of [Store].
func testStore(t *testing.T, newStore func(*testing.T) Store) {
	store := newStore(t)
	ctx := t.Context()

	t.Run("every field is kept", func(t *testing.T) {
		a := sample("alice")
		for v, i := reflect.ValueOf(*a), 0; i < v.NumField(); i++ {
			if v.Field(i).IsZero() {
				t.Fatalf("the sample has no %s, so this would not notice its loss", v.Type().Field(i).Name)
			}
		}
		create(t, store, a)
		if got := get(t, store, "alice"); !reflect.DeepEqual(got, a) {
			t.Errorf("got  %+v\nwant %+v", got, a)
		}
	})

	t.Run("empty fields are kept", func(t *testing.T) {
		create(t, store, &Account{Name: "bare", UserID: "u", Version: 1})
		got := get(t, store, "bare")
		if len(got.Roles) != 0 || len(got.Preferences) != 0 || got.DisplayName != "" || got.Disabled {
			t.Errorf("got %+v, want nothing but a name, a user ID and a version", got)
		}
	})

	t.Run("an unknown name is ErrNotFound", func(t *testing.T) {
		for _, name := range []string{"nobody", "alic", "alicee", "Alice"} {
			if a, err := store.Get(ctx, name); a != nil || !errors.Is(err, ErrNotFound) {
				t.Errorf("Get(%q) = %v, %v; want ErrNotFound", name, a, err)
			}
		}
	})

	t.Run("a taken name is ErrExists and stays", func(t *testing.T) {
		first := sample("taken")
		create(t, store, first)
		for _, a := range []*Account{sample("taken"), first} {
			if err := store.Create(ctx, a); !errors.Is(err, ErrExists) {
				t.Errorf("Create = %v, want ErrExists", err)
			}
		}
		if got := get(t, store, "taken"); !reflect.DeepEqual(got, first) {
			t.Errorf("got  %+v\nwant %+v", got, first)
		}
	})

	t.Run("one of 16 at once gets the name", func(t *testing.T) {
		var made atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				switch err := store.Create(ctx, sample("race")); {
				case err == nil:
					made.Add(1)
				case !errors.Is(err, ErrExists):
					t.Errorf("Create = %v, want nil or ErrExists", err)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 {
			t.Errorf("%d of 16 made the account, want 1", made.Load())
		}
	})

	t.Run("accounts are copies", func(t *testing.T) {
		a := sample("copies")
		create(t, store, a)
		scribble(a)
		scribble(get(t, store, "copies"))
		got := get(t, store, "copies")
		if want := sample("copies"); got.Roles[0] != want.Roles[0] || got.Preferences["theme"] != want.Preferences["theme"] {
			t.Errorf("a caller's change reached the store: %+v", got)
		}
	})

	t.Run("an update replaces what may change", func(t *testing.T) {
		before := sample("updated")
		create(t, store, before)
		next := &Account{
			Name: "updated", Username: "other", UserID: "other", DisplayName: "New", Roles: []string{"guest"},
			Preferences: map[string]string{"theme": "light"}, PasswordHash: "$new$", Version: 7, Revision: before.Revision,
		}
		if err := store.Update(ctx, next, "second"); err != nil {
			t.Fatal(err)
		}
		want := next.clone()
		want.Username, want.UserID, want.Revision = before.Username, before.UserID, "second"
		if got := get(t, store, "updated"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		scribble(next)
		if got := get(t, store, "updated"); !reflect.DeepEqual(got, want) {
			t.Errorf("a caller's change reached the store: %+v", got)
		}
	})

	t.Run("an update sent twice is one", func(t *testing.T) {
		a := sample("twice")
		create(t, store, a)
		for range 2 {
			if err := store.Update(ctx, a, "second"); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("an account that has changed stays", func(t *testing.T) {
		want := sample("changed")
		create(t, store, want)
		for _, name := range []string{"changed", "nobody"} {
			late := sample(name)
			late.PasswordHash = "$late$"
			if err := store.Update(ctx, late, "late"); err != ErrChanged {
				t.Errorf("Update(%q) = %v, want ErrChanged", name, err)
			}
		}
		if err := store.Delete(ctx, sample("changed")); err != ErrChanged {
			t.Errorf("Delete = %v, want ErrChanged", err)
		}
		if got := get(t, store, "changed"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if a, err := store.Get(ctx, "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Update of nobody left %+v, %v", a, err)
		}
	})

	t.Run("one of 16 updates wins", func(t *testing.T) {
		a := sample("contended")
		create(t, store, a)
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				switch err := store.Update(ctx, a, randomID()); err {
				case nil:
					won.Add(1)
				case ErrChanged:
				default:
					t.Errorf("Update = %v, want nil or ErrChanged", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 16 updates from one revision were applied, want 1", won.Load())
		}
	})

	t.Run("a deleted account is gone", func(t *testing.T) {
		a := sample("deleted")
		create(t, store, a)
		for range 2 {
			if err := store.Delete(ctx, a); err != nil {
				t.Error(err)
			}
		}
		if _, err := store.Get(ctx, "deleted"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get = %v, want ErrNotFound", err)
		}
		if err := store.Update(ctx, a, "late"); err != ErrChanged {
			t.Errorf("Update = %v, want ErrChanged: it must not come back", err)
		}
	})

	t.Run("a cancelled context is an outage", func(t *testing.T) {
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if a, err := store.Get(cancelled, "alice"); a != nil || err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("Get = %v, %v; want an error that is not ErrNotFound", a, err)
		}
		if err := store.Create(cancelled, sample("never")); err == nil || errors.Is(err, ErrExists) {
			t.Errorf("Create = %v; want an error that is not ErrExists", err)
		}
		if err := store.Update(cancelled, sample("alice"), "new"); err == nil || errors.Is(err, ErrChanged) {
			t.Errorf("Update = %v; want an error that is not ErrChanged", err)
		}
		if err := store.Delete(cancelled, sample("alice")); err == nil || errors.Is(err, ErrChanged) {
			t.Errorf("Delete = %v; want an error that is not ErrChanged", err)
		}
		if _, err := store.Get(ctx, "never"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get after the cancelled Create = %v, want ErrNotFound", err)
		}
	})
}

func scribble(a *Account) {
	a.Roles[0] = "changed"
	a.Preferences["theme"] = "changed"
}

func create(t *testing.T, store Store, a *Account) {
	t.Helper()
	if err := store.Create(t.Context(), a); err != nil {
		t.Fatalf("Create(%q): %v", a.Name, err)
	}
}

func get(t *testing.T, store Store, name string) *Account {
	t.Helper()
	a, err := store.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get(%q): %v", name, err)
	}
	return a
}

// behindProxy returns a store and the proxy that its calls go through.
func behindProxy(t *testing.T) (*Dynamo, *dynamotest.Proxy) {
	proxy := dynamotest.NewProxy(t)
	return NewDynamo(dynamotest.Client(t, proxy.URL), dynamotest.Tables(t)["UsersTable"]), proxy
}

func TestDynamoCreateRecognisesItsOwnRetry(t *testing.T) {
	store, proxy := behindProxy(t)
	proxy.Fail("PutItem", dynamotest.LoseAnswer)
	mine := sample("alice")
	create(t, store, mine)
	if calls := proxy.Take(); len(calls) != 2 {
		t.Fatalf("%d calls, want 2: no answer was lost", len(calls))
	}
	if got := get(t, store, "alice"); !reflect.DeepEqual(got, mine) {
		t.Errorf("got  %+v\nwant %+v", got, mine)
	}

	proxy.Fail("PutItem", dynamotest.LoseAnswer)
	if err := store.Create(t.Context(), sample("alice")); !errors.Is(err, ErrExists) {
		t.Errorf("Create of a name that another has = %v, want ErrExists", err)
	}
}

func TestDynamoUpdateRecognisesItsOwnRetry(t *testing.T) {
	store, proxy := behindProxy(t)
	alice := sample("alice")
	create(t, store, alice)
	proxy.Take()
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if err := store.Update(t.Context(), alice, "second"); err != nil {
		t.Fatal(err)
	}
	if calls := proxy.Take(); len(calls) != 2 {
		t.Fatalf("%d calls, want 2: no answer was lost", len(calls))
	}
	if got := get(t, store, "alice"); got.Revision != "second" {
		t.Errorf("the revision is %s", got.Revision)
	}

	// A second try that meets a foreign revision cannot know what became of the first.
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if err := store.Update(t.Context(), alice, "third"); err == nil || errors.Is(err, ErrChanged) {
		t.Errorf("Update, sent twice, of an account that has changed = %v, want an outage", err)
	}
}

func TestDynamoDeleteRecognisesItsOwnRetry(t *testing.T) {
	store, proxy := behindProxy(t)
	alice := sample("alice")
	create(t, store, alice)
	proxy.Fail("DeleteItem", dynamotest.LoseAnswer)
	if err := store.Delete(t.Context(), alice); err != nil {
		t.Error(err)
	}
}

func TestDynamoReadsConsistently(t *testing.T) {
	store, proxy := behindProxy(t)
	create(t, store, sample("alice"))
	proxy.Take()
	get(t, store, "alice")
	if calls := proxy.Take(); len(calls) != 1 || calls[0].Action != "GetItem" || calls[0].Read != 1 {
		t.Errorf("calls %+v, want one GetItem of one unit: an eventually consistent one takes half", calls)
	}
}

func TestDynamoOutage(t *testing.T) {
	store, proxy := behindProxy(t)
	proxy.FailAll(dynamotest.Refuse)
	if a, err := store.Get(t.Context(), "alice"); a != nil || err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("Get = %v, %v; want an outage", a, err)
	}
	if err := store.Create(t.Context(), sample("alice")); err == nil || errors.Is(err, ErrExists) {
		t.Errorf("Create = %v; want an outage", err)
	}
	if err := store.Update(t.Context(), sample("alice"), "new"); err == nil || errors.Is(err, ErrChanged) {
		t.Errorf("Update = %v; want an outage", err)
	}
	if err := store.Delete(t.Context(), sample("alice")); err == nil || errors.Is(err, ErrChanged) {
		t.Errorf("Delete = %v; want an outage", err)
	}
}

func TestDynamoReportsDamage(t *testing.T) {
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Tables(t)["UsersTable"]
	store := NewDynamo(client, table)
	put := func(field string, value types.AttributeValue) {
		item := encode(sample("alice"))
		item[field] = value
		if value == nil {
			delete(item, field)
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	for field := range encode(sample("alice")) {
		if field == "name" {
			continue // the key: DynamoDB itself sees to it
		}
		put(field, &types.AttributeValueMemberNULL{Value: true})
		wantDamage(t, store, table, field, "is of type NULL")

		put(field, nil)
		switch field {
		case "display_name", "roles", "preferences", "frozen_until":
			get(t, store, "alice")
		default:
			wantDamage(t, store, table, field, "is missing")
		}
	}
}

func wantDamage(t *testing.T, store Store, table, field, problem string) {
	t.Helper()
	_, err := store.Get(t.Context(), "alice")
	want := `table "` + table + `", item "alice": field "` + field + `" ` + problem
	if err == nil || errors.Is(err, ErrNotFound) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Get = %v; want %s", err, want)
	}
}
