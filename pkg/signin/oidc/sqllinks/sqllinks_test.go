package sqllinks

import (
	"context"
	"crypto/rand"
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
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
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
		return "file:" + filepath.Join(tb.TempDir(), "links.db") + "?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate"
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
	at     = time.Date(2026, 11, 26, 12, 30, 45, 0, time.UTC)
	past   = time.Date(1999, 2, 3, 4, 5, 6, 0, time.UTC)
	future = time.Date(2199, 12, 31, 23, 59, 58, 0, time.UTC)
)

func newLink(id string) oidc.Link {
	return oidc.Link{ID: id, Session: session.Key{Owner: rand.Text(), ID: rand.Text()}, ExpiresAt: future}
}

func TestStore(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		oidctest.Run(t, func(t *testing.T) oidc.Store { return New(server.migrated(t)) })
	})
}

// Processes that share a database do not queue together. Their writes see each other all
// the same.
func TestTwoProcesses(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		dsn := server.dsn(t)
		db := server.open(t, dsn).Database()
		check(t, Migrate(t.Context(), db))
		stores := []*Store{New(db), New(server.open(t, dsn).Database())}
		for i := range 20 {
			l := newLink(fmt.Sprint(i))
			linked, ended := make(chan error, 1), make(chan oidc.Link, 1)
			go func() {
				_, err := stores[0].Link(t.Context(), l)
				linked <- err
			}()
			go func() {
				found, err := stores[1].End(t.Context(), l.ID, at, future)
				if err != nil {
					t.Error(err)
				}
				ended <- found
			}()
			err, found := <-linked, <-ended
			if err == nil && found != l || errors.Is(err, oidc.ErrEnded) && found != (oidc.Link{}) || err != nil && !errors.Is(err, oidc.ErrEnded) {
				t.Fatalf("Link returned %v, and End beside it %+v", err, found)
			}
		}
	})
}

// The table stands beside those of sessions, has a version of its own, and is made once, by
// hand as well.
func TestMigrate(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		sessions := server.open(t, server.dsn(t))
		db := sessions.Database()
		if err := Check(t.Context(), db); !errors.Is(err, sqldb.ErrOlder) || !strings.Contains(err.Error(), "coatcheck_oidc_links") {
			t.Errorf("without the table: %v", err)
		}
		check(t, sessions.Migrate(t.Context()))
		for range 2 {
			check(t, Migrate(t.Context(), db))
			check(t, Check(t.Context(), db))
			_, err := New(db).Link(t.Context(), newLink("a"))
			check(t, err)
		}
		check(t, sessions.Check(t.Context()))
		_, err := db.Exec("INSERT INTO coatcheck_oidc_schema (version) VALUES (9999)")
		check(t, err)
		if err := Check(t.Context(), db); !errors.Is(err, sqldb.ErrNewer) {
			t.Errorf("with a table of a later release: %v", err)
		}

		byHand := server.open(t, server.dsn(t)).Database()
		_, err = byHand.Exec("BEGIN;" + Schema(string(server.dialect)) + "COMMIT")
		check(t, err)
		check(t, Check(t.Context(), byHand))
		check(t, Migrate(t.Context(), byHand))
		_, err = New(byHand).Link(t.Context(), newLink("a"))
		check(t, err)
	})
}

// Rows that have expired are removed by writes, and no others: neither a link whose end has
// expired, nor an end whose link has.
func TestExpiredRowsAreRemoved(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		db := server.migrated(t)
		store, ctx := New(db), t.Context()
		_, err := store.Link(ctx, newLink("link"))
		check(t, err)
		_, err = store.End(ctx, "link", at, past)
		check(t, err)
		old := newLink("end")
		old.ExpiresAt = past
		_, err = store.Link(ctx, old)
		check(t, err)
		_, err = store.End(ctx, "end", at, future)
		check(t, err)
		const writes = 10 * sweepEvery
		for i := range writes {
			old := newLink(fmt.Sprint(i))
			old.ExpiresAt = past
			if i%2 == 0 {
				_, err = store.Link(ctx, old)
			} else {
				_, err = store.End(ctx, old.ID, at, past)
			}
			check(t, err)
		}
		var rows, living int
		check(t, db.QueryRowContext(ctx, "SELECT COUNT(*), COUNT(CASE WHEN id IN ('link', 'end') THEN 1 END) FROM coatcheck_oidc_links").Scan(&rows, &living))
		if rows > sweepEvery+2 || living != 2 {
			t.Errorf("%d rows are left after %d writes, of which %d have not expired; want at most %d, and 2", rows, writes, living, sweepEvery+2)
		}
	})
}

