package sqlstore

import (
	"context"
)

// Migrate creates the tables, or updates those of an older release. Call it at the
// start of a program whose database user may create tables; otherwise apply
// [Dialect.Schema] by hand. If there is nothing to do it does nothing, and it does
// not change a schema that is newer than this release. Everything happens in one
// transaction. Any number of processes may call it at once: one does the work, and
// the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	return methodError("Migrate", s.db.Migrate(ctx, schema))
}

// Check returns an error if the table is missing, or if its version is not one
// that this release can use. Call it at the start of a program that does not call
// Migrate.
func (s *Store) Check(ctx context.Context) error {
	return methodError("Check", s.db.Check(ctx, schema))
}
