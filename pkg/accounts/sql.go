package accounts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// SQLSchema makes the table of a [SQL] store, in PostgreSQL and in SQLite. It
// does nothing if the table is there.
const SQLSchema = `CREATE TABLE IF NOT EXISTS coatcheck_users (
	name          TEXT    PRIMARY KEY,
	username      TEXT    NOT NULL,
	user_id       TEXT    NOT NULL,
	display_name  TEXT    NOT NULL,
	roles         TEXT    NOT NULL, -- JSON: a list of strings
	preferences   TEXT    NOT NULL, -- JSON: an object of strings
	password_hash TEXT    NOT NULL,
	disabled      BOOLEAN NOT NULL,
	frozen_until  BIGINT  NOT NULL, -- epoch seconds; 0: not frozen
	version       BIGINT  NOT NULL,
	revision      TEXT    NOT NULL
);
`

// SQL is a [Store] in the table coatcheck_users of PostgreSQL or SQLite.
type SQL struct{ db *sql.DB }

// NewSQL returns a store on db. It makes no call.
func NewSQL(db *sql.DB) *SQL { return &SQL{db} }

// CreateTable makes the table unless it is there.
func (s *SQL) CreateTable(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, SQLSchema)
	return s.failed(err)
}

// Get implements [Store] by one SELECT.
func (s *SQL) Get(ctx context.Context, name string) (*Account, error) {
	const query = `SELECT username, user_id, display_name, roles, preferences, password_hash, disabled, frozen_until, version, revision
		FROM coatcheck_users WHERE name = $1`
	a := &Account{Name: name}
	var roles, preferences []byte
	var frozen int64
	err := s.db.QueryRowContext(ctx, query, name).Scan(&a.Username, &a.UserID, &a.DisplayName, &roles, &preferences,
		&a.PasswordHash, &a.Disabled, &frozen, &a.Version, &a.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, s.failed(err)
	}
	if err := json.Unmarshal(roles, &a.Roles); err != nil {
		return nil, s.damaged(name, "roles")
	}
	if err := json.Unmarshal(preferences, &a.Preferences); err != nil {
		return nil, s.damaged(name, "preferences")
	}
	a.FrozenUntil = fromSeconds(frozen)
	return a, nil
}

// Create implements [Store] by one INSERT.
func (s *SQL) Create(ctx context.Context, a *Account) error {
	const insert = `INSERT INTO coatcheck_users
		(name, username, user_id, display_name, roles, preferences, password_hash, disabled, frozen_until, version, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (name) DO NOTHING`
	roles, preferences, err := encodeSQL(a)
	if err != nil {
		return err
	}
	return s.once(ctx, ErrExists, insert, a.Name, a.Username, a.UserID, a.DisplayName, roles, preferences,
		a.PasswordHash, a.Disabled, seconds(a.FrozenUntil), a.Version, a.Revision)
}

// Update implements [Store] by one UPDATE, conditional on the revision.
func (s *SQL) Update(ctx context.Context, a *Account, newRevision string) error {
	const update = `UPDATE coatcheck_users SET display_name = $1, roles = $2, preferences = $3, password_hash = $4,
		disabled = $5, frozen_until = $6, version = $7, revision = $8 WHERE name = $9 AND revision IN ($8, $10)`
	roles, preferences, err := encodeSQL(a)
	if err != nil {
		return err
	}
	return s.once(ctx, ErrChanged, update, a.DisplayName, roles, preferences, a.PasswordHash,
		a.Disabled, seconds(a.FrozenUntil), a.Version, newRevision, a.Name, a.Revision)
}

// Delete implements [Store] by one DELETE, conditional on the revision, and a look
// at what is left if it removed nothing.
func (s *SQL) Delete(ctx context.Context, a *Account) error {
	err := s.once(ctx, ErrChanged, `DELETE FROM coatcheck_users WHERE name = $1 AND revision = $2`, a.Name, a.Revision)
	if errors.Is(err, ErrChanged) {
		if _, err := s.Get(ctx, a.Name); errors.Is(err, ErrNotFound) {
			return nil
		}
	}
	return err
}

// once sends one statement, and returns none if it changed no row. It is sent once,
// on a connection of its own: a [sql.DB] might send it again and then meet its own
// first try.
func (s *SQL) once(ctx context.Context, none error, statement string, args ...any) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.failed(err)
	}
	defer conn.Close()
	result, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return s.failed(err)
	}
	if n, err := result.RowsAffected(); n > 0 || err != nil {
		return s.failed(err)
	}
	return none
}

func encodeSQL(a *Account) (roles, preferences string, err error) {
	r, err := json.Marshal(a.Roles)
	if err != nil {
		return "", "", err
	}
	p, err := json.Marshal(a.Preferences)
	return string(r), string(p), err
}

func (s *SQL) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table coatcheck_users: %w", err)
}

func (s *SQL) damaged(name, column string) error {
	return fmt.Errorf("table coatcheck_users, name %q: column %s is not the JSON it should be", name, column)
}
