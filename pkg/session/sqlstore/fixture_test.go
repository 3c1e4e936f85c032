package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/session/sqlstore"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// The tests use these names often, so they are short here.
var (
	now, newSession = faults.Now, faults.NewSession
	want, errOutage = faults.Want, faults.ErrOutage

	create, createAndList         = faults.Create, faults.CreateAndList
	get, list                     = faults.Get, faults.List
	update, touch, logout, revoke = faults.Update, faults.Touch, faults.Logout, faults.Revoke
)

// server is a kind of database that the tests run on.
type server struct {
	name    string
	dialect sqlstore.Dialect
	driver  string
	dsn     func(testing.TB) string // of an empty database for this test only
}

var (
	postgreSQL = server{"PostgreSQL", sqlstore.PostgreSQL, "pgx", postgrestest.DSN}

	sqlite = server{"SQLite", sqlstore.SQLite, "sqlite", func(tb testing.TB) string {
		return "file:" + filepath.Join(tb.TempDir(), "test.db") + "?_journal_mode=WAL&_busy_timeout=120000&_txlock=immediate"
	}}

	servers = []server{postgreSQL, sqlite}
)

// onEachServer runs the test on every server.
func onEachServer(t *testing.T, test func(*testing.T, server)) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// fixture is a Store on a database of its own.
type fixture struct {
	*faults.Fixture
	server
	dsn   string
	db    *sql.DB
	store *sqlstore.Store
}

// empty returns a fixture whose database has no tables yet.
func empty(tb testing.TB, s server) *fixture {
	tb.Helper()
	return newPool(tb, s, s.dsn(tb))
}

func newFixture(tb testing.TB, s server) *fixture {
	tb.Helper()
	r := empty(tb, s)
	want(tb, r.store.Migrate(tb.Context()), nil)
	return r
}

// another returns a fixture on the same database with its own pool and its own Store,
// like another process.
func (r *fixture) another() *fixture {
	r.Helper()
	return r.withDSN(r.dsn)
}

func (r *fixture) withDSN(dsn string) *fixture {
	r.Helper()
	return newPool(r.TB, r.server, dsn)
}

func newPool(tb testing.TB, s server, dsn string) *fixture {
	tb.Helper()
	db, err := sql.Open(s.driver, dsn)
	want(tb, err, nil)
	tb.Cleanup(func() { db.Close() })
	db.SetMaxIdleConns(16)
	store := sqlstore.New(db, s.dialect)
	return &fixture{&faults.Fixture{TB: tb, Store: store, Direct: store, Tries: 1, Pages: 1}, s, dsn, db, store}
}

// exec changes the database directly, not through the Store.
func (r *fixture) exec(query string, args ...any) {
	r.Helper()
	_, err := r.db.ExecContext(r.Context(), query, args...)
	want(r.TB, err, nil)
}

// proxied is a fixture on PostgreSQL, behind a proxy. It is a [faults.Proxy].
type proxied struct {
	*fixture
	proxy *postgrestest.Proxy
}

func newProxied(t *testing.T) *proxied {
	t.Helper()
	direct := newFixture(t, postgreSQL)
	proxy := postgrestest.NewProxy(t, direct.dsn)
	p := &proxied{direct.withDSN(proxy.DSN), proxy}
	p.Proxy, p.Direct, p.More = p, direct.store, []faults.Fault{faults.Cut}
	return p
}

func open(t *testing.T) *faults.Fixture { return newProxied(t).Fixture }

// kinds maps each method to the first word of its statement.
var kinds = map[string]string{
	"Create": "INSERT", "CreateAndList": "CALL", "Get": "SELECT", "List": "SELECT", "Update": "UPDATE", "Touch": "UPDATE",
	"Delete with a secret": "DELETE", "Delete": "DELETE",
}

var proxyFaults = map[faults.Fault]postgrestest.Fault{
	faults.None: postgrestest.None, faults.Refused: postgrestest.Refuse, faults.Hanging: postgrestest.Hang,
	faults.Lost: postgrestest.LoseAnswer, faults.Cut: postgrestest.CutAnswer, faults.Late: postgrestest.Hold,
}

func (p *proxied) Inject(c faults.Call, next ...faults.Fault) {
	for _, fault := range next {
		p.proxy.Fail(kinds[c.Method], proxyFaults[fault])
	}
}

func (p *proxied) InjectAll(fault faults.Fault) { p.proxy.FailAll(proxyFaults[fault]) }

func (p *proxied) Hung() int { return p.proxy.Hung() }

func (p *proxied) Between(func()) {
	p.Fatal("a Store that sends everything once has nothing in between")
}

func (p *proxied) Sent(c faults.Call) int {
	p.Helper()
	sent := p.proxy.Take()
	for _, kind := range sent {
		if kind != kinds[c.Method] {
			p.Errorf("%s sent %s", c.Method, kind)
		}
	}
	return len(sent)
}

func (p *proxied) Forget() { p.proxy.Take() }

func (p *proxied) Deliver() (changed []bool) {
	p.Helper()
	for _, answer := range p.proxy.Deliver() {
		_, rows, _ := strings.Cut(answer, " ") // the answer to INSERT has an object ID first
		changed = append(changed, rows != "0" && rows != "0 0")
	}
	return changed
}
