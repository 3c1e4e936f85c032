package sqlstore_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/session/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		r := newFixture(t, s)
		storetest.Run(t, func(*testing.T) session.Store { return r.store })
	})
}

// Every call sends one statement. A write that changes nothing sends another one to find
// out why.
func TestStatements(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	sent := func(what string, want ...string) {
		t.Helper()
		if got := p.proxy.Take(); !slices.Equal(got, want) {
			t.Errorf("%s sent %v, want %v", what, got, want)
		}
	}
	for _, c := range p.Calls() {
		want(t, c.Do(t.Context(), p.store, p.Subject(c)), nil)
		sent(c.Method, kinds[c.Method])
	}
	for _, c := range []faults.Call{update, touch} {
		want(t, c.Do(t.Context(), p.store, newSession()), session.ErrNoSession)
		sent(c.Method+" of nothing", kinds[c.Method], "SELECT")
	}
	p.createDead(2)
	p.wantDeleted(10, 2)
	sent("DeleteExpired", "WITH")
}

// The store also works without prepared statements, which an old PgBouncer does not
// support.
func TestStoreWithoutPreparing(t *testing.T) {
	t.Parallel()
	r := newFixture(t, postgreSQL)
	r = r.withDSN(postgrestest.With(r.dsn, "default_query_exec_mode", "exec"))
	storetest.Run(t, func(*testing.T) session.Store { return r.store })
}

// The format of the table is public: programs in other languages read it.
func TestRow(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		s := newSession()
		s.UserID, s.ID = "u1", "AAAAAAAAAAAAAAAAAAAAAA"
		s.Version = 1<<63 - 1
		s.Values = map[string]string{"<theme>": "dark"}
		s.LastIP, s.LastUserAgent = "192.0.2.2", "test/2.0"
		want(t, r.store.Create(t.Context(), s), nil)
		for field, value := range map[string]any{
			"owner":            s.Key().Owner,
			"id":               "AAAAAAAAAAAAAAAAAAAAAA",
			"secret":           append([]byte{1}, make([]byte, 31)...),
			"previous_secret":  append([]byte{2}, make([]byte, 31)...),
			"user_id":          "u1",
			"roles":            `["reader"]`,
			`"values"`:         `{"<theme>":"dark"}`,
			"created_at":       4102538645678,
			"authenticated_at": 4102538645,
			"last_seen_at":     4102542185,
			"expires_at":       4102543985,
			"version":          int64(9223372036854775807),
			"ip":               "192.0.2.1",
			"user_agent":       "test/1.0",
			"last_ip":          "192.0.2.2",
			"last_user_agent":  "test/2.0",
		} {
			var n int
			err := r.db.QueryRow("SELECT count(*) FROM coatcheck_sessions WHERE "+field+" = $1", value).Scan(&n)
			if err != nil || n != 1 {
				t.Errorf("%s is not %v: %d, %v", field, value, n, err)
			}
		}
	})
}

// A column that a later release may add causes no error and is kept.
func TestUnknownColumn(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		s := r.Created()
		r.exec("ALTER TABLE coatcheck_sessions ADD COLUMN later TEXT")
		r.exec("UPDATE coatcheck_sessions SET later = 'kept'")
		for _, c := range []faults.Call{get, list, update, touch} {
			want(t, c.Do(t.Context(), r.store, s), nil)
		}
		var later string
		want(t, r.db.QueryRow("SELECT later FROM coatcheck_sessions").Scan(&later), nil)
		if later != "kept" {
			t.Errorf("the column is %q after an Update and a Touch", later)
		}
		for _, c := range []faults.Call{revoke, create} {
			want(t, c.Do(t.Context(), r.store, s), nil)
		}
	})
}

// A missing table is an outage whose error names the table.
func TestMissingTable(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := empty(t, server)
		errs := map[string]error{}
		for _, c := range r.Calls() {
			errs[c.Method] = c.Do(t.Context(), r.store, newSession())
		}
		_, errs["DeleteExpired"] = r.store.DeleteExpired(t.Context(), now, 1)
		for method, err := range errs {
			verb, _, _ := strings.Cut(method, " ")
			if want(t, err, errOutage); !strings.HasPrefix(err.Error(), "sqlstore: "+verb+" on table coatcheck_sessions: ") {
				t.Errorf("%s: %v; want method and table in it", method, err)
			}
		}
	})
}

func TestUnknownDialect(t *testing.T) {
	t.Parallel()
	for what, f := range map[string]func(){
		"New":    func() { sqlstore.New(nil, "mysql") },
		"Schema": func() { sqlstore.Dialect("mysql").Schema() },
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, `"mysql"`) {
					t.Errorf("%s: panicked with %q, want the dialect in it", what, said)
				}
			}()
			f()
		}()
	}
}

// Most of the time is spent in the database. The PostgreSQL of the tests does not wait
// for a disk, but SQLite does. These are two functions, so that the names of the
// sub-benchmarks are at the same depth as those of the other stores.
func BenchmarkPostgreSQL(b *testing.B) { storetest.Benchmark(b, newFixture(b, postgreSQL).store) }

func BenchmarkSQLite(b *testing.B) { storetest.Benchmark(b, newFixture(b, sqlite).store) }

func TestAll(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		r := newFixture(t, s)
		storetest.RunAll(t, func(*testing.T) (session.Store, func(context.Context) iter.Seq2[*session.Session, error]) {
			return r.store, r.store.All
		})
	})
}
