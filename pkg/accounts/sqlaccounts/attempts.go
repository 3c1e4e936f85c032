package sqlaccounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/accounts/throttle"
)

// Attempts is a [throttle.Store] in the table coatcheck_attempts of PostgreSQL or
// SQLite. Expired rows are not used any more. Remove them from time to time with
//
//	DELETE FROM coatcheck_attempts WHERE expires_at BETWEEN 1 AND <epoch seconds>
type Attempts struct{ db *sqldb.Database }

// NewAttempts returns a store in the database of a sqlstore.Store, as [New] does. It
// makes no call. [Migrate] makes the table.
func NewAttempts(db *sqldb.Database) *Attempts { return &Attempts{db} }

// Count implements [throttle.Store] by one INSERT that becomes an UPDATE if the row
// exists, and by a SELECT if the attempt is refused. The statement is sent only once.
func (a *Attempts) Count(ctx context.Context, c throttle.Count) (counter throttle.Counter, counted bool, err error) {
	condition, args := stepClause(c)
	err = a.db.Write(ctx, func(conn *sql.Conn) error {
		counter, err = scan(conn.QueryRowContext(ctx, `INSERT INTO coatcheck_attempts AS t (key, failures, last_at, expires_at) VALUES ($1, 1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET failures = t.failures + 1, last_at = $2, expires_at = $3 WHERE `+condition+`
			RETURNING failures, last_at, expires_at`, args...))
		if counted = err == nil; counted || !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		counter, err = scan(conn.QueryRowContext(ctx, `SELECT failures, last_at, expires_at FROM coatcheck_attempts WHERE key = $1`, c.Key))
		return err
	})
	return counter, counted, a.wrapError(err)
}

// stepClause returns the SQL condition under which an attempt may be counted. Its
// first three arguments are those of the INSERT.
func stepClause(c throttle.Count) (clause string, args []any) {
	args = []any{c.Key, c.At.UnixMilli(), c.Expires.Unix()}
	var parts []string
	for i, step := range c.Steps[:len(c.Steps)-1] {
		part := fmt.Sprintf("t.failures BETWEEN $%d AND $%d", len(args)+1, len(args)+2)
		args = append(args, step.From, c.Steps[i+1].From-1)
		if step.Wait > 0 {
			part += fmt.Sprintf(" AND t.last_at <= $%d", len(args)+1)
			args = append(args, c.At.Add(-step.Wait).UnixMilli())
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " OR "), args
}

func scan(row *sql.Row) (counter throttle.Counter, err error) {
	var last, expires int64
	if err := row.Scan(&counter.Failures, &last, &expires); err != nil {
		return counter, err
	}
	counter.Last, counter.Expires = time.UnixMilli(last).UTC(), epoch.Time(expires)
	return counter, nil
}

// Withdraw implements [throttle.Store] by one UPDATE.
func (a *Attempts) Withdraw(ctx context.Context, key string) error {
	return a.exec(ctx, `UPDATE coatcheck_attempts SET failures = failures - 1 WHERE key = $1 AND failures > 0`, key)
}

// Keep implements [throttle.Store] by one UPDATE.
func (a *Attempts) Keep(ctx context.Context, key string) error {
	return a.exec(ctx, `UPDATE coatcheck_attempts SET expires_at = 0 WHERE key = $1`, key)
}

// Clear implements [throttle.Store] by one DELETE.
func (a *Attempts) Clear(ctx context.Context, key string) error {
	return a.exec(ctx, `DELETE FROM coatcheck_attempts WHERE key = $1`, key)
}

func (a *Attempts) exec(ctx context.Context, statement string, args ...any) error {
	_, err := execOnce(ctx, a.db, statement, args...)
	return a.wrapError(err)
}

func (a *Attempts) wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table coatcheck_attempts: %w", err)
}
