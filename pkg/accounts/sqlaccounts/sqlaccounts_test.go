package sqlaccounts

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/throttle"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// databases has a function for each kind of database that opens an empty one and
// creates the tables twice. The second time must change nothing.
var databases = map[string]func(*testing.T) *sql.DB{
	"SQLite": func(t *testing.T) *sql.DB {
		return open(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "users.db")+"?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate")
	},
	"PostgreSQL": func(t *testing.T) *sql.DB { return open(t, "pgx", postgrestest.DSN(t)) },
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for range 2 {
		if err := errors.Join(New(db).CreateTable(t.Context()), NewAttempts(db).CreateTable(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func TestStore(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			accountstest.Run(t, func(t *testing.T) accounts.Store { return New(open(t)) })
		})
	}
}

func TestAttempts(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			accountstest.RunAttempts(t, func(t *testing.T) throttle.Store { return NewAttempts(open(t)) })
		})
	}
}

// A damaged row is not a missing user, but an outage whose error names the column.
func TestReportsDamage(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			store := New(open(t))
			if err := store.Create(t.Context(), accountstest.Sample("alice")); err != nil {
				t.Fatal(err)
			}
			for _, column := range []string{"roles", "preferences"} {
				if _, err := store.db.Exec(`UPDATE coatcheck_users SET ` + column + ` = '{]' WHERE name = 'alice'`); err != nil {
					t.Fatal(err)
				}
				_, err := store.Get(t.Context(), "alice")
				if err == nil || errors.Is(err, accounts.ErrNotFound) || !strings.Contains(err.Error(), column) || !strings.Contains(err.Error(), "alice") {
					t.Errorf("damaged %s: %v", column, err)
				}
				if _, err := store.db.Exec(`UPDATE coatcheck_users SET ` + column + ` = 'null' WHERE name = 'alice'`); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
