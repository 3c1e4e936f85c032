package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// schema has a folder for each dialect. Migrate applies its files in order, each
// once. The name of a file begins with a number, and at its end the file writes this
// number into coatcheck_sessions_schema. A file that was released never changes.
//
//go:embed schema
var schema embed.FS

type migration struct {
	version   int
	name, sql string
}

func (d Dialect) migrations() []migration {
	d.differences() // panics if there is no such dialect
	files, err := fs.Glob(schema, path.Join("schema", string(d), "*.sql"))
	if err != nil {
		panic(err) // cannot happen: the pattern is well-formed
	}
	all := make([]migration, len(files))
	for i, file := range files {
		text, err := schema.ReadFile(file)
		if err != nil {
			panic(err) // cannot happen: the file is embedded
		}
		all[i] = migration{version: i + 1, name: path.Base(file), sql: string(text)}
	}
	return all
}

// Schema returns the SQL that makes, in an empty database, the same tables as
// [Store.Migrate]. You can read it, or apply it by hand in one transaction. Migrate
// then finds nothing to do. Schema panics if the dialect is not one of this
// package's.
func (d Dialect) Schema() string {
	var all strings.Builder
	for _, m := range d.migrations() {
		fmt.Fprintf(&all, "-- %s\n\n%s\n", m.name, m.sql)
	}
	return all.String()
}

// Migrate creates the tables, or updates those of an older release. Call it at the
// start of a program whose database user may create tables; otherwise apply
// [Dialect.Schema] by hand. If there is nothing to do it does nothing, and it does
// not change a schema that is newer than this release. Everything happens in one
// transaction. Any number of processes may call it at once: one does the work, and
// the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return methodError("Migrate", err)
	}
	return s.write(ctx, "Migrate", func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, s.dialect.differences().begin)
		if err == nil {
			err = s.migrate(ctx, conn)
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

// connect makes sure that there is a connection. Another process may be switching a
// new SQLite file to WAL, which the DSN of this process asks for too. SQLite then
// does not wait but fails, although the switch takes only a moment. So connect tries
// again.
func (s *Store) connect(ctx context.Context) error {
	for try := 1; ; try++ {
		conn, err := s.db.Conn(ctx)
		if err == nil {
			return conn.Close()
		}
		if try >= s.dialect.differences().connectTries || ctx.Err() != nil {
			return err
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// migrate applies the missing migrations, inside a transaction.
func (s *Store) migrate(ctx context.Context, conn *sql.Conn) error {
	var migrated bool
	if err := conn.QueryRowContext(ctx, s.dialect.differences().migrated).Scan(&migrated); err != nil {
		return err
	}
	version := 0
	if migrated {
		const query = `SELECT COALESCE(max(version), 0) FROM coatcheck_sessions_schema`
		if err := conn.QueryRowContext(ctx, query).Scan(&version); err != nil {
			return err
		}
	}
	for _, m := range s.dialect.migrations() {
		if m.version <= version {
			continue
		}
		if _, err := conn.ExecContext(ctx, m.sql); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
