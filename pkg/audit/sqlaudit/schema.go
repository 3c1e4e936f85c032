package sqlaudit

import (
	"context"
	"embed"
	"fmt"

	"example.com/coatcheck/internal/stores/sqldb"
)

//go:embed schema
var files embed.FS

var schema = sqldb.Schema{Versions: "coatcheck_audit_schema", Files: files}

// Schema returns the SQL that makes the same table as [Migrate], in an empty database or
// beside the other tables. You can read it, or apply it by hand in one transaction. The
// dialect is one of package sqlstore, as a string: "postgresql" or "sqlite". Schema panics
// if it is another one.
func Schema(dialect string) string { return schema.SQL(sqldb.Dialect(dialect)) }

// Migrate creates the table, or updates that of an older release. If there is nothing to
// do it does nothing, and it does not change a table that is newer than this release.
// Everything happens in one transaction. Any number of processes may call it at once: one
// does the work, and the others wait for it.
func Migrate(ctx context.Context, db *sqldb.Database) error {
	return tableError(db.Migrate(ctx, schema))
}

// Check returns an error if the table is missing, or if its version is not one that
// this release can use. Call it at the start of a program that does not call [Migrate].
func Check(ctx context.Context, db *sqldb.Database) error {
	return tableError(db.Check(ctx, schema))
}

func tableError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table coatcheck_audit: %w", err)
}
