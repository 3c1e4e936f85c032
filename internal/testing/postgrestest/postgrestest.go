// Package postgrestest gives tests a real PostgreSQL: one server for each package
// under test, a schema for each test, and a [Proxy] that makes connections fail.
package postgrestest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable is the environment variable with the DSN of a PostgreSQL to test
// with, whose user may create schemas and roles. If it is empty, the tests start a server
// themselves.
const Variable = "COATCHECK_TEST_POSTGRES"

// patience is far above what anything here takes.
const patience = time.Minute

// local is the one server of this test process. Starting it takes a second or
// two, so tests share it; only Main can know when the last is done.
var local struct {
	sync.Mutex
	server *Server
	err    error
}

// Main runs the tests of a package and stops the server that they started, if
// they did. Call it from TestMain and return.
func Main(m interface{ Run() int }) {
	m.Run()
	local.Lock()
	defer local.Unlock()
	if local.server != nil {
		local.server.Stop()
	}
}

// DSN returns the DSN of an empty schema that no other test has, on the server
// of [Variable] or one that the first call starts. It is dropped when the test is
// done.
func DSN(tb testing.TB) string {
	tb.Helper()
	return newSchema(tb, shared(tb))
}

// Stoppable is DSN for a test that stops the server and starts it again. A server
// of ours crashes and recovers; the one of [Variable] is out of reach meanwhile.
func Stoppable(tb testing.TB) (dsn string, stop, start func()) {
	tb.Helper()
	if os.Getenv(Variable) != "" {
		proxy := NewProxy(tb, DSN(tb))
		return proxy.DSN, func() { proxy.FailAll(Refuse) }, func() { proxy.FailAll(None) }
	}
	server, err := Start(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Stop)
	return server.DSN, server.Crash, func() {
		if err := server.Resume(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
}

func shared(tb testing.TB) string {
	tb.Helper()
	if dsn := os.Getenv(Variable); dsn != "" {
		return dsn
	}
	local.Lock()
	defer local.Unlock()
	if local.server == nil && local.err == nil {
		local.server, local.err = Start(context.Background())
	}
	if local.err != nil {
		tb.Fatal(local.err)
	}
	return local.server.DSN
}

func newSchema(tb testing.TB, dsn string) string {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	execute(tb, dsn, "CREATE SCHEMA "+name)
	tb.Cleanup(func() { execute(tb, dsn, "DROP SCHEMA "+name+" CASCADE") })
	return With(dsn, "search_path", name)
}

func execute(tb testing.TB, dsn, sql string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

// With returns the DSN, of either form, with settings, names and values in turn,
// put in place of its own.
func With(dsn string, settings ...string) string {
	u, err := url.Parse(dsn)
	isURL := err == nil && strings.HasPrefix(u.Scheme, "postgres")
	for i := 0; i < len(settings); i += 2 {
		if isURL {
			query := u.Query()
			query.Set(settings[i], settings[i+1])
			u.RawQuery = query.Encode()
		} else {
			dsn += " " + settings[i] + "=" + settings[i+1]
		}
	}
	if isURL {
		return u.String()
	}
	return dsn
}