// calls are the methods, each with arguments for a link that is stored.
var calls = map[string]func(context.Context, *Store, oidc.Link) error{
	"Link": func(ctx context.Context, s *Store, l oidc.Link) error { _, err := s.Link(ctx, l); return err },
	"End": func(ctx context.Context, s *Store, l oidc.Link) error {
		_, err := s.End(ctx, l.ID, at, future)
		return err
	},
	"Ended": func(ctx context.Context, s *Store, l oidc.Link) error {
		_, _, err := s.Ended(ctx, l.ID)
		return err
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
				if err := call(t.Context(), store, newLink("a")); err == nil || errors.Is(err, oidc.ErrEnded) || !strings.Contains(err.Error(), "sqllinks: ") {
					t.Errorf("%s, %s: %v; want an outage", name, what, err)
				}
			}
		}
	})
}

// lost is a store behind a proxy that loses answers, and one beside it.
func lost(t *testing.T) (proxy *postgrestest.Proxy, through, direct *Store) {
	t.Helper()
	server := servers["PostgreSQL"]
	dsn := server.dsn(t)
	db := server.open(t, dsn).Database()
	check(t, Migrate(t.Context(), db))
	proxy = postgrestest.NewProxy(t, dsn)
	return proxy, New(server.open(t, proxy.DSN).Database()), New(db)
}

// A write whose answer is lost is an outage, and was sent once. The same call, repeated,
// returns what the first one would have.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	proxy, store, direct := lost(t)
	ctx := t.Context()
	first, second := newLink("a"), newLink("a")
	_, err := direct.Link(ctx, first)
	check(t, err)
	_, err = store.Link(ctx, newLink("another")) // removes expired rows, as every sixteenth does
	check(t, err)
	for _, test := range []struct {
		method string
		call   func() (oidc.Link, error)
		want   oidc.Link
	}{
		{"Link", func() (oidc.Link, error) { return store.Link(ctx, second) }, first},
		{"End", func() (oidc.Link, error) { return store.End(ctx, "a", at, future) }, second},
	} {
		proxy.Take()
		proxy.Fail("INSERT", postgrestest.LoseAnswer)
		if got, err := test.call(); err == nil || errors.Is(err, oidc.ErrEnded) {
			t.Errorf("%s, answer lost: %+v, %v; want an outage", test.method, got, err)
		}
		if sent := proxy.Take(); slices.Index(sent, "INSERT") < 0 || len(sent) > 2 {
			t.Errorf("%s, answer lost: sent %q, want one INSERT", test.method, sent)
		}
		for range 2 {
			if got, err := test.call(); err != nil || got != test.want {
				t.Errorf("%s, repeated: %+v, %v; want %+v", test.method, got, err, test.want)
			}
		}
	}
}

// A Link that is carried out late, after its caller has given up, does not undo an End.
func TestLateLink(t *testing.T) {
	t.Parallel()
	proxy, store, direct := lost(t)
	ctx := t.Context()
	_, _, err := store.Ended(ctx, "nobody") // opens a connection
	check(t, err)
	proxy.Fail("INSERT", postgrestest.Hold)
	if _, err := store.Link(ctx, newLink("a")); err == nil || errors.Is(err, oidc.ErrEnded) {
		t.Errorf("Link, held: %v; want an outage", err)
	}
	_, err = direct.End(ctx, "a", at, future)
	check(t, err)
	if answers := proxy.Deliver(); !slices.Equal(answers, []string{"INSERT 0 0"}) {
		t.Errorf("the late INSERT is answered with %q", answers)
	}
	if l, err := direct.End(ctx, "a", at, future); err != nil || l != (oidc.Link{}) {
		t.Errorf("after the late INSERT the link is %+v, %v; want none", l, err)
	}
}
