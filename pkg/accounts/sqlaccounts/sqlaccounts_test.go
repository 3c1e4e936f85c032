package sqlaccounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session/sqlstore"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// server is a kind of database that the tests run on.
type server struct {
	dialect sqlstore.Dialect
	driver  string
	dsn     func(testing.TB) string // of an empty database for this test only
}

var (
	sqlite = server{sqlstore.SQLite, "sqlite", func(tb testing.TB) string {
		return "file:" + filepath.Join(tb.TempDir(), "users.db") + "?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate"
	}}
	postgreSQL = server{sqlstore.PostgreSQL, "pgx", postgrestest.DSN}

	servers = map[string]server{"SQLite": sqlite, "PostgreSQL": postgreSQL}
)

// open opens a database, with a pool and a queue of its own.
func (s server) open(tb testing.TB, dsn string) *sqldb.Database {
	tb.Helper()
	db, err := sql.Open(s.driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return sqlstore.New(db, s.dialect).Database()
}

// migrated opens an empty database and makes the tables.
func (s server) migrated(tb testing.TB) *sqldb.Database {
	tb.Helper()
	db := s.open(tb, s.dsn(tb))
	if err := Migrate(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	return db
}

func TestNames(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := New(server.migrated(t))
			accountstest.RunNames(t, store, store.All)
		})
	}
}

func TestStore(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			accountstest.RunRegistry(t, func(t *testing.T) accounts.Registry { return New(server.migrated(t)) })
		})
	}
}

// These are two functions, so that the names of the sub-benchmarks are at the same depth
// as those of the other stores.
func BenchmarkPostgreSQL(b *testing.B) { accountstest.Benchmark(b, New(postgreSQL.migrated(b))) }

func BenchmarkSQLite(b *testing.B) { accountstest.Benchmark(b, New(sqlite.migrated(b))) }

func TestAttempts(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			accountstest.RunAttempts(t, func(t *testing.T) throttle.Store { return NewAttempts(server.migrated(t)) })
		})
	}
}

// All returns every account. A damaged row does not hide the others.
func TestAll(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			store := New(server.migrated(t))
			for _, name := range []string{"carol", "bob", "Ärger", "alice"} {
				if err := store.Create(t.Context(), accountstest.Sample(name)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := store.db.Exec(`UPDATE coatcheck_users SET roles = '{]' WHERE name = 'bob'`); err != nil {
				t.Fatal(err)
			}
			var got []string
			for a, err := range store.All(t.Context()) {
				if err != nil {
					got = append(got, err.Error())
				} else {
					got = append(got, a.Name+" "+a.DisplayName)
				}
			}
			shown := " " + accountstest.Sample("").DisplayName
			want := []string{"alice" + shown, `table coatcheck_users: name "bob": column roles is not the JSON it should be`, "carol" + shown, "Ärger" + shown}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			for range store.All(t.Context()) {
				break
			}
			if open := store.db.Stats().InUse; open != 0 {
				t.Errorf("%d connections are still in use", open)
			}
		})
	}
}

// All keeps no connection while its caller uses the accounts, so a pool of one is enough
// for whoever reads something else meanwhile. It returns each account once.
func TestAllPages(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			db := server.migrated(t)
			store := New(db)
			const users = 2*pageSize + 1
			for i := range users {
				accountstest.Create(t, store, accountstest.Sample(fmt.Sprintf("user%04d", i)))
			}
			db.SetMaxOpenConns(1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			n := 0
			for a, err := range store.All(ctx) {
				if err != nil || a.Name != fmt.Sprintf("user%04d", n) {
					t.Fatalf("account %d is %v, %v", n, a, err)
				}
				if _, err := store.Get(ctx, a.Name); err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != users {
				t.Errorf("%d accounts, want %d", n, users)
			}
		})
	}
}

// Rows of attempts that have expired go away by themselves. Each call does a bounded
// part of that, and a locked name stays.
func TestExpiredAttemptsAreRemoved(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := NewAttempts(server.migrated(t))
			const old = 500
			for i := range old {
				if _, _, err := store.Count(t.Context(), accountstest.AttemptAt(fmt.Sprint("old ", i), 0)); err != nil {
					t.Fatal(err)
				}
			}
			if err := store.Keep(t.Context(), "old 7"); err != nil {
				t.Fatal(err)
			}
			rows := func() (n int) {
				t.Helper()
				if err := store.db.QueryRow(`SELECT count(*) FROM coatcheck_attempts`).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := rows()
			for i := range 2 * old {
				if _, _, err := store.Count(t.Context(), lateAttempt(fmt.Sprint("new ", i%10))); err != nil {
					t.Fatal(err)
				}
				after := rows()
				if before-after > sweepRows {
					t.Fatalf("one call removed %d rows, want at most %d", before-after, sweepRows)
				}
				before = after
			}
			if before != 11 {
				t.Errorf("%d rows are left, want the 10 new ones and the locked one", before)
			}
		})
	}
}

