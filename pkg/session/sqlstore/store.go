// Package sqlstore keeps sessions in a table of PostgreSQL (12 or newer) or SQLite
// (3.37 or newer), through database/sql. It imports no driver: the program imports
// one and opens the database.
//
//	import _ "github.com/jackc/pgx/v5/stdlib" // or _ "modernc.org/sqlite"
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	store := sqlstore.New(db, sqlstore.PostgreSQL)
//	err = store.Migrate(ctx) // or apply PostgreSQL.Schema once, by hand
//
// The tests use the drivers named here.
//
// # PostgreSQL
//
//	postgres://coatcheck@db.example/app?sslmode=verify-full
//
// The server must be the primary. Its default isolation must be READ COMMITTED,
// which it is unless somebody changed it. Every call takes one connection for one
// statement, so a few connections serve many requests. But database/sql opens any
// number of them, so that calls which wait for one lock take all that the server has,
// and it keeps only two idle ones:
//
//	db.SetMaxOpenConns(10)    // all processes together must stay below the server's max_connections
//	db.SetMaxIdleConns(10)
//	db.SetConnMaxIdleTime(5 * time.Minute)
//
// A login is one statement too, a CALL. The user who calls it needs EXECUTE, which everybody
// has unless it was revoked from PUBLIC, and no rights beyond those on the table. Without
// EXECUTE a login is an INSERT and a SELECT after the CALL that was refused. The procedure
// commits by itself, so a connection must not be inside a transaction.
//
// If the primary loses data, the sessions in that data are lost too. A crash can
// undo a logout if synchronous_commit is off. A failover can undo a logout if the
// replica is asynchronous. Behind PgBouncer before 1.21 in its transaction mode, add
// default_query_exec_mode=exec to the DSN.
//
// # SQLite
//
//	file:coatcheck.db?_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate
//
// With WAL, readers and the one writer do not wait for each other. Writers of one
// Store queue, together with those of the stores that share its [Store.Database].
// Writers of other processes try again for up to the busy timeout, here ten seconds,
// before they fail with "database is locked". _txlock is for the program's own
// transactions; the Store does not need it. Leave synchronous at FULL, its default:
// with NORMAL a power failure can undo a logout. The database must be a
// file on a local disk, because ":memory:" gives each connection its own database.
//
// # The table
//
// Programs in other languages may read coatcheck_sessions: see [Dialect.Schema].
// Expired sessions stay in the table until [Store.DeleteExpired] removes them; no
// answer depends on it.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/session"
)

// Store is a [session.CreateLister] on one table. It starts no goroutine and closes
// nothing.
//
// Every write is sent once, whatever error the driver returns, because it uses a
// [sql.Conn]. A [sql.DB] sends a statement up to three times when the driver returns
// [database/sql/driver.ErrBadConn]. That is right only if the driver is certain that nothing was
// executed. So when an answer is lost, the error is an outage, and ErrNoSession and
// ErrConflict are certain. Reads may be sent again.
type Store struct {
	db         *sqldb.Database
	skipLocked string // makes a SELECT lock its rows and skip rows that are locked already
	procedures bool   // whether the dialect has them
}

var _ session.CreateLister = (*Store)(nil)

// New returns a Store on db, a database of the given dialect. New does not call the
// database. It panics if the dialect is not one of this package's.
func New(db *sql.DB, dialect Dialect) *Store {
	s := &Store{db: sqldb.New(db, sqldb.Dialect(dialect))}
	if dialect == PostgreSQL {
		s.skipLocked, s.procedures = "FOR UPDATE SKIP LOCKED", true
	}
	return s
}

// Database is an open database, and the queue of those who write to it. It has a name so
// that a program can hand it on: to sqlaccounts.New and sqlbridge.New, for example. Its
// methods are for the stores of this module, and may change.
type Database = sqldb.Database

// Database returns the database of the Store, for other stores of this module that
// keep their tables in it, such as those of package sqlaccounts. All of them then
// queue together when SQLite lets only one of them write.
func (s *Store) Database() *Database { return s.db }

// Every statement numbers its parameters in the order in which they appear. Some
// SQLite drivers count the parameters, and others read their numbers; in this order
// both find the same value for $1.

// Create implements [session.Store]: one INSERT, sent once.
func (s *Store) Create(ctx context.Context, sess *session.Session) error {
	_, err := s.create(ctx, "Create", sess, insert)
	return err
}

// create stores a session by a statement, which may return others of its owner, or nil.
func (s *Store) create(ctx context.Context, method string, sess *session.Session, statement func(context.Context, *sql.Conn, []any) ([]row, error)) (others []row, err error) {
	args, err := createArgs(sess)
	if err != nil {
		return nil, methodError(method, err)
	}
	err = s.write(ctx, method, func(conn *sql.Conn) error {
		others, err = statement(ctx, conn, args)
		return err
	})
	return others, err
}

