package signin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/internal/testing/testmain"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/accounts/redisaccounts"
	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/session/redisstore"
	"example.com/coatcheck/pkg/session/sqlstore"
)

func TestMain(m *testing.M) {
	testmain.Main(m, dynamotest.Main, postgrestest.Main, redistest.Main)
}

// stores are the stores of sessions, users and attempts to sign in.
type stores struct {
	sessions session.Store
	accounts accounts.Registry
	attempts throttle.Store
}

// TestMatrixOnEveryStore runs the rows of the matrix that call a store on real servers.
// Users and attempts are in the stores that cmd/server combines with that session store.
// One server in front of the routes and one kind of reader are enough, because they make
// no difference to a store: TestMatrix expects the same calls for each. For DynamoDB the
// server is Lambda. The reader is a program, because JSON shows most of what was stored.
func TestMatrixOnEveryStore(t *testing.T) {
	for name, on := range map[string]struct {
		server string
		open   func(*testing.T) (empty func(*testing.T) stores)
	}{
		"SQLite":     {"net/http", onSQLite},
		"PostgreSQL": {"net/http", onPostgreSQL},
		"Redis":      {"net/http", onRedis},
		"DynamoDB":   {"Lambda", onDynamoDB},
	} {
		t.Run(name, func(t *testing.T) {
			empty := on.open(t)
			for _, x := range rows() {
				if x.calls == "" && x.attempts == "" {
					continue
				}
				x.run(t, "program", on.server, func(t *testing.T, check func(*fixture)) {
					hung := time.AfterFunc(10*time.Minute, func() { panic(t.Name() + ": let time pass by fixture.advance, not by time.Sleep") })
					defer hung.Stop()
					r := newFixtureOn(t, empty(t))
					r.began = time.Now()
					check(r)
				})
			}
		})
	}
}

func onSQLite(t *testing.T) func(*testing.T) stores {
	file := filepath.Join(t.TempDir(), "coatcheck.db")
	return onSQL(t, "sqlite", "file:"+file+"?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate", sqlstore.SQLite)
}

func onPostgreSQL(t *testing.T) func(*testing.T) stores {
	return onSQL(t, "pgx", postgrestest.DSN(t), sqlstore.PostgreSQL)
}

func onSQL(t *testing.T, driver, dsn string, dialect sqlstore.Dialect) func(*testing.T) stores {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	sessions := sqlstore.New(db, dialect)
	users, attempts := sqlaccounts.New(sessions.Database()), sqlaccounts.NewAttempts(sessions.Database())
	if err := errors.Join(sessions.Migrate(t.Context()), sqlaccounts.Migrate(t.Context(), sessions.Database())); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) stores {
		for _, table := range []string{"coatcheck_sessions", "coatcheck_users", "coatcheck_attempts"} {
			if _, err := db.ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
				t.Fatal(err)
			}
		}
		return stores{sessions, users, attempts}
	}
}

func onRedis(t *testing.T) func(*testing.T) stores {
	client := redis.NewClient(redistest.Options(t))
	t.Cleanup(func() { client.Close() })
	return func(t *testing.T) stores {
		prefix := redistest.Prefix(t)
		return stores{redisstore.New(client, prefix), redisaccounts.New(client, prefix), redisaccounts.NewAttempts(client, prefix)}
	}
}

func onDynamoDB(t *testing.T) func(*testing.T) stores {
	client, tables := dynamotest.Client(t, dynamotest.Endpoint(t)), dynamotest.Tables(t)
	kept := stores{
		dynamostore.New(client, tables["SessionsTable"]),
		dynamoaccounts.New(client, tables["UsersTable"]),
		dynamoaccounts.NewAttempts(client, tables["AttemptsTable"]),
	}
	keys := map[string][]string{"SessionsTable": {"owner", "id"}, "UsersTable": {"name"}, "AttemptsTable": {"key"}}
	return func(t *testing.T) stores {
		for table, key := range keys {
			emptyTable(t, client, tables[table], key)
		}
		return kept
	}
}

// emptyTable deletes all items. This takes a tenth of the time of creating a new
// table.
func emptyTable(t *testing.T, client *dynamodb.Client, table string, key []string) {
	t.Helper()
	found, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range found.Items {
		maps.DeleteFunc(item, func(field string, _ types.AttributeValue) bool { return !slices.Contains(key, field) })
		if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: item}); err != nil {
			t.Fatal(err)
		}
	}
}

// clock is the time of a fixture. If began is zero, the fixture runs in a bubble of
// synctest, with a fake clock. Otherwise it runs outside of a bubble since began.
type clock struct {
	began    time.Time
	advanced time.Duration // the time that advance has added, outside of a bubble
}

// advance lets time pass. Outside of a bubble it makes alice's sessions older
// instead. It uses only whole minutes, because the real time goes on too.
func (r *fixture) advance(d time.Duration) {
	r.t.Helper()
	if r.began.IsZero() {
		time.Sleep(d)
		return
	}
	d = d.Truncate(time.Minute)
	r.advanced += d
	ctx, now := context.Background(), time.Now()
	all, err := r.stores.sessions.List(ctx, (&session.Session{UserID: "alice-id"}).Key().Owner)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range all {
		for _, at := range []*time.Time{&s.CreatedAt, &s.AuthenticatedAt, &s.LastSeenAt, &s.ExpiresAt} {
			*at = at.Add(-d)
		}
		_, err := r.stores.sessions.Delete(ctx, s.Key(), nil, now)
		if err := errors.Join(err, r.stores.sessions.Create(ctx, s)); err != nil {
			r.t.Fatal(err)
		}
	}
}

var (
	bubbleBegan = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	instant     = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)
	maxAge      = regexp.MustCompile(`Max-Age=\d+`)
)

// inBubbleTime returns the response as it would be in a bubble. Outside of a bubble
// it moves the times in it to the time of a bubble. It rounds times and cookies'
// Max-Age to the minute.
func (r *fixture) inBubbleTime(resp response) response {
	r.t.Helper()
	if r.began.IsZero() {
		return resp
	}
	resp.body = instant.ReplaceAllStringFunc(resp.body, func(text string) string {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			r.t.Errorf("not a time: %s", text)
		}
		return bubbleBegan.Add(at.Sub(r.began) + r.advanced).Round(time.Minute).Format(time.RFC3339)
	})
	for i, line := range resp.cookies() {
		resp.cookies()[i] = maxAge.ReplaceAllStringFunc(line, func(text string) string {
			seconds, err := strconv.Atoi(text[len("Max-Age="):])
			if err != nil {
				r.t.Error(err)
			}
			return fmt.Sprintf("Max-Age=%d", (seconds+30)/60*60)
		})
	}
	return resp
}
