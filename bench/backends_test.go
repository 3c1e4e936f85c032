package bench_test

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/boj/redistore"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver sqlite

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/session/redisstore"
	"example.com/coatcheck/pkg/session/sqlstore"
)

const scsModule = "github.com/alexedwards/scs/"

var storeTables = []table{
	{name: "redis", modules: []string{"github.com/redis/go-redis/v9", scsModule + "v2", scsModule + "goredisstore", "github.com/gorilla/sessions", "github.com/boj/redistore"},
		measure: backend{40, openRedis}.measure},
	{name: "postgresql", modules: []string{"github.com/jackc/pgx/v5", scsModule + "v2", scsModule + "postgresstore", scsModule + "pgxstore"},
		measure: backend{40, openPostgreSQL}.measure},
	{name: "sqlite", modules: []string{"modernc.org/sqlite", scsModule + "v2", scsModule + "sqlite3store"},
		measure: backend{8, openSQLite}.measure},
	{name: "dynamodb", modules: []string{"github.com/aws/aws-sdk-go-v2/service/dynamodb", scsModule + "v2"},
		measure: backend{12, openDynamoDB}.measure},
}

// both returns ours as it is by default, and logins without a limit of sessions a user, which is
// what the others do.
func both(t *testing.T, store session.Store) []library {
	unlimited := coatcheck(t, "Coatcheck without a limit of sessions", store, func(c *session.Config) { c.MaxSessions = -1 })
	return []library{coatcheck(t, "Coatcheck", store, nil), {name: unlimited.name, login: unlimited.login}}
}

func openRedis(t *testing.T, through func(network, address string) string) []library {
	client := func() *redis.Client {
		options := redistest.Options(t)
		options.Addr = through("tcp", options.Addr)
		client := redis.NewClient(options)
		t.Cleanup(func() { client.Close() })
		return client
	}
	theirs := client()
	pool, err := redistore.NewRediStore(10, "tcp", through("tcp", redistest.Options(t).Addr), "", "", signingKey("k"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	pool.SetKeyPrefix(redistest.Prefix(t))
	return append(both(t, redisstore.New(client(), redistest.Prefix(t))),
		scsLibrary("scs goredisstore", goredisstore.NewWithPrefix(theirs, redistest.Prefix(t)), 0),
		scsLibrary("scs goredisstore with an idle timeout", goredisstore.NewWithPrefix(theirs, redistest.Prefix(t)), 30*time.Minute),
		gorilla("gorilla redistore", pool),
	)
}

func openPostgreSQL(t *testing.T, through func(network, address string) string) []library {
	dsn := postgrestest.DSN(t)
	server, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(server.Host, server.Port)
	open := func() (*sql.DB, string) {
		other, port := through(network, address), ""
		if network == "unix" {
			port = strings.TrimPrefix(filepath.Ext(other), ".")
			other = filepath.Dir(other)
		} else {
			u, _ := url.Parse("tcp://" + other)
			other, port = u.Hostname(), u.Port()
		}
		dsn := postgrestest.With(dsn, "host", other, "port", port)
		return openSQL(t, "pgx", dsn), dsn
	}
	ours, _ := open()
	store := sqlstore.New(ours, sqlstore.PostgreSQL)
	if err := store.Migrate(waiting(t)); err != nil {
		t.Fatal(err)
	}
	theirs, _ := open()
	_, pooled := open()
	pool, err := pgxpool.New(waiting(t), pooled)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	execute(t, theirs, `CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
		CREATE INDEX sessions_expiry_idx ON sessions (expiry)`)
	return append(both(t, store),
		scsLibrary("scs postgresstore", postgresstore.NewWithCleanupInterval(theirs, 0), 0),
		scsLibrary("scs postgresstore with an idle timeout", postgresstore.NewWithCleanupInterval(theirs, 0), 30*time.Minute),
		scsLibrary("scs pgxstore", pgxstore.NewWithCleanupInterval(pool, 0), 0),
	)
}

func openSQLite(t *testing.T, _ func(network, address string) string) []library {
	open := func() *sql.DB {
		return openSQL(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "sessions.db")+"?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
	}
	store := sqlstore.New(open(), sqlstore.SQLite)
	if err := store.Migrate(waiting(t)); err != nil {
		t.Fatal(err)
	}
	theirs := open()
	execute(t, theirs, `CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
		CREATE INDEX sessions_expiry_idx ON sessions(expiry)`)
	return append(both(t, store),
		scsLibrary("scs sqlite3store", sqlite3store.NewWithCleanupInterval(theirs, 0), 0),
		scsLibrary("scs sqlite3store with an idle timeout", sqlite3store.NewWithCleanupInterval(theirs, 0), 30*time.Minute),
	)
}

func openDynamoDB(t *testing.T, through func(network, address string) string) []library {
	endpoint, err := url.Parse(dynamotest.Endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	table := dynamotest.Table(t, "SessionsTable")
	ours := dynamotest.Client(t, "http://"+through("tcp", endpoint.Host))
	theirs := dynamoStore{dynamotest.Client(t, "http://"+through("tcp", endpoint.Host)), newTokenTable(t)}
	return append(both(t, dynamostore.New(ours, table)),
		scsLibrary("scs, a store of 60 lines", theirs, 0),
		scsLibrary("scs, a store of 60 lines, with an idle timeout", theirs, 30*time.Minute),
	)
}

// openSQL opens a database as the documentation of sqlstore says.
func openSQL(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(10)
	return db
}

func execute(t *testing.T, db *sql.DB, statements string) {
	t.Helper()
	for statement := range strings.SplitSeq(statements, ";") {
		if _, err := db.ExecContext(waiting(t), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
