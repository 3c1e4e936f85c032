package throttle

import (
	"context"
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
)

func TestMain(m *testing.M) {
	dynamotest.Main(inside(func() { postgrestest.Main(m) }))
}

// inside lets one package's Main run within another's.
type inside func()

func (f inside) Run() int { f(); return 0 }

// stores are where tallies are kept, each with a way to look at one.
var stores = map[string]func(*testing.T) Store{
	"memory":   func(*testing.T) Store { return NewMemory() },
	"DynamoDB": func(t *testing.T) Store { return newDynamo(t, dynamotest.Endpoint(t)) },
	"SQLite": func(t *testing.T) Store {
		return openSQL(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "a.db")+"?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
	},
	"PostgreSQL": func(t *testing.T) Store { return openSQL(t, "pgx", postgrestest.DSN(t)) },
}

func newDynamo(t *testing.T, endpoint string) *Dynamo {
	return NewDynamo(dynamotest.Client(t, endpoint), dynamotest.Tables(t)["AttemptsTable"])
}

func openSQL(t *testing.T, driver, dsn string) *SQL {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store := NewSQL(db)
	for range 2 { // the second time nothing is left to do
		if err := store.CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

var (
	start   = time.Date(2026, 11, 26, 12, 0, 0, 123456789, time.UTC)
	ms      = start.Truncate(time.Millisecond)
	expires = time.Date(2026, 12, 26, 12, 0, 0, 0, time.UTC)
	ladder  = Ladder{Free: 2, First: 10 * time.Second, Longest: 20 * time.Second, Lock: 5}
)

// at returns an attempt so long after the start.
func at(key string, after time.Duration) Count {
	return Count{Key: key, ID: rand.Text(), At: start.Add(after), Rungs: ladder.rungs(), Expires: expires}
}

// TestStores is the contract of [Store].
func TestStores(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			count := func(key string, after time.Duration, want Tally, counted bool) {
				t.Helper()
				got, ok, err := store.Count(t.Context(), at(key, after))
				if !reflect.DeepEqual(got, want) || ok != counted || err != nil {
					t.Fatalf("Count %v after the start = %+v, %v, %v\nwant %+v, %v", after, got, ok, err, want, counted)
				}
			}
			change := func(method func(context.Context, string) error, key string) {
				t.Helper()
				if err := method(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			const s = time.Second

			count("a", 0, Tally{1, ms, expires}, true)
			count("a", -time.Minute, Tally{2, ms.Add(-time.Minute), expires}, true) // by another clock
			change(store.Clear, "a")
			count("a", 0, Tally{1, ms, expires}, true)
			count("a", 0, Tally{2, ms, expires}, true)
			count("a", 0, Tally{2, ms, expires}, false)
			count("a", 10*s-time.Millisecond, Tally{2, ms, expires}, false)
			count("a", 10*s, Tally{3, ms.Add(10 * s), expires}, true)
			count("b", 10*s, Tally{1, ms.Add(10 * s), expires}, true) // another's
			count("a", 29*s, Tally{3, ms.Add(10 * s), expires}, false)
			count("a", 30*s, Tally{4, ms.Add(30 * s), expires}, true)
			count("a", 50*s, Tally{5, ms.Add(50 * s), expires}, true)
			count("a", 1e6*s, Tally{5, ms.Add(50 * s), expires}, false) // locked

			change(store.Withdraw, "a")
			count("a", 60*s, Tally{4, ms.Add(50 * s), expires}, false)
			count("a", 70*s, Tally{5, ms.Add(70 * s), expires}, true)
			change(store.Keep, "a")
			count("a", 80*s, Tally{5, ms.Add(70 * s), time.Time{}}, false)
			change(store.Clear, "a")
			count("a", 80*s, Tally{1, ms.Add(80 * s), expires}, true)
			change(store.Withdraw, "a")
			change(store.Withdraw, "a") // there is nothing to take
			count("a", 80*s, Tally{1, ms.Add(80 * s), expires}, true)

			for _, method := range []func(context.Context, string) error{store.Clear, store.Withdraw, store.Keep} {
				change(method, "nobody")
			}
			count("nobody", 0, Tally{1, ms, expires}, true)

			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if _, counted, err := store.Count(cancelled, at("c", 0)); counted || err == nil {
				t.Errorf("Count with a cancelled context = %v, %v; want an outage", counted, err)
			}
			for _, method := range []func(context.Context, string) error{store.Clear, store.Withdraw, store.Keep} {
				if err := method(cancelled, "b"); err == nil {
					t.Error("a cancelled context is no outage")
				}
			}
			count("c", 0, Tally{1, ms, expires}, true)
		})
	}
}

// Of many attempts at once just as many are counted as the ladder has free.
func TestStoresCountAtomically(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			var counted atomic.Int32
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					_, ok, err := store.Count(t.Context(), at("a", 0))
					if err != nil {
						t.Error(err)
					}
					if ok {
						counted.Add(1)
					}
				})
			}
			wg.Wait()
			if counted.Load() != 2 {
				t.Errorf("%d of 50 were counted, want 2", counted.Load())
			}
		})
	}
}

