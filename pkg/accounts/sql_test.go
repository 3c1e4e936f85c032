package accounts

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/postgrestest"
)

// openSQL opens a database for each test, with the table made twice: the second
// time nothing is left to do.
func openSQL(t *testing.T, driver, dsn string) *SQL {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store := NewSQL(db)
	for range 2 {
		if err := store.CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func sqlStores() map[string]func(*testing.T) *SQL {
	return map[string]func(*testing.T) *SQL{
		"SQLite": func(t *testing.T) *SQL {
			return openSQL(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "users.db")+"?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate")
		},
		"PostgreSQL": func(t *testing.T) *SQL { return openSQL(t, "pgx", postgrestest.DSN(t)) },
	}
}

func TestSQL(t *testing.T) {
	for name, open := range sqlStores() {
		t.Run(name, func(t *testing.T) {
			testStore(t, func(t *testing.T) Store { return open(t) })
		})
	}
}

// A row that somebody damaged is an outage that says where, not a missing user.
func TestSQLReportsDamage(t *testing.T) {
	for name, open := range sqlStores() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			if err := store.Create(t.Context(), sample("alice")); err != nil {
				t.Fatal(err)
			}
			for _, column := range []string{"roles", "preferences"} {
				if _, err := store.db.Exec(`UPDATE coatcheck_users SET ` + column + ` = '{]' WHERE name = 'alice'`); err != nil {
					t.Fatal(err)
				}
				_, err := store.Get(t.Context(), "alice")
				if err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), column) || !strings.Contains(err.Error(), "alice") {
					t.Errorf("damaged %s: %v", column, err)
				}
				if _, err := store.db.Exec(`UPDATE coatcheck_users SET ` + column + ` = 'null' WHERE name = 'alice'`); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
