package sqlbridge

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/bridgetest"
	"example.com/coatcheck/pkg/session"
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
		return "file:" + filepath.Join(tb.TempDir(), "bridge.db") + "?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate"
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

// migrated opens an empty database and makes the tables.
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

func newLink() bridge.Link {
	return bridge.Link{ID: rand.Text(), Nonce: rand.Text(), Source: "shop", Session: session.Key{Owner: rand.Text(), ID: rand.Text()}, At: time.UnixMilli(1764230400123).UTC()}
}

func TestStore(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		bridgetest.Run(t, func(t *testing.T) bridge.Store { return New(server.migrated(t)) })
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
		for range 20 {
			l, other, end := newLink(), newLink(), newLink()
			other.ID, end.ID = l.ID, l.ID
			puts, ended := make(chan bridge.Link, 2), make(chan bridge.Link, 1)
			for i, l := range []bridge.Link{l, other} {
				go func() {
					stored, err := stores[i].PutLink(t.Context(), l)
					if err != nil && !errors.Is(err, bridge.ErrExists) {
						t.Error(err)
					}
					puts <- stored
				}()
			}
			go func() {
				before, err := stores[1].EndLink(t.Context(), end)
				if err != nil {
					t.Error(err)
				}
				ended <- before
			}()
			a, b, before := <-puts, <-puts, <-ended
			left, err := stores[0].GetLink(t.Context(), l.ID)
			check(t, err)
			if !left.Ended || left.Nonce != end.Nonce || left.Session != before.Session {
				t.Fatalf("the link is %+v, and was %+v before its end", left, before)
			}
			for _, put := range []bridge.Link{a, b} {
				if put != before && put != left {
					t.Fatalf("a put saw %+v; before the end there was %+v, after it %+v", put, before, left)
				}
			}
		}
	})
}

// Links reads page after page. What its caller does meanwhile needs no second connection.
func TestLinksOfManyPages(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		db := server.migrated(t)
		db.SetMaxOpenConns(1)
		store := New(db)
		const all = 2*pageSize + 1
		check(t, db.Write(t.Context(), func(conn *sql.Conn) error {
			tx, err := conn.BeginTx(t.Context(), nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			for range all {
				if _, err := tx.Exec(`INSERT INTO coatcheck_bridge_links (`+columns+`) VALUES ($1, '', '', '', '', 0, $2)`, rand.Text(), false); err != nil {
					return err
				}
			}
			return tx.Commit()
		}))
		n, seen := 0, map[string]bool{}
		for l, err := range store.Links(t.Context()) {
			check(t, err)
			if n++; n%500 == 0 {
				_, err := store.GetLink(t.Context(), l.ID)
				check(t, err)
			}
			seen[l.ID] = true
		}
		if n != all || len(seen) != all {
			t.Errorf("%d links, %d of them different; want %d", n, len(seen), all)
		}
	})
}

// The tables stand beside those of sessions, have a version of their own, and are made
// once, by hand as well.
func TestMigrate(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		sessions := server.open(t, server.dsn(t))
		db := sessions.Database()
		if err := Check(t.Context(), db); !errors.Is(err, sqldb.ErrOlder) || !strings.Contains(err.Error(), "coatcheck_bridge_links") {
			t.Errorf("without tables: %v", err)
		}
		check(t, sessions.Migrate(t.Context()))
		l := newLink()
		for range 2 {
			check(t, Migrate(t.Context(), db))
			check(t, Check(t.Context(), db))
			_, err := New(db).PutLink(t.Context(), l)
			check(t, err)
		}
		check(t, sessions.Check(t.Context()))
		_, err := db.Exec("INSERT INTO coatcheck_bridge_schema (version) VALUES (9999)")
		check(t, err)
		if err := Check(t.Context(), db); !errors.Is(err, sqldb.ErrNewer) {
			t.Errorf("with tables of a later release: %v", err)
		}

		byHand := server.open(t, server.dsn(t)).Database()
		_, err = byHand.Exec("BEGIN;" + Schema(string(server.dialect)) + "COMMIT")
		check(t, err)
		check(t, Check(t.Context(), byHand))
		check(t, Migrate(t.Context(), byHand))
		_, err = New(byHand).PutLink(t.Context(), l)
		check(t, err)
	})
}

// calls are the methods, each with arguments for a link that is stored.
var calls = map[string]func(context.Context, *Store, bridge.Link) error{
	"PutLink": func(ctx context.Context, s *Store, l bridge.Link) error { _, err := s.PutLink(ctx, l); return err },
	"GetLink": func(ctx context.Context, s *Store, l bridge.Link) error { _, err := s.GetLink(ctx, l.ID); return err },
	"DeleteLink": func(ctx context.Context, s *Store, l bridge.Link) error {
		return s.DeleteLink(ctx, l.ID, l.Nonce)
	},
	"EndLink": func(ctx context.Context, s *Store, l bridge.Link) error { _, err := s.EndLink(ctx, l); return err },
	"PutSeal": func(ctx context.Context, s *Store, l bridge.Link) error { return s.PutSeal(ctx, "owner", l.At) },
	"GetSeal": func(ctx context.Context, s *Store, _ bridge.Link) error {
		_, err := s.GetSeal(ctx, "owner")
		return err
	},
	"OpenWindow": func(ctx context.Context, s *Store, l bridge.Link) error {
		_, err := s.OpenWindow(ctx, l.At)
		return err
	},
	"GetWindow":   func(ctx context.Context, s *Store, _ bridge.Link) error { _, err := s.GetWindow(ctx); return err },
	"CloseWindow": func(ctx context.Context, s *Store, _ bridge.Link) error { return s.CloseWindow(ctx) },
	"Links": func(ctx context.Context, s *Store, _ bridge.Link) error {
		for _, err := range s.Links(ctx) {
			return err
		}
		return nil
	},
}

