// Package sqllinks keeps the links of OpenID sessions in a table of PostgreSQL or SQLite,
// beside those of sessions and users.
//
// A program needs the rights to SELECT, INSERT, UPDATE and DELETE rows of
// coatcheck_oidc_links, and to SELECT those of coatcheck_oidc_schema.
//
// This package may still change in ways that break programs.
package sqllinks

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
)

// Store is an [oidc.Store] in the table coatcheck_oidc_links: see [Schema]. It removes
// expired rows by itself. Each statement is sent once, whatever error the driver returns,
// and is a transaction of its own. So when an answer is lost, the error is an outage, and
// the caller may repeat the call. The server must be the primary. What package sqlstore
// says of lost writes holds here too: after a failover that undoes an End, what the
// provider said before may be used once more.
type Store struct {
	// Logger receives a warning if expired rows could not be removed. Set it before the first
	// call. nil means slog.Default().
	Logger *slog.Logger

	db     *sqldb.Database
	writes atomic.Int64 // calls of Link and End
}

var _ oidc.Store = (*Store)(nil)

// New returns a store in the database of a sqlstore.Store:
//
//	links := sqllinks.New(sessions.Database())
//
// It makes no call. [Migrate] makes the table.
func New(db *sqldb.Database) *Store { return &Store{db: db} }

// linkTries limits how often one Link begins again. It does so when the row that refused
// the link was removed, or has changed, before it could be read.
const linkTries = 8

// Link implements [oidc.Store] by one INSERT, which becomes an UPDATE if there is a row,
// and by one SELECT if that changes nothing.
func (s *Store) Link(ctx context.Context, l oidc.Link) (before oidc.Link, err error) {
	err = s.write(ctx, "Link", func(conn *sql.Conn, now time.Time) error {
		for range linkTries {
			if before, err = replace(ctx, conn, l, now); !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if before, err = refusal(ctx, conn, l, now); !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return errors.New("other writes of this link came in between every time")
	})
	return before, err
}

// replace stores l and returns what was there. It returns sql.ErrNoRows, and changes
// nothing, if the session of l is there already for no less long, or what has that ID has
// ended. The arguments are numbered in the order in which they first appear, see package
// sqlstore.
func replace(ctx context.Context, conn *sql.Conn, l oidc.Link, now time.Time) (oidc.Link, error) {
	return scan(l.ID, now, conn.QueryRowContext(ctx, `INSERT INTO coatcheck_oidc_links AS t (id, session_owner, session_id, linked_until, expires_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (id) DO UPDATE SET session_owner = $2, session_id = $3, linked_until = $4, expires_at = $4, ended_at = 0, ended_until = 0,
			before_owner = t.session_owner, before_id = t.session_id, before_until = t.linked_until
		WHERE t.ended_until <= $5 AND (t.linked_until <= $5 OR t.linked_until < $4 OR t.session_owner <> $2 OR t.session_id <> $3)
		RETURNING before_owner, before_id, before_until`, l.ID, l.Session.Owner, l.Session.ID, l.ExpiresAt.Unix(), now.Unix()))
}

// refusal returns why replace has changed nothing: ErrEnded, or the link that an earlier
// call with l has replaced. It returns sql.ErrNoRows if neither is so any more.
func refusal(ctx context.Context, conn *sql.Conn, l oidc.Link, now time.Time) (oidc.Link, error) {
	var ended bool
	before, err := scan(l.ID, now, conn.QueryRowContext(ctx, `SELECT before_owner, before_id, before_until, ended_until > $1 FROM coatcheck_oidc_links
		WHERE id = $2 AND (ended_until > $1 OR linked_until > $1 AND session_owner = $3 AND session_id = $4)`,
		now.Unix(), l.ID, l.Session.Owner, l.Session.ID), &ended)
	if ended {
		return oidc.Link{}, oidc.ErrEnded
	}
	return before, err
}

// End implements [oidc.Store] by one INSERT, which becomes an UPDATE if there is a row. An
// end that has expired is written over, whatever its time is.
func (s *Store) End(ctx context.Context, id string, at, expiresAt time.Time) (l oidc.Link, err error) {
	err = s.write(ctx, "End", func(conn *sql.Conn, now time.Time) error {
		l, err = scan(id, now, conn.QueryRowContext(ctx, `INSERT INTO coatcheck_oidc_links AS t (id, ended_at, ended_until, expires_at) VALUES ($1, $2, $3, $3)
			ON CONFLICT (id) DO UPDATE SET
				ended_at = CASE WHEN t.ended_until > $4 AND t.ended_at > $2 THEN t.ended_at ELSE $2 END,
				ended_until = CASE WHEN t.ended_until > $3 THEN t.ended_until ELSE $3 END,
				expires_at = CASE WHEN t.expires_at > $3 THEN t.expires_at ELSE $3 END
			RETURNING session_owner, session_id, linked_until`, id, at.Unix(), expiresAt.Unix(), now.Unix()))
		return err
	})
	return l, err
}

// Ended implements [oidc.Store] by one SELECT.
func (s *Store) Ended(ctx context.Context, id string) (oidc.Link, time.Time, error) {
	var at, until int64
	now := time.Now()
	l, err := scan(id, now, s.db.QueryRowContext(ctx, `SELECT session_owner, session_id, linked_until, ended_at, ended_until FROM coatcheck_oidc_links WHERE id = $1`, id), &at, &until)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return oidc.Link{}, time.Time{}, nil
	case err != nil:
		return oidc.Link{}, time.Time{}, methodError("Ended", err)
	case until <= now.Unix():
		return l, time.Time{}, nil
	}
	return l, time.Unix(at, 0).UTC(), nil
}

