// Package sqlaudit keeps the audit trail in a table of PostgreSQL or SQLite, beside those of
// sessions and users.
//
// A program that appends needs the right to INSERT rows of coatcheck_audit, one that reads
// the right to SELECT them, and [Check] that to SELECT those of coatcheck_audit_schema. None
// needs UPDATE, and without it none can change what is there. Appending also removes rows that
// have expired, for which it needs SELECT and DELETE; without these it logs a warning, and
// somebody else has to remove them.
//
// This package may still change in ways that break programs.
package sqlaudit

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/events"
)

// Store is an [audit.Store] in the table coatcheck_audit: see [Schema]. It removes expired
// rows by itself. Each statement is sent once, whatever error the driver returns, and is a
// transaction of its own. When an answer is lost, the error is an outage, and the caller may
// append the same entry again. The server must be the primary. What package sqlstore says
// of lost writes holds here too: a failover may lose the last entries.
type Store struct {
	// Logger receives a warning if expired rows could not be removed. Set it before the first
	// call. nil means slog.Default().
	Logger *slog.Logger

	db      *sqldb.Database
	appends atomic.Int64
}

var _ audit.Store = (*Store)(nil)

// New returns a store in the database of a sqlstore.Store:
//
//	trail := sqlaudit.New(sessions.Database())
//
// It makes no call. [Migrate] makes the table.
func New(db *sqldb.Database) *Store { return &Store{db: db} }

// Append implements [audit.Writer] by one INSERT. The arguments are numbered in the order in
// which they first appear, see package sqlstore.
func (s *Store) Append(ctx context.Context, e audit.Entry) error {
	details, err := json.Marshal(e.Details)
	if err != nil {
		return methodError("Append", err)
	}
	return methodError("Append", s.db.Write(ctx, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `INSERT INTO coatcheck_audit (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			e.UserID, e.Key(), e.Event, e.SessionID, e.IP, e.UserAgent, e.Reason, e.Actor, string(details), e.ExpiresAt.Unix())
		if err == nil && s.appends.Add(1)%sweepEvery == 1 {
			s.sweep(ctx, conn)
		}
		return err
	}))
}

// List implements [audit.Reader] by one SELECT. A damaged row is an error.
func (s *Store) List(ctx context.Context, userID, before string, limit int) (list []audit.Entry, err error) {
	const afterAll = "~" // every key begins with a digit
	rows, err := s.rows(ctx, `WHERE user_id = $1 AND key < $2 AND expires_at > $3 ORDER BY key DESC LIMIT $4`, userID, cmp.Or(before, afterAll), time.Now().Unix(), limit)
	for _, r := range rows {
		var e audit.Entry
		if e, err = r.entry(); err != nil {
			break
		}
		list = append(list, e)
	}
	if err != nil {
		return nil, methodError("List", err)
	}
	return list, nil
}

// pageRows is how many rows All reads at once.
const pageRows = 1000

// All implements [audit.Store] by SELECTs of a thousand rows each, in the order of user IDs
// and keys. Between them it holds no connection. For a damaged row it returns an error in
// place of the entry, and goes on. If a page cannot be read, it returns an error and stops.
func (s *Store) All(ctx context.Context) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for last := (row{}); ; {
			page, err := s.rows(ctx, `WHERE (user_id, key) > ($1, $2) AND expires_at > $3 ORDER BY user_id, key LIMIT $4`, last.UserID, last.key, time.Now().Unix(), pageRows)
			if err != nil {
				yield(audit.Entry{}, methodError("All", err))
				return
			}
			for _, last = range page {
				if e, err := last.entry(); !yield(e, methodError("All", err)) {
					return
				}
			}
			if len(page) < pageRows {
				return
			}
		}
	}
}

const columns = "user_id, key, event, session_id, ip, user_agent, reason, actor, details, expires_at"

// row is a row of the table. Its texts are in the Entry, which has neither times nor an ID
// nor details yet.
type row struct {
	audit.Entry
	key, details string
	expiresAt    int64
}

func (s *Store) rows(ctx context.Context, where string, args ...any) (all []row, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+columns+` FROM coatcheck_audit `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.UserID, &r.key, &r.Event, &r.SessionID, &r.IP, &r.UserAgent, &r.Reason, &r.Actor, &r.details, &r.expiresAt); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// entry returns the whole Entry. Its error quotes nothing that is stored but the key.
func (r row) entry() (e audit.Entry, err error) {
	e = r.Entry
	if e.At, e.ID, err = audit.ParseKey(r.key); err != nil {
		return audit.Entry{}, fmt.Errorf("table coatcheck_audit: %w", err)
	}
	if json.Unmarshal([]byte(r.details), &e.Details) != nil {
		return audit.Entry{}, fmt.Errorf("table coatcheck_audit: key %q: column details is not a JSON object of strings", r.key)
	}
	e.ExpiresAt = time.Unix(r.expiresAt, 0).UTC()
	return e, nil
}

// Expired rows are removed by one of sweepEvery calls of Append, which removes up to
// sweepRows of them. A call adds one row, so the table does not grow without end. The first
// call of a process removes some, too.
const (
	sweepEvery = 16
	sweepRows  = 4 * sweepEvery
)

// sweep removes rows that have expired. If it fails, a later call does it.
func (s *Store) sweep(ctx context.Context, conn *sql.Conn) {
	_, err := conn.ExecContext(ctx, `DELETE FROM coatcheck_audit
		WHERE (user_id, key) IN (SELECT user_id, key FROM coatcheck_audit WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, time.Now().Unix(), sweepRows)
	if err != nil {
		events.Log(ctx, cmp.Or(s.Logger, slog.Default()), "expired_rows_left", "table", "coatcheck_audit", "error", err)
	}
}

// methodError turns the error of a statement into the error of the method.
func methodError(method string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlaudit: %s: %w", method, err)
}
