// Package histories makes histories of calls to each of our stores, on its real server, and
// checks them.
package histories

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/internal/testing/testmain"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/redisstore"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/session/storetest/history"
)

func TestMain(m *testing.M) {
	testmain.Main(m, dynamotest.Main, postgrestest.Main, redistest.Main)
}

// TestHistories makes few histories, or as many as fit into COATCHECK_PROVE_MINUTES, with
// the seed COATCHECK_PROVE_SEED. All stores take part at the same time.
func TestHistories(t *testing.T) {
	c := history.Config{Histories: 10, Duration: minutes(t), Seed: seed(t)}
	for name, open := range map[string]func(testing.TB) session.Store{
		"memory":   func(testing.TB) session.Store { return memstore.New() },
		"DynamoDB": openDynamoDB,
		"PostgreSQL": func(tb testing.TB) session.Store {
			return openSQL(tb, "pgx", postgrestest.DSN(tb), sqlstore.PostgreSQL)
		},
		"SQLite": func(tb testing.TB) session.Store { return openSQL(tb, "sqlite", sqliteFile(tb), sqlstore.SQLite) },
		"Redis":  func(tb testing.TB) session.Store { return openRedis(tb, redis.NewClient(redistest.Options(tb))) },
		"Redis Cluster": func(tb testing.TB) session.Store {
			return openRedis(tb, redis.NewClusterClient(redistest.ClusterOptions(tb)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			history.Run(t, open, c)
		})
	}
}

func minutes(t *testing.T) time.Duration {
	text := os.Getenv("COATCHECK_PROVE_MINUTES")
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 {
		t.Fatalf("COATCHECK_PROVE_MINUTES is %q, want a number of minutes", text)
	}
	return time.Duration(n * float64(time.Minute))
}

func seed(t *testing.T) uint64 {
	text := os.Getenv("COATCHECK_PROVE_SEED")
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("COATCHECK_PROVE_SEED is %q, want a whole number", text)
	}
	return n
}

func openDynamoDB(tb testing.TB) session.Store {
	client := dynamotest.Client(tb, dynamotest.Endpoint(tb))
	table := "sessions-" + rand.Text()
	if _, err := client.CreateTable(tb.Context(), dynamostore.CreateTableInput(table)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			tb.Error(err)
		}
	})
	return dynamostore.New(client, table)
}

func sqliteFile(tb testing.TB) string {
	return "file:" + filepath.Join(tb.TempDir(), "sessions.db") + "?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate"
}

func openSQL(tb testing.TB, driver, dsn string, dialect sqlstore.Dialect) session.Store {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	store := sqlstore.New(db, dialect)
	if err := store.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return store
}

func openRedis(tb testing.TB, client redis.UniversalClient) session.Store {
	tb.Cleanup(func() { client.Close() })
	return redisstore.New(client, redistest.Prefix(tb))
}