// scan reads the owner, the ID and the end of a link, and then what is in more. A link that
// has expired is the zero Link.
func scan(id string, now time.Time, row *sql.Row, more ...any) (oidc.Link, error) {
	var key session.Key
	var until int64
	if err := row.Scan(append([]any{&key.Owner, &key.ID, &until}, more...)...); err != nil {
		return oidc.Link{}, err
	}
	if until <= now.Unix() {
		return oidc.Link{}, nil
	}
	return oidc.Link{ID: id, Session: key, ExpiresAt: time.Unix(until, 0).UTC()}, nil
}

// Expired rows are removed by one of sweepEvery calls of Link and End, which removes up to
// sweepRows of them. A call adds at most one row, so the table does not grow without end.
// The first call of a process removes some, too.
const (
	sweepEvery = 16
	sweepRows  = 4 * sweepEvery
)

// sweep removes rows that have expired. If it fails, a later call does it.
func (s *Store) sweep(ctx context.Context, conn *sql.Conn, now time.Time) {
	// The outer condition is checked again for a row that another statement has just
	// renewed. The inner one is not.
	_, err := conn.ExecContext(ctx, `DELETE FROM coatcheck_oidc_links WHERE expires_at <= $1
		AND id IN (SELECT id FROM coatcheck_oidc_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, now.Unix(), sweepRows)
	if err != nil {
		events.Log(ctx, cmp.Or(s.Logger, slog.Default()), "expired_rows_left", "table", "coatcheck_oidc_links", "error", err)
	}
}

func (s *Store) write(ctx context.Context, method string, do func(*sql.Conn, time.Time) error) error {
	return methodError(method, s.db.Write(ctx, func(conn *sql.Conn) error {
		now := time.Now()
		err := do(conn, now)
		if err == nil && s.writes.Add(1)%sweepEvery == 1 {
			s.sweep(ctx, conn, now)
		}
		return err
	}))
}

// methodError turns the error of a statement into the error of the method.
func methodError(method string, err error) error {
	if err == nil || err == oidc.ErrEnded {
		return err
	}
	return fmt.Errorf("sqllinks: %s: %w", method, err)
}
