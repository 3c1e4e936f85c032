package throttle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SQLSchema makes the table of a [SQL] store, in PostgreSQL and in SQLite. It does
// nothing if the table is there. Rows whose time is over are of no use to anyone;
// remove them now and then with
//
//	DELETE FROM coatcheck_attempts WHERE expires_at BETWEEN 1 AND <epoch seconds>
const SQLSchema = `CREATE TABLE IF NOT EXISTS coatcheck_attempts (
	key        TEXT    PRIMARY KEY,
	failures   BIGINT  NOT NULL,
	last_at    BIGINT  NOT NULL, -- epoch milliseconds
	expires_at BIGINT  NOT NULL  -- epoch seconds; 0: kept until it is cleared
);
CREATE INDEX IF NOT EXISTS coatcheck_attempts_expires_at ON coatcheck_attempts (expires_at);
`

// SQL is a [Store] in the table coatcheck_attempts of PostgreSQL or SQLite.
type SQL struct{ db *sql.DB }

// NewSQL returns a store on db. It makes no call.
func NewSQL(db *sql.DB) *SQL { return &SQL{db} }

// CreateTable makes the table unless it is there.
func (s *SQL) CreateTable(ctx context.Context) error { return s.exec(ctx, SQLSchema) }

// Count implements [Store] by one INSERT that becomes an UPDATE, and a SELECT if it
// is refused. It is sent once, on a connection of its own.
func (s *SQL) Count(ctx context.Context, c Count) (t Tally, counted bool, err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return t, false, s.failed(err)
	}
	defer conn.Close()
	condition, args := rungClause(c)
	t, err = scan(conn.QueryRowContext(ctx, `INSERT INTO coatcheck_attempts AS t (key, failures, last_at, expires_at) VALUES ($1, 1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET failures = t.failures + 1, last_at = $2, expires_at = $3 WHERE `+condition+`
		RETURNING failures, last_at, expires_at`, args...))
	if err == nil {
		return t, true, nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		t, err = scan(conn.QueryRowContext(ctx, `SELECT failures, last_at, expires_at FROM coatcheck_attempts WHERE key = $1`, c.Key))
	}
	return t, false, s.failed(err)
}

// rungClause says in SQL when an attempt is let through. Its first three
// arguments are those of the INSERT.
func rungClause(c Count) (clause string, args []any) {
	args = []any{c.Key, c.At.UnixMilli(), c.Expires.Unix()}
	var parts []string
	for i, rung := range c.Rungs[:len(c.Rungs)-1] {
		part := fmt.Sprintf("t.failures BETWEEN $%d AND $%d", len(args)+1, len(args)+2)
		args = append(args, rung.From, c.Rungs[i+1].From-1)
		if rung.Wait > 0 {
			part += fmt.Sprintf(" AND t.last_at <= $%d", len(args)+1)
			args = append(args, c.At.Add(-rung.Wait).UnixMilli())
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " OR "), args
}

func scan(row *sql.Row) (t Tally, err error) {
	var last, expires int64
	if err := row.Scan(&t.Failures, &last, &expires); err != nil {
		return t, err
	}
	t.Last = time.UnixMilli(last).UTC()
	if expires != 0 {
		t.Expires = time.Unix(expires, 0).UTC()
	}
	return t, nil
}

// Withdraw implements [Store] by one UPDATE.
func (s *SQL) Withdraw(ctx context.Context, key string) error {
	return s.exec(ctx, `UPDATE coatcheck_attempts SET failures = failures - 1 WHERE key = $1 AND failures > 0`, key)
}

// Keep implements [Store] by one UPDATE.
func (s *SQL) Keep(ctx context.Context, key string) error {
	return s.exec(ctx, `UPDATE coatcheck_attempts SET expires_at = 0 WHERE key = $1`, key)
}

// Clear implements [Store] by one DELETE.
func (s *SQL) Clear(ctx context.Context, key string) error {
	return s.exec(ctx, `DELETE FROM coatcheck_attempts WHERE key = $1`, key)
}

// exec sends one statement once, on a connection of its own: a [sql.DB] might send
// it again after its answer was lost.
func (s *SQL) exec(ctx context.Context, statement string, args ...any) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.failed(err)
	}
	defer conn.Close()
	_, err = conn.ExecContext(ctx, statement, args...)
	return s.failed(err)
}

func (s *SQL) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table coatcheck_attempts: %w", err)
}
