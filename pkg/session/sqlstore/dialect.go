package sqlstore

import "fmt"

// Dialect is the SQL that a database speaks: [PostgreSQL] or [SQLite].
type Dialect string

// The dialects, as a command line may name them. Their differences are in this
// file and in the schema.
const (
	PostgreSQL Dialect = "postgresql" // 12 or newer
	SQLite     Dialect = "sqlite"     // 3.37 or newer
)

// differences are the places where the dialects are not alike.
type differences struct {
	// begin starts a transaction in which no other process migrates, and which
	// sees what the one before it did.
	begin string

	// migrated asks whether coatcheck_sessions_schema is there.
	migrated string

	// connects is how often Migrate tries to connect.
	connects int

	// skipLocked makes a SELECT lock its rows, except those that are locked.
	skipLocked string

	// oneWriter says that writers wait for each other by asking again and again,
	// each a little later. Under load some never get through in time: they
	// had better queue.
	oneWriter bool
}

func (d Dialect) differences() differences {
	switch d {
	case PostgreSQL:
		return differences{
			begin:      `BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(hashtext('coatcheck_sessions_schema'))`,
			migrated:   `SELECT to_regclass('coatcheck_sessions_schema') IS NOT NULL`,
			connects:   1,
			skipLocked: `FOR UPDATE SKIP LOCKED`,
		}
	case SQLite:
		return differences{
			begin:     `BEGIN IMMEDIATE`,
			migrated:  `SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'coatcheck_sessions_schema'`,
			connects:  20,
			oneWriter: true,
		}
	}
	panic(fmt.Sprintf("sqlstore: no dialect %q: there are %q and %q", d, PostgreSQL, SQLite))
}
