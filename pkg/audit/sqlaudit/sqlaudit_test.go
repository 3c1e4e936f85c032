package sqlaudit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/audittest"
	"example.com/coatcheck/pkg/session/sqlstore"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// server is a kind of database that the tests run on.
type server struct {
	dialect sqlstore.Dialect
	driver  string
	dsn     func(testing.TB) string // of an empty database for this test only
}

var servers = map[string]server{
	"SQLite": {sqlstore.SQLite, "sqlite", func(tb testing.TB) string {
		return "file:" + filepath.Join(tb.TempDir(), "audit.db") + "?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate"
	}},
	"PostgreSQL": {sqlstore.PostgreSQL, "pgx", postgrestest.DSN},
}

// open opens a database, with a pool and a queue of its own.
func (s server) open(t *testing.T, dsn string) *sqlstore.Store {
	t.Helper()
	db, err := sql.Open(s.driver, dsn)
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return sqlstore.New(db, s.dialect)
}

// migrated opens an empty database and makes the table.
func (s server) migrated(t *testing.T) *sqldb.Database {
	t.Helper()
	db := s.open(t, s.dsn(t)).Database()
	check(t, Migrate(t.Context(), db))
	return db
}

func onEachServer(t *testing.T, test func(*testing.T, server)) {
	t.Parallel()
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	at     = time.Date(2026, 11, 26, 12, 30, 45, 678e6, time.UTC)
	past   = time.Date(1999, 2, 3, 4, 5, 6, 0, time.UTC)
	future = time.Date(2199, 12, 31, 23, 59, 58, 0, time.UTC)
)

// newEntry returns an entry that does not expire.
func newEntry(userID string) audit.Entry {
	return audit.Entry{UserID: userID, At: at, ID: rand.Text()[:22], Event: "session_ended", Reason: "logout", ExpiresAt: future}
}

func TestStore(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		audittest.Run(t, func(t *testing.T) audit.Store { return New(server.migrated(t)) })
	})
}

// The table stands beside those of sessions, has a version of its own, and is made once, by
// hand as well.
func TestMigrate(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		sessions := server.open(t, server.dsn(t))
		db := sessions.Database()
		if err := Check(t.Context(), db); !errors.Is(err, sqldb.ErrOlder) || !strings.Contains(err.Error(), "coatcheck_audit") {
			t.Errorf("without the table: %v", err)
		}
		check(t, sessions.Migrate(t.Context()))
		for range 2 {
			check(t, Migrate(t.Context(), db))
			check(t, Check(t.Context(), db))
			check(t, New(db).Append(t.Context(), newEntry("u")))
		}
		check(t, sessions.Check(t.Context()))
		_, err := db.Exec("INSERT INTO coatcheck_audit_schema (version) VALUES (9999)")
		check(t, err)
		if err := Check(t.Context(), db); !errors.Is(err, sqldb.ErrNewer) {
			t.Errorf("with a table of a later release: %v", err)
		}

		byHand := server.open(t, server.dsn(t)).Database()
		_, err = byHand.Exec("BEGIN;" + Schema(string(server.dialect)) + "COMMIT")
		check(t, err)
		check(t, Check(t.Context(), byHand))
		check(t, Migrate(t.Context(), byHand))
		check(t, New(byHand).Append(t.Context(), newEntry("u")))
	})
}

// All goes on from page to page, also within one user, and returns every row once.
func TestAllPages(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		db, ctx := server.migrated(t), t.Context()
		const users, rows = 3, 5*pageRows/2 + 1
		for i := range rows {
			_, err := db.ExecContext(ctx, `INSERT INTO coatcheck_audit (user_id, key, event, details, expires_at) VALUES ($1, $2, 'session_ended', 'null', $3)`,
				fmt.Sprint("u", i%users), newEntry("").Key(), future.Unix())
			check(t, err)
		}
		seen := map[string]bool{}
		for e, err := range New(db).All(ctx) {
			check(t, err)
			seen[e.UserID+e.Key()] = true
		}
		if len(seen) != rows {
			t.Errorf("All returned %d of %d rows", len(seen), rows)
		}
	})
}

// Rows that have expired are removed by Append, and no others.
func TestExpiredRowsAreRemoved(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		db, ctx := server.migrated(t), t.Context()
		store := New(db)
		check(t, store.Append(ctx, newEntry("living")))
		const writes = 10 * sweepEvery
		for i := range writes {
			old := newEntry(fmt.Sprint(i % 7))
			old.ExpiresAt = past
			check(t, store.Append(ctx, old))
		}
		var rows, living int
		check(t, db.QueryRowContext(ctx, "SELECT COUNT(*), COUNT(CASE WHEN user_id = 'living' THEN 1 END) FROM coatcheck_audit").Scan(&rows, &living))
		if rows > sweepEvery+1 || living != 1 {
			t.Errorf("%d rows are left after %d writes, of which %d have not expired; want at most %d, and 1", rows, writes, living, sweepEvery+1)
		}
	})
}

