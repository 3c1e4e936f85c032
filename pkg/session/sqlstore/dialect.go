package sqlstore

import (
	"embed"

	"example.com/coatcheck/internal/stores/sqldb"
)

// Dialect is the SQL dialect of a database: [PostgreSQL] or [SQLite].
type Dialect string

// The dialects, by the names that a command line may use.
const (
	PostgreSQL = Dialect(sqldb.PostgreSQL) // 12 or newer
	SQLite     = Dialect(sqldb.SQLite)     // 3.37 or newer
)

//go:embed schema
var files embed.FS

var schema = sqldb.Schema{Versions: "coatcheck_sessions_schema", Files: files}

// Schema returns the SQL that makes, in an empty database, the same tables as
// [Store.Migrate]. You can read it, or apply it by hand in one transaction. Migrate
// then finds nothing to do. Schema panics if the dialect is not one of this
// package's.
func (d Dialect) Schema() string { return schema.SQL(sqldb.Dialect(d)) }