// behindProxy returns a store and the proxy that its calls go through.
func behindProxy(t *testing.T) (*Dynamo, *dynamotest.Proxy) {
	proxy := dynamotest.NewProxy(t)
	return newDynamo(t, proxy.URL), proxy
}

// An attempt whose answer was lost is counted once, let through or not.
func TestDynamoCountsOnce(t *testing.T) {
	store, proxy := behindProxy(t)
	for n := range 2 {
		proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
		tally, counted, err := store.Count(t.Context(), at("a", 0))
		if err != nil || !counted || tally.Failures != n+1 {
			t.Fatalf("Count = %+v, %v, %v; want %d failures", tally, counted, err, n+1)
		}
		if calls := proxy.Take(); len(calls) != 2 {
			t.Fatalf("%d calls, want 2: no answer was lost", len(calls))
		}
	}
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if tally, counted, err := store.Count(t.Context(), at("a", 0)); counted || tally.Failures != 2 || err != nil {
		t.Errorf("Count = %+v, %v, %v; want a refusal", tally, counted, err)
	}
}

// A second try could take back somebody else's attempt.
func TestDynamoWithdrawsOnce(t *testing.T) {
	store, proxy := behindProxy(t)
	proxy.Fail("UpdateItem", dynamotest.LoseAnswer)
	if err := store.Withdraw(t.Context(), "a"); err == nil {
		t.Error("a withdrawal whose answer was lost is no outage")
	}
	if calls := proxy.Take(); len(calls) != 1 {
		t.Errorf("%d calls, want 1", len(calls))
	}
}

func TestDynamoCost(t *testing.T) {
	store, proxy := behindProxy(t)
	if _, _, err := store.Count(t.Context(), at("name/"+strings.Repeat("x", 43), 0)); err != nil {
		t.Fatal(err)
	}
	if calls := proxy.Take(); len(calls) != 1 || calls[0].Action != "UpdateItem" || calls[0].Write != 1 {
		t.Errorf("calls %+v, want one UpdateItem of one unit", calls)
	}
}

func TestDynamoOutage(t *testing.T) {
	store, proxy := behindProxy(t)
	proxy.FailAll(dynamotest.Refuse)
	if _, counted, err := store.Count(t.Context(), at("a", 0)); counted || err == nil {
		t.Errorf("Count = %v, %v; want an outage", counted, err)
	}
	for _, method := range []func(context.Context, string) error{store.Clear, store.Withdraw, store.Keep} {
		if err := method(t.Context(), "a"); err == nil {
			t.Error("want an outage")
		}
	}
}

// A damaged tally lets nobody through, and says where the damage is.
func TestDynamoReportsDamage(t *testing.T) {
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Tables(t)["AttemptsTable"]
	store := NewDynamo(client, table)
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
		"key": &types.AttributeValueMemberS{Value: "a"}, "failures": &types.AttributeValueMemberS{Value: "none"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, counted, err := store.Count(t.Context(), at("a", 0))
	if counted || err == nil || !strings.Contains(err.Error(), table) || !strings.Contains(err.Error(), "failures") {
		t.Errorf("Count = %v, %v; want an error with the table and the field", counted, err)
	}
}
