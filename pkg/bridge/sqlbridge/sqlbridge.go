// Package sqlbridge keeps the records of a bridge in three tables of PostgreSQL or SQLite,
// beside those of sessions and users.
//
// This package may still change in ways that break programs.
package sqlbridge

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/bridge"
)

// Store is a [bridge.Store] in the tables coatcheck_bridge_links, coatcheck_bridge_seals
// and coatcheck_bridge_window: see [Schema]. Each statement of a write is sent once,
// whatever error the driver returns, and is a transaction of its own. So when an answer is
// lost, the error is an outage, and the caller may repeat the call. The server must be the
// primary. What package sqlstore says of lost writes holds here too: a failover that undoes
// a link or a seal lets a session of the monolith become one of ours again.
type Store struct{ db *sqldb.Database }

var _ bridge.Store = (*Store)(nil)

// New returns a store in the database of a sqlstore.Store:
//
//	links := sqlbridge.New(sessions.Database())
//
// It makes no call. [Migrate] makes the tables.
func New(db *sqldb.Database) *Store { return &Store{db} }

// writeTries limits how often one PutLink or EndLink begins again. It does so when another
// write came between two of its statements.
const writeTries = 32

// errCrossed means that another write came between two statements.
var errCrossed = errors.New("other writes of this link came in between every time")

// retry calls try until it is not crossed by another write.
func retry(try func() error) (err error) {
	for range writeTries {
		if err = try(); !errors.Is(err, errCrossed) {
			return err
		}
	}
	return err
}

// PutLink implements [bridge.Store] by one INSERT and, if the ID is taken, one SELECT.
func (s *Store) PutLink(ctx context.Context, l bridge.Link) (stored bridge.Link, err error) {
	err = s.write(ctx, "PutLink", func(conn *sql.Conn) error {
		return retry(func() error {
			if stored, err = insert(ctx, conn, l); !errors.Is(err, errCrossed) {
				return err
			}
			stored, err = link(ctx, conn, l.ID)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				return errCrossed // it was deleted since
			case err == nil && stored.Nonce != l.Nonce:
				return bridge.ErrExists
			}
			return err
		})
	})
	return stored, err
}

