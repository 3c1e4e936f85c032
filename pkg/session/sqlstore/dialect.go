package sqlstore

import "fmt"

// Dialect is the SQL dialect of a database: [PostgreSQL] or [SQLite].
type Dialect string

// The dialects, by the names that a command line may use. Their differences are in
// this file and in the schema.
const (
	PostgreSQL Dialect = "postgresql" // 12 or newer
	SQLite     Dialect = "sqlite"     // 3.37 or newer
)

// differences has the values that depend on the dialect.
type differences struct {
	// begin starts a transaction. While it runs, no other process can migrate. It
	// sees what the migration before it did.
	begin string

	// migrated is the query whether the table coatcheck_sessions_schema exists.
	migrated string

	// connectTries is how often Migrate tries to connect.
	connectTries int

	// skipLocked makes a SELECT lock its rows and skip rows that are locked already.
	skipLocked string

	// singleWriter says that the database allows one writer at a time, and that
	// writers wait by trying again, each time a little later. Under load some
	// writers would time out, so the Store lets them queue.
	singleWriter bool
}

func (d Dialect) differences() differences {
	switch d {
	case PostgreSQL:
		return differences{
			begin:        `BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(hashtext('coatcheck_sessions_schema'))`,
			migrated:     `SELECT to_regclass('coatcheck_sessions_schema') IS NOT NULL`,
			connectTries: 1,
			skipLocked:   `FOR UPDATE SKIP LOCKED`,
		}
	case SQLite:
		return differences{
			begin:        `BEGIN IMMEDIATE`,
			migrated:     `SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'coatcheck_sessions_schema'`,
			connectTries: 20,
			singleWriter: true,
		}
	}
	panic(fmt.Sprintf("sqlstore: no dialect %q: there are %q and %q", d, PostgreSQL, SQLite))
}
