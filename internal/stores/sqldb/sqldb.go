// Package sqldb has what all stores in one SQL database share: the differences of the
// dialects, the queue of the writers, and the versions of the tables.
package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// Dialect is the SQL dialect of a database.
type Dialect string

// The dialects.
const (
	PostgreSQL Dialect = "postgresql"
	SQLite     Dialect = "sqlite"
)

// differences has the values that depend on the dialect.
type differences struct {
	// lock begins a transaction that changes tables. While it runs, no other process
	// can begin one for the same tables. It sees what the one before it did. The verb
	// is for the name of the table of versions.
	lock string

	// exists is the query whether a table exists. The verb is for its name.
	exists string

	// connectTries is how often connect tries to connect.
	connectTries int

	// singleWriter says that the database allows one writer at a time, and that
	// writers wait by trying again, each time a little later. Under load some
	// writers would time out, so they queue.
	singleWriter bool
}

func (d Dialect) differences() differences {
	switch d {
	case PostgreSQL:
		return differences{
			lock:         `BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(hashtext('%s'))`,
			exists:       `SELECT to_regclass('%s') IS NOT NULL`,
			connectTries: 1,
		}
	case SQLite:
		return differences{
			lock:         `BEGIN IMMEDIATE -- %s`,
			exists:       `SELECT count(*) > 0 FROM sqlite_schema WHERE name = '%s'`,
			connectTries: 20,
			singleWriter: true,
		}
	}
	panic(fmt.Sprintf("no SQL dialect %q: there are %q and %q", d, PostgreSQL, SQLite))
}

// Database is an open database, and the queue of those who write to it. All stores in
// a database must share one Database, or they do not queue together.
type Database struct {
	*sql.DB
	dialect Dialect
	turn    chan struct{} // full while a writer is busy; nil if writers need not queue
}

// New returns a Database on db. It makes no call. It panics if there is no such dialect.
func New(db *sql.DB, dialect Dialect) *Database {
	d := &Database{DB: db, dialect: dialect}
	if dialect.differences().singleWriter {
		d.turn = make(chan struct{}, 1)
	}
	return d
}

// Write runs one write on a connection of its own. So the driver sends each statement
// once, whatever error it returns: a [sql.DB] sends a statement again after
// [driver.ErrBadConn], and if the first try was executed, the second would find its
// change. If only one writer can write at a time, Write first waits for its turn.
// Those who wait come in the order in which they called.
func (d *Database) Write(ctx context.Context, do func(*sql.Conn) error) error {
	if d.turn != nil {
		select {
		case d.turn <- struct{}{}:
			defer func() { <-d.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = do(conn)
	if errors.Is(err, driver.ErrBadConn) {
		err = cmp.Or(ctx.Err(), err) // pgx returns only ErrBadConn when ctx ends before it sends anything
	}
	return err
}

// connect makes sure that there is a connection. Another process may be switching a
// new SQLite file to WAL, which the DSN of this process asks for too. SQLite then
// does not wait but fails, although the switch takes only a moment. So connect tries
// again.
func (d *Database) connect(ctx context.Context) error {
	for try := 1; ; try++ {
		conn, err := d.Conn(ctx)
		if err == nil {
			return conn.Close()
		}
		if try >= d.dialect.differences().connectTries || ctx.Err() != nil {
			return err
		}
		time.Sleep(25 * time.Millisecond)
	}
}