// A process that runs only for a short time removes expired rows too.
func TestFirstCallRemovesExpiredAttempts(t *testing.T) {
	db := sqlite.migrated(t)
	if _, _, err := NewAttempts(db).Count(t.Context(), accountstest.AttemptAt("old", 0)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewAttempts(db).Count(t.Context(), lateAttempt("new")); err != nil {
		t.Fatal(err)
	}
	var keys string
	if err := db.QueryRow(`SELECT group_concat(key) FROM coatcheck_attempts`).Scan(&keys); err != nil || keys != "new" {
		t.Errorf("left %q, %v", keys, err)
	}
}

// Locked rows, however many, do not keep expired ones from being removed.
func TestLocksDoNotStopTheSweep(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := server.migrated(t)
			store := NewAttempts(db)
			for i := range 2*sweepRows + 1 {
				key := fmt.Sprint("locked ", i)
				if _, _, err := store.Count(t.Context(), accountstest.AttemptAt(key, 0)); err != nil {
					t.Fatal(err)
				}
				if err := store.Keep(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := store.Count(t.Context(), accountstest.AttemptAt("old", 0)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := NewAttempts(db).Count(t.Context(), lateAttempt("new")); err != nil {
				t.Fatal(err)
			}
			left, err := store.Get(t.Context(), []string{"old", "new", "locked 0", fmt.Sprint("locked ", 2*sweepRows)})
			if _, old := left["old"]; err != nil || old || len(left) != 3 {
				t.Errorf("left %v, %v; want the new one and the locked ones", left, err)
			}
		})
	}
}

// A row that another process renews while it is about to be removed stays. SQLite has
// one writer at a time, so this can happen on PostgreSQL only.
func TestRenewedWhileItIsRemoved(t *testing.T) {
	dsn := postgreSQL.dsn(t)
	db, other := postgreSQL.open(t, dsn), postgreSQL.open(t, dsn)
	if err := Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewAttempts(db).Count(t.Context(), accountstest.AttemptAt("old", 0)); err != nil {
		t.Fatal(err)
	}
	late := lateAttempt("new")
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`UPDATE coatcheck_attempts SET expires_at = $1 WHERE key = 'old'`, late.Expires.Unix()); err != nil {
		t.Fatal(err)
	}
	var renewing int
	if err := tx.QueryRow(`SELECT pg_backend_pid()`).Scan(&renewing); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := NewAttempts(db).Count(t.Context(), late)
		done <- err
	}()
	for waiting := false; !waiting; { // for the row, to remove it
		if len(done) > 0 {
			t.Fatal("nothing waited for the row: ", <-done)
		}
		if err := other.QueryRow(`SELECT count(*) > 0 FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))`, renewing).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tx.Commit(), <-done); err != nil {
		t.Fatal(err)
	}
	if left, err := NewAttempts(db).Get(t.Context(), []string{"old", "new"}); err != nil || len(left) != 2 {
		t.Errorf("left %v, %v; want both", left, err)
	}
}

// lateAttempt returns an attempt at a time when those at the start have expired.
func lateAttempt(key string) throttle.Count {
	late := accountstest.AttemptAt(key, 31*24*time.Hour)
	late.Expires = late.At.Add(time.Hour)
	return late
}

// A damaged row is not a missing user, but an outage whose error names the column.
func TestReportsDamage(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			store := New(server.migrated(t))
			alice := accountstest.Sample("alice")
			accountstest.Create(t, store, alice)
			for _, column := range []string{"roles", "preferences"} {
				if _, err := store.db.Exec(`UPDATE coatcheck_users SET ` + column + ` = '{]' WHERE name = 'alice'`); err != nil {
					t.Fatal(err)
				}
				_, err := store.Get(t.Context(), "alice")
				if err == nil || errors.Is(err, accounts.ErrNotFound) || !strings.Contains(err.Error(), column) || !strings.Contains(err.Error(), "alice") {
					t.Errorf("damaged %s: %v", column, err)
				}
				err = store.SetPreferences(t.Context(), "alice", alice.UserID, nil, "second")
				if column == "preferences" && (err == nil || !strings.Contains(err.Error(), column)) {
					t.Errorf("setting damaged preferences: %v", err)
				}
				if _, err := store.db.Exec(`UPDATE coatcheck_users SET ` + column + ` = 'null' WHERE name = 'alice'`); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
