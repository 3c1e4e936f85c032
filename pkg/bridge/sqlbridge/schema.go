package sqlbridge

import (
	"context"
	"embed"
	"fmt"

	"example.com/coatcheck/internal/stores/sqldb"
)

//go:embed schema
var files embed.FS

var schema = sqldb.Schema{Versions: "coatcheck_bridge_schema", Files: files}

// Schema returns the SQL that makes the same tables as [Migrate], in an empty database or
// beside the other tables. You can read it, or apply it by hand in one transaction. The
// dialect is one of package sqlstore, as a string: "postgresql" or "sqlite". Schema panics
// if it is another one.
func Schema(dialect string) string { return schema.SQL(sqldb.Dialect(dialect)) }

// Migrate creates the tables, or updates those of an older release. If there is nothing to
// do it does nothing, and it does not change tables that are newer than this release.
// Everything happens in one transaction. Any number of processes may call it at once: one
// does the work, and the others wait for it.
func Migrate(ctx context.Context, db *sqldb.Database) error {
	return tablesError(db.Migrate(ctx, schema))
}

// Check returns an error if the tables are missing, or if their version is not one that
// this release can use. Call it at the start of a program that does not call [Migrate].
func Check(ctx context.Context, db *sqldb.Database) error {
	return tablesError(db.Check(ctx, schema))
}

func tablesError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("tables coatcheck_bridge_links, coatcheck_bridge_seals and coatcheck_bridge_window: %w", err)
}
