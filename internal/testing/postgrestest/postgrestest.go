// Package postgrestest provides PostgreSQL for tests. make test starts one server for all
// packages; otherwise each package has its own. Each test has its own schema. A [Proxy] makes
// statements fail.
package postgrestest

import (
	"cmp"
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

// Variable is the environment variable with the DSN of a PostgreSQL server for the
// tests. The user of the DSN must be allowed to create schemas and roles. If the
// variable is empty, the tests start a server themselves.
const Variable = "COATCHECK_TEST_POSTGRES"

// Shared is the environment variable with the DSN of the server that make test starts. A test
// that stops a server does not use that one.
const Shared = "COATCHECK_SHARED_POSTGRES"

// timeout is a timeout that is much longer than anything here takes.
const timeout = time.Minute

// local is the shared server of this test process. Its start takes one or two seconds,
// so the tests share it. Only Main can know when the last test is done.
var local struct {
	sync.Mutex
	server *Server
	err    error
}

// Main runs the tests of a package. If the tests have started a server, Main then
// stops it. Call Main from TestMain and return.
func Main(m interface{ Run() int }) {
	m.Run()
	local.Lock()
	defer local.Unlock()
	if local.server != nil {
		local.server.Stop()
	}
}

// DSN returns the DSN of an empty schema that no other test uses. The schema is on the
// server of [Variable] or [Shared], or on a server that the first call starts. It is dropped
// when the test is done.
func DSN(tb testing.TB) string {
	tb.Helper()
	return newSchema(tb, shared(tb))
}

// Stoppable is like DSN, for a test that stops the server and starts it again. If the
// server is our own, stop crashes it, and start makes it recover. The server of
// [Variable] keeps running, but a proxy refuses connections between stop and start.
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
	if dsn := cmp.Or(os.Getenv(Variable), os.Getenv(Shared)); dsn != "" {
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
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
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

// With returns the DSN with other settings, which replace its own. The DSN is a URL or
// a list of key=value pairs. Settings are a name, its value, the next name, and so on.
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
