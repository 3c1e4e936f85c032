// Package sqlaccounts keeps accounts, and the attempts to sign in to them, in two
// tables of PostgreSQL or SQLite.
//
// This package may still change in ways that break programs.
package sqlaccounts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/pkg/accounts"
)

// Schema creates the table of a [Store], in PostgreSQL and in SQLite. It does nothing
// if the table exists.
const Schema = `CREATE TABLE IF NOT EXISTS coatcheck_users (
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

// Store is an [accounts.Store] in the table coatcheck_users of PostgreSQL or SQLite.
type Store struct{ db *sql.DB }

// New returns a store on db. It makes no call.
func New(db *sql.DB) *Store { return &Store{db} }

// CreateTable creates the table if it does not exist.
func (s *Store) CreateTable(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, Schema)
	return s.wrapError(err)
}

// Get implements [accounts.Store] by one SELECT.
func (s *Store) Get(ctx context.Context, name string) (*accounts.Account, error) {
	const query = `SELECT username, user_id, display_name, roles, preferences, password_hash, disabled, frozen_until, version, revision
		FROM coatcheck_users WHERE name = $1`
	a := &accounts.Account{Name: name}
	var roles, preferences []byte
	var frozen int64
	err := s.db.QueryRowContext(ctx, query, name).Scan(&a.Username, &a.UserID, &a.DisplayName, &roles, &preferences,
		&a.PasswordHash, &a.Disabled, &frozen, &a.Version, &a.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, accounts.ErrNotFound
	}
	if err != nil {
		return nil, s.wrapError(err)
	}
	if err := json.Unmarshal(roles, &a.Roles); err != nil {
		return nil, s.damaged(name, "roles")
	}
	if err := json.Unmarshal(preferences, &a.Preferences); err != nil {
		return nil, s.damaged(name, "preferences")
	}
	a.FrozenUntil = epoch.Time(frozen)
	return a, nil
}

// Create implements [accounts.Store] by one INSERT.
func (s *Store) Create(ctx context.Context, a *accounts.Account) error {
	const insert = `INSERT INTO coatcheck_users
		(name, username, user_id, display_name, roles, preferences, password_hash, disabled, frozen_until, version, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (name) DO NOTHING`
	roles, preferences, err := encode(a)
	if err != nil {
		return err
	}
	return s.write(ctx, accounts.ErrExists, insert, a.Name, a.Username, a.UserID, a.DisplayName, roles, preferences,
		a.PasswordHash, a.Disabled, epoch.Seconds(a.FrozenUntil), a.Version, a.Revision)
}

// Update implements [accounts.Store] by one UPDATE, on the condition that the
// revision is the same.
func (s *Store) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	const update = `UPDATE coatcheck_users SET display_name = $1, roles = $2, preferences = $3, password_hash = $4,
		disabled = $5, frozen_until = $6, version = $7, revision = $8 WHERE name = $9 AND revision IN ($8, $10)`
	roles, preferences, err := encode(a)
	if err != nil {
		return err
	}
	return s.write(ctx, accounts.ErrChanged, update, a.DisplayName, roles, preferences, a.PasswordHash,
		a.Disabled, epoch.Seconds(a.FrozenUntil), a.Version, newRevision, a.Name, a.Revision)
}

// Delete implements [accounts.Store] by one DELETE, on the condition that the
// revision is the same. If it removes no row, it reads the account to see why.
func (s *Store) Delete(ctx context.Context, a *accounts.Account) error {
	err := s.write(ctx, accounts.ErrChanged, `DELETE FROM coatcheck_users WHERE name = $1 AND revision = $2`, a.Name, a.Revision)
	if errors.Is(err, accounts.ErrChanged) {
		if _, err := s.Get(ctx, a.Name); errors.Is(err, accounts.ErrNotFound) {
			return nil
		}
	}
	return err
}

// write sends one statement only once. It returns errUnchanged if the statement
// changed no row.
func (s *Store) write(ctx context.Context, errUnchanged error, statement string, args ...any) error {
	changed, err := execOnce(ctx, s.db, statement, args...)
	if err == nil && changed == 0 {
		return errUnchanged
	}
	return s.wrapError(err)
}

// execOnce sends one statement on a connection of its own, and returns how many rows
// it changed. A [sql.DB] might send the statement again after the answer was lost.
// The second try would then find the change of the first.
func execOnce(ctx context.Context, db *sql.DB, statement string, args ...any) (changed int64, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	result, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func encode(a *accounts.Account) (roles, preferences string, err error) {
	r, err := json.Marshal(a.Roles)
	if err != nil {
		return "", "", err
	}
	p, err := json.Marshal(a.Preferences)
	return string(r), string(p), err
}

func (s *Store) wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table coatcheck_users: %w", err)
}

func (s *Store) damaged(name, column string) error {
	return fmt.Errorf("table coatcheck_users, name %q: column %s is not the JSON it should be", name, column)
}
