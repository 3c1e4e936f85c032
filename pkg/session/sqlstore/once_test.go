package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// If a driver returns ErrBadConn, database/sql sends the statement again. Some drivers
// did so after they had already executed the statement. A write must be sent only once
// even then: the second time, Create would find its own session and Delete none.
func TestWritesAreSentOnce(t *testing.T) {
	t.Parallel()
	r := newFixture(t, sqlite)
	for _, c := range []faults.Call{create, update, touch, logout, revoke} {
		sent := 0
		store := r.withHook(func(query string) error {
			if !strings.HasPrefix(query, kinds[c.Method]) {
				return nil
			}
			if sent++; sent == 1 {
				return driver.ErrBadConn
			}
			return nil
		})
		s := r.Subject(c)
		want(t, c.Do(t.Context(), store, s), errOutage)
		r.Left(c, s)
		if sent != 1 {
			t.Errorf("%s was sent %d times", c.Method, sent)
		}
	}
}

// If the context has ended, the error is that of the context, even if the driver returns
// ErrBadConn.
func TestContextBehindBadConn(t *testing.T) {
	t.Parallel()
	r := newFixture(t, sqlite)
	ctx, cancel := context.WithCancel(t.Context())
	store := r.withHook(func(string) error {
		cancel()
		return driver.ErrBadConn
	})
	want(t, store.Create(ctx, newSession()), context.Canceled)
}

// A context that ends in the middle of a migration leaves no transaction open.
func TestMigrateCancelledInside(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{"BEGIN", "SELECT", "--", "COMMIT"} { // a schema file begins with a comment
		r := empty(t, sqlite)
		ctx, cancel := context.WithCancel(t.Context())
		store := r.withHook(func(query string) error {
			if strings.HasPrefix(query, statement) {
				cancel()
			}
			return nil
		})
		err := store.Migrate(ctx)
		if ctx.Err() == nil {
			t.Fatalf("there was no %s", statement)
		}
		if statement != "COMMIT" { // the COMMIT was executed
			want(t, err, context.Canceled)
		}
		want(t, store.Migrate(t.Context()), nil) // on the same connection
		want(t, r.store.Migrate(t.Context()), nil)
		r.wantMigrated()
	}
}

// withHook returns a Store on the fixture's SQLite. Its connections call after when a
// statement has succeeded, and return the error that after returns.
func (r *fixture) withHook(after func(query string) error) *sqlstore.Store {
	r.Helper()
	connector, err := sqlite3.NewConnector(r.dsn)
	want(r.TB, err, nil)
	db := sql.OpenDB(hookConnector{connector, after})
	r.Cleanup(func() { db.Close() })
	return sqlstore.New(db, sqlstore.SQLite)
}

type hookConnector struct {
	driver.Connector
	after func(query string) error
}

func (m hookConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := m.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return hookConn{conn, conn.(driver.ExecerContext), conn.(driver.QueryerContext), m.after}, nil
}

type hookConn struct {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
	after func(query string) error
}

func (c hookConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.ExecerContext.ExecContext(ctx, query, args)
	if err == nil {
		err = c.after(query)
	}
	return result, err
}

func (c hookConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.QueryerContext.QueryContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if err := c.after(query); err != nil {
		rows.Close()
		return nil, err
	}
	return rows, nil
}
