package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// ErrNewer means that the tables belong to a newer release than the program.
var ErrNewer = errors.New("the tables are newer than this program")

// ErrOlder means that the tables are missing, or belong to an older release than the
// program: they must be migrated.
var ErrOlder = errors.New("the tables are missing or older than this program")

// Schema is the schema of the tables of one package, and all its versions.
type Schema struct {
	// Versions is the name of the table that has one row for each migration that was
	// applied.
	Versions string

	// Files has a folder schema/DIALECT for each dialect. Its files are the
	// migrations, and each is applied once, in the order of their names. The name
	// begins with the number of the version, and at its end the file writes this
	// number into Versions. A file that was released never changes.
	//
	// A migration with which programs of the version before go on writes its number
	// negative, so that they can also be started: a program refuses a largest number
	// that it does not know.
	Files fs.FS
}

type migration struct {
	version   int
	name, sql string
}

func (s Schema) migrations(d Dialect) []migration {
	d.differences() // panics if there is no such dialect
	files, err := fs.Glob(s.Files, path.Join("schema", string(d), "*.sql"))
	if err != nil {
		panic(err) // cannot happen: the pattern is well-formed
	}
	all := make([]migration, len(files))
	for i, file := range files {
		text, err := fs.ReadFile(s.Files, file)
		if err != nil {
			panic(err) // cannot happen: the file is embedded
		}
		all[i] = migration{version: i + 1, name: path.Base(file), sql: string(text)}
	}
	return all
}

// SQL returns the SQL that makes, in an empty database, the same tables as
// [Database.Migrate].
func (s Schema) SQL(d Dialect) string {
	var all strings.Builder
	for _, m := range s.migrations(d) {
		fmt.Fprintf(&all, "-- %s\n\n%s\n", m.name, m.sql)
	}
	return all.String()
}

// Migrate creates the tables, or updates those of an older release. If there is
// nothing to do it does nothing, and it does not change tables that are newer than
// this release. Everything happens in one transaction. Any number of processes may
// call it at once: one does the work, and the others wait for it.
func (d *Database) Migrate(ctx context.Context, s Schema) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	return d.Write(ctx, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, fmt.Sprintf(d.dialect.differences().lock, s.Versions))
		if err == nil {
			err = d.migrate(ctx, conn, s)
		}
		if err == nil {
			_, err = conn.ExecContext(ctx, "COMMIT")
		}
		if err != nil {
			conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // if this fails too, err has the cause
		}
		return err
	})
}

// migrate applies the missing migrations, inside a transaction.
func (d *Database) migrate(ctx context.Context, conn *sql.Conn, s Schema) error {
	version, _, err := d.version(ctx, conn, s)
	if err != nil {
		return err
	}
	for _, m := range s.migrations(d.dialect) {
		if m.version <= version {
			continue
		}
		if _, err := conn.ExecContext(ctx, m.sql); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// version returns the version of the tables, and the oldest version that a program must know
// to use them. Both are 0 if there are none, or if they are older than their versions.
func (d *Database) version(ctx context.Context, conn *sql.Conn, s Schema) (version, oldest int, err error) {
	var exists bool
	err = conn.QueryRowContext(ctx, fmt.Sprintf(d.dialect.differences().exists, s.Versions)).Scan(&exists)
	if err != nil || !exists {
		return 0, 0, err
	}
	err = conn.QueryRowContext(ctx, `SELECT COALESCE(max(abs(version)), 0), COALESCE(max(version), 0) FROM `+s.Versions).Scan(&version, &oldest)
	return version, oldest, err
}

// Check returns nil if this release can use the tables: they have its version, or a newer
// one with which it goes on. Otherwise it returns an error that wraps [ErrOlder] or
// [ErrNewer].
func (d *Database) Check(ctx context.Context, s Schema) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	have, oldest, err := d.version(ctx, conn, s)
	if err != nil {
		return err
	}
	switch need := len(s.migrations(d.dialect)); {
	case have < need:
		return fmt.Errorf("%w: %s says version %d, and this program needs %d", ErrOlder, s.Versions, have, need)
	case oldest > need:
		return fmt.Errorf("%w: %s says version %d, and this program knows %d", ErrNewer, s.Versions, oldest, need)
	}
	return nil
}