// No call takes an outage for an answer: neither a database that is away, nor one without
// the tables.
func TestOutage(t *testing.T) {
	onEachServer(t, func(t *testing.T, server server) {
		bare := New(server.open(t, server.dsn(t)).Database())
		away := server.migrated(t)
		check(t, away.Close())
		for name, call := range calls {
			for what, store := range map[string]*Store{"without tables": bare, "away": New(away)} {
				err := call(t.Context(), store, newLink())
				if err == nil || errors.Is(err, bridge.ErrExists) || errors.Is(err, bridge.ErrNotFound) || !strings.Contains(err.Error(), "sqlbridge: ") {
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
// recognises what it has done.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	proxy, store, direct := lost(t)
	ctx := t.Context()
	for _, test := range []struct {
		method, kind string
		taken        bool // whether the link is there before
		left         func(l bridge.Link) bool
	}{
		{"PutLink", "INSERT", false, func(l bridge.Link) bool { return !l.Ended }},
		{"EndLink", "INSERT", false, func(l bridge.Link) bool { return l.Ended && l.Session == (session.Key{}) }},
		{"EndLink", "UPDATE", true, func(l bridge.Link) bool { return l.Ended && l.Session != (session.Key{}) }},
		{"DeleteLink", "DELETE", true, func(l bridge.Link) bool { return l == (bridge.Link{}) }},
		{"PutSeal", "INSERT", false, nil},
		{"OpenWindow", "INSERT", false, nil},
		{"CloseWindow", "UPDATE", false, nil},
	} {
		l := newLink()
		if test.taken {
			_, err := direct.PutLink(ctx, l)
			check(t, err)
		}
		_, err := store.GetSeal(ctx, "nobody") // opens a connection
		check(t, err)
		proxy.Take()
		proxy.Fail(test.kind, postgrestest.LoseAnswer)
		call := calls[test.method]
		if err := call(ctx, store, l); err == nil || errors.Is(err, bridge.ErrExists) || errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("%s, answer lost: %v; want an outage", test.method, err)
		}
		if sent := proxy.Take(); slices.Index(sent, test.kind) < 0 || len(sent) > 2 {
			t.Errorf("%s, answer lost: sent %q, want one %s", test.method, sent, test.kind)
		}
		for range 2 {
			if test.left != nil {
				if left, _ := direct.GetLink(ctx, l.ID); !test.left(left) {
					t.Errorf("%s left %+v", test.method, left)
				}
			}
			check(t, call(ctx, store, l))
		}
	}
}

// A PutLink that is carried out late, after its caller has given up, does not undo the end of
// the link.
func TestLatePutLink(t *testing.T) {
	t.Parallel()
	proxy, store, direct := lost(t)
	ctx := t.Context()
	l, end := newLink(), newLink()
	end.ID = l.ID
	_, err := store.GetSeal(ctx, "nobody") // opens a connection
	check(t, err)
	proxy.Fail("INSERT", postgrestest.Hold)
	if _, err := store.PutLink(ctx, l); err == nil || errors.Is(err, bridge.ErrExists) {
		t.Errorf("PutLink, held: %v; want an outage", err)
	}
	_, err = direct.EndLink(ctx, end)
	check(t, err)
	if answers := proxy.Deliver(); !slices.Equal(answers, []string{"INSERT 0 0"}) {
		t.Errorf("the late INSERT is answered with %q", answers)
	}
	if left, err := direct.GetLink(ctx, l.ID); err != nil || !left.Ended || left.Nonce != end.Nonce {
		t.Errorf("after the late INSERT the link is %+v, %v; want it ended", left, err)
	}
}

// An EndLink that is carried out late ends the link that it has read, and no other that was
// put since: its caller would never learn which session that one names.
func TestLateEndLink(t *testing.T) {
	t.Parallel()
	proxy, store, direct := lost(t)
	ctx := t.Context()
	l, next, end := newLink(), newLink(), newLink()
	next.ID, end.ID = l.ID, l.ID
	_, err := direct.PutLink(ctx, l)
	check(t, err)
	_, err = store.GetSeal(ctx, "nobody") // opens a connection
	check(t, err)
	proxy.Fail("UPDATE", postgrestest.Hold)
	if _, err := store.EndLink(ctx, end); err == nil {
		t.Error("EndLink, held, succeeded")
	}
	check(t, direct.DeleteLink(ctx, l.ID, l.Nonce))
	_, err = direct.PutLink(ctx, next)
	check(t, err)
	if answers := proxy.Deliver(); !slices.Equal(answers, []string{"UPDATE 0"}) {
		t.Errorf("the late UPDATE is answered with %q", answers)
	}
	if left, err := direct.GetLink(ctx, l.ID); err != nil || left != next {
		t.Errorf("after the late UPDATE the link is %+v, %v; want %+v", left, err, next)
	}
}
