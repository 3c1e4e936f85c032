package sqlaccounts

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/events"
)

// Attempts is a [throttle.Store] in the table coatcheck_attempts of PostgreSQL or
// SQLite. It removes expired rows by itself.
type Attempts struct {
	// Logger receives a warning if expired rows could not be removed. Set it before the first
	// call. nil means slog.Default().
	Logger *slog.Logger

	db     *sqldb.Database
	counts atomic.Int64 // calls of Count
}

// NewAttempts returns a store in the database of a sqlstore.Store, as [New] does. It
// makes no call. [Migrate] makes the table.
func NewAttempts(db *sqldb.Database) *Attempts { return &Attempts{db: db} }

// Count implements [throttle.Store] by one INSERT that becomes an UPDATE if the row
// exists, and by a SELECT if the attempt is refused. The statement is sent only once.
// From time to time Count also removes expired rows.
func (a *Attempts) Count(ctx context.Context, c throttle.Count) (counter throttle.Counter, counted bool, err error) {
	err = a.db.Write(ctx, func(conn *sql.Conn) error {
		for range countTries {
			if counter, counted, err = count(ctx, conn, c); !errors.Is(err, sql.ErrNoRows) {
				break
			}
		}
		if err == nil && a.counts.Add(1)%sweepEvery == 1 {
			if err := sweep(ctx, conn, c.At); err != nil {
				events.Log(ctx, cmp.Or(a.Logger, slog.Default()), "expired_rows_left", "table", "coatcheck_attempts", "error", err)
			}
		}
		return err
	})
	return counter, counted, a.wrapError(err)
}

// countTries limits how often one Count begins again. It does so when the row that
// refused the attempt was removed before it could be read.
const countTries = 8

// count counts the attempt. The arguments are numbered in the order in which they first
// appear, see package sqlstore.
func count(ctx context.Context, conn *sql.Conn, c throttle.Count) (counter throttle.Counter, counted bool, err error) {
	const expired = "t.expires_at BETWEEN 1 AND $5"
	steps, args := stepClause(c, []any{c.Key, c.At.UnixMilli(), c.Expires.Unix(), c.ID, c.At.Unix()})
	counter, err = scan(conn.QueryRowContext(ctx, `INSERT INTO coatcheck_attempts AS t (key, failures, last_at, expires_at, attempt) VALUES ($1, 1, $2, $3, $4)
		ON CONFLICT (key) DO UPDATE SET failures = CASE WHEN `+expired+` THEN 1 ELSE t.failures + 1 END,
			previous_at = CASE WHEN `+expired+` THEN 0 ELSE t.last_at END, last_at = $2, expires_at = $3, attempt = $4
		WHERE t.attempt <> $4 AND (`+expired+` OR `+steps+`)
		RETURNING failures, last_at, expires_at`, args...))
	if err == nil {
		return counter, true, nil
	}
	if errors.Is(err, sql.ErrNoRows) { // the attempt is refused
		var attempt string
		counter, err = scan(conn.QueryRowContext(ctx, `SELECT failures, last_at, expires_at, attempt FROM coatcheck_attempts WHERE key = $1`, c.Key), &attempt)
		counted = attempt == c.ID
	}
	return counter, counted, err
}

// stepClause returns the SQL condition under which the steps allow that an attempt is
// counted, and adds its arguments to args.
func stepClause(c throttle.Count, args []any) (clause string, all []any) {
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

// Expired rows are removed by one of sweepEvery calls of Count, which removes up to
// sweepRows of them. A call adds at most one row, so the table does not grow without
// end. The first call of a process removes some, too.
const (
	sweepEvery = 16
	sweepRows  = 4 * sweepEvery
)

// sweep removes rows that have expired. If it fails, a later call does it.
func sweep(ctx context.Context, conn *sql.Conn, now time.Time) error {
	// The outer condition is checked again for a row that another statement has just
	// renewed. The inner one is not.
	_, err := conn.ExecContext(ctx, `DELETE FROM coatcheck_attempts WHERE expires_at BETWEEN 1 AND $1
		AND key IN (SELECT key FROM coatcheck_attempts WHERE expires_at BETWEEN 1 AND $1 ORDER BY expires_at LIMIT $2)`, now.Unix(), sweepRows)
	return err
}

// scan reads failures, last_at and expires_at, and then what is in more.
func scan(row interface{ Scan(...any) error }, more ...any) (counter throttle.Counter, err error) {
	var last, expires int64
	if err := row.Scan(append([]any{&counter.Failures, &last, &expires}, more...)...); err != nil {
		return counter, err
	}
	counter.Last, counter.Expires = time.UnixMilli(last).UTC(), epoch.Time(expires)
	return counter, nil
}

// Withdraw implements [throttle.Store] by one transaction, with an UPDATE and, if no
// failures are left, a DELETE.
func (a *Attempts) Withdraw(ctx context.Context, key, id string, counted bool) error {
	return a.wrapError(a.db.Write(ctx, func(conn *sql.Conn) error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		if err := withdraw(ctx, tx, key, id, counted); err != nil {
			return err
		}
		return tx.Commit()
	}))
}

func withdraw(ctx context.Context, tx *sql.Tx, key, id string, counted bool) error {
	var failures int
	err := tx.QueryRowContext(ctx, `UPDATE coatcheck_attempts SET failures = failures - 1,
		last_at = CASE WHEN attempt = $1 THEN previous_at ELSE last_at END
		WHERE key = $2 AND (attempt = $1 OR $3) RETURNING failures`, id, key, counted).Scan(&failures)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil && failures == 0 {
		_, err = tx.ExecContext(ctx, `DELETE FROM coatcheck_attempts WHERE key = $1`, key)
	}
	return err
}

// Keep implements [throttle.Store] by one UPDATE.
func (a *Attempts) Keep(ctx context.Context, key string) error {
	return a.exec(ctx, `UPDATE coatcheck_attempts SET expires_at = 0 WHERE key = $1`, key)
}

// Clear implements [throttle.Store] by one DELETE.
func (a *Attempts) Clear(ctx context.Context, key string) error {
	return a.exec(ctx, `DELETE FROM coatcheck_attempts WHERE key = $1`, key)
}

// Get implements [throttle.Store] by one SELECT for each key.
func (a *Attempts) Get(ctx context.Context, keys []string) (map[string]throttle.Counter, error) {
	found := map[string]throttle.Counter{}
	for _, key := range keys {
		counter, err := scan(a.db.QueryRowContext(ctx, `SELECT failures, last_at, expires_at FROM coatcheck_attempts WHERE key = $1`, key))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, a.wrapError(err)
		}
		found[key] = counter
	}
	return found, nil
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