// insert stores a new row.
func insert(ctx context.Context, conn *sql.Conn, args []any) ([]row, error) {
	const insert = `INSERT INTO coatcheck_sessions (owner, ` + columns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		ON CONFLICT (owner, id) DO NOTHING`
	created, err := affected(conn.ExecContext(ctx, insert, args...))
	if err == nil && created == 0 {
		return nil, session.ErrConflict
	}
	return nil, err
}

// CreateAndList implements [session.CreateLister]. On PostgreSQL it is one CALL, sent once, of
// a procedure that [Store.Migrate] makes; if there is none yet, or the user may not call it, it
// is an INSERT after that. It lists up to 500 other sessions. On SQLite it is one INSERT: a List costs no round trip.
func (s *Store) CreateAndList(ctx context.Context, sess *session.Session) ([]*session.Session, error) {
	statement := insert
	if s.procedures {
		statement = insertAndList
	}
	others, err := s.create(ctx, "CreateAndList", sess, statement)
	if err != nil || others == nil {
		return nil, err
	}
	all, damaged := []*session.Session{sess.Clone()}, []error(nil)
	for _, r := range others {
		other, err := r.session(sess.Key().Owner)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		all = append(all, other)
	}
	return all, methodError("CreateAndList", errors.Join(damaged...))
}

// insertAndList stores a new row and returns the owner's other rows, or nil if they are many,
// or if there is no procedure, as in the tables of the release before, or none for this user.
func insertAndList(ctx context.Context, conn *sql.Conn, args []any) (others []row, err error) {
	const (
		call = `CALL coatcheck_sessions_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, NULL)`

		// Error codes of PostgreSQL. Nothing was stored. Who may not insert is told so again.
		undefinedFunction, insufficientPrivilege = "42883", "42501"
	)
	var answer sql.NullString
	err = conn.QueryRowContext(ctx, call, args...).Scan(&answer)
	var coded interface{ SQLState() string } // both pgx and pq have it
	switch {
	case errors.As(err, &coded) && slices.Contains([]string{undefinedFunction, insufficientPrivilege}, coded.SQLState()):
		return insert(ctx, conn, args)
	case err != nil:
		return nil, err
	case !answer.Valid:
		return nil, session.ErrConflict
	}
	if err := json.Unmarshal([]byte(answer.String), &others); err != nil || len(others) > 500 {
		return nil, err
	}
	return others, nil
}

// Get implements [session.Store]: one SELECT.
func (s *Store) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	const query = `SELECT ` + columns + ` FROM coatcheck_sessions WHERE owner = $1 AND id = $2`
	sess, err := decode(key.Owner, s.db.QueryRowContext(ctx, query, key.Owner, key.ID))
	return sess, methodError("Get", err)
}

// Update implements [session.Store]: one UPDATE and, if it changes nothing, one
// SELECT to say why.
func (s *Store) Update(ctx context.Context, sess *session.Session, now time.Time, newVersion int64) error {
	const update = `UPDATE coatcheck_sessions
		SET roles = $1, "values" = $2, secret = $3, previous_secret = $4, version = $5,
			authenticated_at = COALESCE($6, authenticated_at), expires_at = COALESCE($7, expires_at),
			ends_at = CASE WHEN $7 IS NULL THEN ends_at ELSE $8 END
		WHERE owner = $9 AND id = $10 AND version = $11 AND expires_at > $12`
	roles, values, err := encode(sess)
	if err != nil {
		return methodError("Update", err)
	}
	var authenticated, expires sql.NullInt64
	if !sess.ExpiresAt.IsZero() {
		authenticated = sql.NullInt64{Int64: sess.AuthenticatedAt.Unix(), Valid: true}
		expires = sql.NullInt64{Int64: sess.ExpiresAt.Unix(), Valid: true}
	}
	key := sess.Key()
	return s.write(ctx, "Update", func(conn *sql.Conn) error {
		updated, err := affected(conn.ExecContext(ctx, update, roles, values, sess.Secret[:], sess.PreviousSecret[:], newVersion,
			authenticated, expires, endsAt(sess), key.Owner, key.ID, sess.Version, now.Unix()))
		if err != nil || updated > 0 {
			return err
		}
		version, err := currentVersion(ctx, conn, key, now)
		if version == newVersion || err != nil {
			return err // nil: this write was applied before
		}
		return session.ErrConflict
	})
}

// Touch implements [session.Store]: one UPDATE and, if it changes nothing, one
// SELECT to say why.
func (s *Store) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	const update = `UPDATE coatcheck_sessions SET last_seen_at = $1, expires_at = $2, last_ip = $3, last_user_agent = $4
		WHERE owner = $5 AND id = $6 AND expires_at > $1 AND last_seen_at < $1 AND expires_at <= $2`
	return s.write(ctx, "Touch", func(conn *sql.Conn) error {
		touched, err := affected(conn.ExecContext(ctx, update, now.Unix(), expires.Unix(), ip, userAgent, key.Owner, key.ID))
		if err != nil || touched > 0 {
			return err
		}
		_, err = currentVersion(ctx, conn, key, now)
		return err // nil: the session is alive, and its stored times must not go back
	})
}

// Delete implements [session.Store]: one DELETE.
func (s *Store) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	const remove = `DELETE FROM coatcheck_sessions
		WHERE owner = $1 AND id = $2 AND (secret = $3 OR previous_secret = $3 OR $3 IS NULL)
		RETURNING user_id, expires_at`
	var proof []byte
	if secret != nil {
		proof = secret[:]
	}
	err = s.write(ctx, "Delete", func(conn *sql.Conn) error {
		var expires int64
		err := conn.QueryRowContext(ctx, remove, key.Owner, key.ID, proof).Scan(&userID, &expires)
		if err == nil && expires <= now.Unix() {
			userID, err = "", session.ErrNoSession
		}
		return err
	})
	return userID, err
}

// List implements [session.Store]: one SELECT.
func (s *Store) List(ctx context.Context, owner string) ([]*session.Session, error) {
	const query = `SELECT ` + columns + ` FROM coatcheck_sessions WHERE owner = $1`
	rows, err := s.db.QueryContext(ctx, query, owner)
	if err != nil {
		return nil, methodError("List", err)
	}
	defer rows.Close()
	var all []*session.Session
	var damaged []error
	for rows.Next() {
		sess, err := decode(owner, rows)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		all = append(all, sess)
	}
	if err := rows.Err(); err != nil {
		return nil, methodError("List", err)
	}
	return all, methodError("List", errors.Join(damaged...))
}

// DeleteExpired removes up to limit sessions that are dead at now, and returns how
// many it removed. Sessions that expired first are removed first. It is one
// statement, and it holds its locks only for a short time. PostgreSQL skips rows
// that another statement has locked. The Store never calls it: call it yourself, for
// example from a cron job, until it removes fewer sessions than it may. Several jobs
// may run at once.
//
//	for n := limit; n == limit; {
//		if n, err = store.DeleteExpired(ctx, time.Now(), limit); err != nil {
//			return err
//		}
//	}
//
// A limit of 1,000 is a good choice. A limit below 1 is an error.
func (s *Store) DeleteExpired(ctx context.Context, now time.Time, limit int) (n int, err error) {
	if limit < 1 {
		return 0, fmt.Errorf("sqlstore: DeleteExpired with a limit of %d; it must be at least 1", limit)
	}
	// WITH computes the list once. A subquery may run again, and then more than
	// limit sessions are deleted.
	remove := `WITH dead AS (
			SELECT owner, id FROM coatcheck_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 ` + s.skipLocked + `
		)
		DELETE FROM coatcheck_sessions WHERE (owner, id) IN (SELECT owner, id FROM dead)`
	err = s.write(ctx, "DeleteExpired", func(conn *sql.Conn) error {
		n, err = affected(conn.ExecContext(ctx, remove, now.Unix(), limit))
		return err
	})
	return n, err
}

// write runs one write of a method.
func (s *Store) write(ctx context.Context, method string, do func(*sql.Conn) error) error {
	return methodError(method, s.db.Write(ctx, do))
}

// currentVersion returns the version of a session that is alive at now. A write that
// changed nothing calls it to find the reason. It must be a statement of its own: at
// READ COMMITTED a statement sees only what was committed before the statement
// began. So one statement alone could not see the other write that it waited for and
// lost to. A change between the two statements cannot make the answer wrong, because
// the first one is certain not to be applied.
func currentVersion(ctx context.Context, conn *sql.Conn, key session.Key, now time.Time) (version int64, err error) {
	const query = `SELECT version, expires_at FROM coatcheck_sessions WHERE owner = $1 AND id = $2`
	var expires int64
	err = conn.QueryRowContext(ctx, query, key.Owner, key.ID).Scan(&version, &expires)
	if err == nil && expires <= now.Unix() {
		err = session.ErrNoSession
	}
	return version, err
}

// methodError turns the error of a statement into the error of the method.
func methodError(method string, err error) error {
	switch {
	case err == nil, err == session.ErrNoSession, err == session.ErrConflict:
		return err
	case errors.Is(err, sql.ErrNoRows):
		return session.ErrNoSession
	}
	return fmt.Errorf("sqlstore: %s on table coatcheck_sessions: %w", method, err)
}

func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}