// A damaged row is an error that says where the damage is and quotes nothing else. All goes
// on after it.
func TestDamage(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		db, ctx := server.migrated(t), t.Context()
		store, good := New(db), newEntry("z")
		check(t, store.Append(ctx, good))
		for user, want := range map[string]string{"key": `"c4nary" is not the key of an entry`, "details": `column details is not a JSON object of strings`} {
			e := newEntry(user)
			check(t, store.Append(ctx, e))
			_, err := db.ExecContext(ctx, `UPDATE coatcheck_audit SET `+user+` = 'c4nary' WHERE user_id = $1`, user)
			check(t, err)
			if _, err := store.List(ctx, user, "", 10); err == nil || !strings.Contains(err.Error(), "sqlaudit: List: table coatcheck_audit: ") || !strings.Contains(err.Error(), want) {
				t.Errorf("a damaged %s: %v", user, err)
			}
		}
		var got []string
		damaged := 0
		for e, err := range store.All(ctx) {
			if err != nil {
				damaged++
			} else {
				got = append(got, e.Key())
			}
		}
		if damaged != 2 || !slices.Equal(got, []string{good.Key()}) {
			t.Errorf("All returned %d errors and %q", damaged, got)
		}
	})
}

// calls are the methods.
var calls = map[string]func(context.Context, *Store) error{
	"Append": func(ctx context.Context, s *Store) error { return s.Append(ctx, newEntry("u")) },
	"List":   func(ctx context.Context, s *Store) error { _, err := s.List(ctx, "u", "", 10); return err },
	"All": func(ctx context.Context, s *Store) (last error) {
		for _, err := range s.All(ctx) {
			last = err
		}
		return last
	},
}

// No call takes an outage for an answer: neither a database that is away, nor one without
// the table.
func TestOutage(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		bare := New(server.open(t, server.dsn(t)).Database())
		away := server.migrated(t)
		check(t, away.Close())
		for name, call := range calls {
			for what, store := range map[string]*Store{"without the table": bare, "away": New(away)} {
				if err := call(t.Context(), store); err == nil || !strings.Contains(err.Error(), "sqlaudit: "+name+": ") {
					t.Errorf("%s, %s: %v; want an outage", name, what, err)
				}
			}
		}
	})
}

// An Append whose answer is lost is an outage, and was sent once. The same entry, appended
// again, is there once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	server := servers["PostgreSQL"]
	dsn := server.dsn(t)
	db := server.open(t, dsn).Database()
	check(t, Migrate(t.Context(), db))
	proxy := postgrestest.NewProxy(t, dsn)
	store, ctx, e := New(server.open(t, proxy.DSN).Database()), t.Context(), newEntry("u")
	check(t, store.Append(ctx, newEntry("another"))) // removes expired rows, as every sixteenth does
	proxy.Take()
	proxy.Fail("INSERT", postgrestest.LoseAnswer)
	if err := store.Append(ctx, e); err == nil {
		t.Error("Append, answer lost: no error")
	}
	if sent := proxy.Take(); slices.Index(sent, "INSERT") < 0 || len(sent) > 2 {
		t.Errorf("Append, answer lost: sent %q, want one INSERT", sent)
	}
	for range 2 {
		check(t, store.Append(ctx, e))
	}
	if list, err := store.List(ctx, "u", "", 10); err != nil || len(list) != 1 {
		t.Errorf("the trail has %d entries, %v; want 1", len(list), err)
	}
}

// A role may append that can neither read nor change what is there, and another one read
// that can do nothing else. Without the right to remove expired rows, a warning says so.
func TestRights(t *testing.T) {
	t.Parallel()
	db, ctx := servers["PostgreSQL"].migrated(t), t.Context()
	db.SetMaxOpenConns(1)
	var warnings strings.Builder
	store := New(db)
	store.Logger = slog.New(slog.NewTextHandler(&warnings, nil))
	var schema string
	check(t, db.QueryRowContext(ctx, "SELECT current_schema").Scan(&schema))
	as := func(rights string, use func()) {
		role := "audit_" + schema
		_, err := db.ExecContext(ctx, "CREATE ROLE "+role+"; GRANT USAGE ON SCHEMA "+schema+" TO "+role+"; GRANT "+rights+" ON coatcheck_audit TO "+role+"; SET ROLE "+role)
		check(t, err)
		use()
		_, err = db.ExecContext(ctx, "RESET ROLE; DROP OWNED BY "+role+"; DROP ROLE "+role)
		check(t, err)
	}
	denied := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v; want no permission", what, err)
		}
	}
	as("INSERT", func() {
		check(t, store.Append(ctx, newEntry("u")))
		_, err := store.List(ctx, "u", "", 10)
		denied("List with INSERT", err)
	})
	if !strings.Contains(warnings.String(), "msg=expired_rows_left table=coatcheck_audit") {
		t.Errorf("without the right to remove, the log is %q", warnings.String())
	}
	as("SELECT", func() {
		denied("Append with SELECT", store.Append(ctx, newEntry("u")))
		if list, err := store.List(ctx, "u", "", 10); err != nil || len(list) != 1 {
			t.Errorf("List with SELECT: %v, %v", list, err)
		}
	})
	warnings.Reset()
	as("INSERT, SELECT, DELETE", func() {
		for range 2 * sweepEvery {
			check(t, store.Append(ctx, newEntry("u")))
		}
	})
	if warnings.Len() > 0 {
		t.Errorf("with every right but UPDATE: %s", warnings.String())
	}
}