// insert adds a link and returns it as it is stored. It returns errCrossed if there is one.
func insert(ctx context.Context, conn *sql.Conn, l bridge.Link) (bridge.Link, error) {
	l.At = l.At.UTC().Truncate(time.Millisecond)
	added, err := affected(conn.ExecContext(ctx, `INSERT INTO coatcheck_bridge_links (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
		l.ID, l.Nonce, l.Source, l.Session.Owner, l.Session.ID, l.At.UnixMilli(), l.Ended))
	if err == nil && !added {
		err = errCrossed
	}
	return l, err
}

// GetLink implements [bridge.Store] by one SELECT.
func (s *Store) GetLink(ctx context.Context, id string) (bridge.Link, error) {
	l, err := link(ctx, s.db, id)
	return l, methodError("GetLink", err)
}

// DeleteLink implements [bridge.Store] by one DELETE.
func (s *Store) DeleteLink(ctx context.Context, id, nonce string) error {
	return s.exec(ctx, "DeleteLink", `DELETE FROM coatcheck_bridge_links WHERE id = $1 AND nonce = $2`, id, nonce)
}

// EndLink implements [bridge.Store] by a SELECT, and an INSERT or an UPDATE of what that
// has found: every write leaves another nonce.
func (s *Store) EndLink(ctx context.Context, l bridge.Link) (before bridge.Link, err error) {
	err = s.write(ctx, "EndLink", func(conn *sql.Conn) error {
		return retry(func() error {
			before, err = link(ctx, conn, l.ID)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			l.Session, l.Ended = before.Session, true
			if before == (bridge.Link{}) {
				_, err = insert(ctx, conn, l)
				return err
			}
			return end(ctx, conn, l, before.Nonce)
		})
	})
	return before, err
}

// end stores l as ended in place of the link with the nonce. It returns errCrossed if that is
// there no longer.
func end(ctx context.Context, conn *sql.Conn, l bridge.Link, nonce string) error {
	ended, err := affected(conn.ExecContext(ctx, `UPDATE coatcheck_bridge_links SET nonce = $1, source = $2, written_at = $3, ended = $4
		WHERE id = $5 AND nonce = $6`, l.Nonce, l.Source, l.At.UnixMilli(), true, l.ID, nonce))
	if err == nil && !ended {
		return errCrossed
	}
	return err
}

// PutSeal implements [bridge.Store] by one INSERT that becomes an UPDATE if there is an
// earlier seal.
func (s *Store) PutSeal(ctx context.Context, owner string, at time.Time) error {
	return s.exec(ctx, "PutSeal", `INSERT INTO coatcheck_bridge_seals AS s (owner, written_at) VALUES ($1, $2)
		ON CONFLICT (owner) DO UPDATE SET written_at = excluded.written_at WHERE s.written_at < excluded.written_at`, owner, at.UnixMilli())
}

// GetSeal implements [bridge.Store] by one SELECT.
func (s *Store) GetSeal(ctx context.Context, owner string) (time.Time, error) {
	var at int64
	err := s.db.QueryRowContext(ctx, `SELECT written_at FROM coatcheck_bridge_seals WHERE owner = $1`, owner).Scan(&at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, methodError("GetSeal", err)
	}
	return time.UnixMilli(at).UTC(), nil
}

// OpenWindow implements [bridge.Store] by one INSERT, which does nothing if there is a
// window, and one SELECT.
func (s *Store) OpenWindow(ctx context.Context, endsAt time.Time) (bridge.Window, error) {
	err := s.exec(ctx, "OpenWindow", `INSERT INTO coatcheck_bridge_window (one, ends_at, closed) VALUES (1, $1, $2)
		ON CONFLICT (one) DO NOTHING`, endsAt.Unix(), false)
	if err != nil {
		return bridge.Window{}, err
	}
	return s.GetWindow(ctx)
}

// GetWindow implements [bridge.Store] by one SELECT.
func (s *Store) GetWindow(ctx context.Context) (w bridge.Window, err error) {
	var ends int64
	err = s.db.QueryRowContext(ctx, `SELECT ends_at, closed FROM coatcheck_bridge_window`).Scan(&ends, &w.Closed)
	if err != nil {
		return bridge.Window{}, methodError("GetWindow", err)
	}
	w.EndsAt = time.Unix(ends, 0).UTC()
	return w, nil
}

// CloseWindow implements [bridge.Store] by one UPDATE.
func (s *Store) CloseWindow(ctx context.Context) error {
	return s.write(ctx, "CloseWindow", func(conn *sql.Conn) error {
		closed, err := affected(conn.ExecContext(ctx, `UPDATE coatcheck_bridge_window SET closed = $1`, true))
		if err == nil && !closed {
			return bridge.ErrNotFound
		}
		return err
	})
}

// pageSize is how many links Links reads by one SELECT.
const pageSize = 1000

// Links implements [bridge.Store], in the order of the IDs. It reads page after page, and
// keeps no connection while the caller uses the links of a page.
func (s *Store) Links(ctx context.Context) iter.Seq2[bridge.Link, error] {
	return func(yield func(bridge.Link, error) bool) {
		for last, more := "", true; more; {
			page, err := s.page(ctx, last)
			if err != nil {
				yield(bridge.Link{}, methodError("Links", err))
				return
			}
			for _, l := range page {
				if last = l.ID; !yield(l, nil) {
					return
				}
			}
			more = len(page) == pageSize
		}
	}
}

func (s *Store) page(ctx context.Context, after string) (page []bridge.Link, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+columns+` FROM coatcheck_bridge_links WHERE id > $1 ORDER BY id LIMIT $2`, after, pageSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		l, err := scan(rows)
		if err != nil {
			return nil, err
		}
		page = append(page, l)
	}
	return page, rows.Err()
}

// columns are all columns of a link, in the order in which scan reads them.
const columns = `id, nonce, source, session_owner, session_id, written_at, ended`

// link reads a link. It returns sql.ErrNoRows if there is none.
func link(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, id string) (bridge.Link, error) {
	return scan(db.QueryRowContext(ctx, `SELECT `+columns+` FROM coatcheck_bridge_links WHERE id = $1`, id))
}

func scan(row interface{ Scan(...any) error }) (l bridge.Link, err error) {
	var at int64
	if err := row.Scan(&l.ID, &l.Nonce, &l.Source, &l.Session.Owner, &l.Session.ID, &at, &l.Ended); err != nil {
		return bridge.Link{}, err
	}
	l.At = time.UnixMilli(at).UTC()
	return l, nil
}

// exec runs a write that is one statement, whatever it changes.
func (s *Store) exec(ctx context.Context, method, statement string, args ...any) error {
	return s.write(ctx, method, func(conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, statement, args...)
		return err
	})
}

func (s *Store) write(ctx context.Context, method string, do func(*sql.Conn) error) error {
	return methodError(method, s.db.Write(ctx, do))
}

// affected reports whether a statement has changed a row.
func affected(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// methodError turns the error of a statement into the error of the method.
func methodError(method string, err error) error {
	switch {
	case err == nil, err == bridge.ErrExists, err == bridge.ErrNotFound:
		return err
	case errors.Is(err, sql.ErrNoRows):
		return bridge.ErrNotFound
	}
	return fmt.Errorf("sqlbridge: %s: %w", method, err)
}
