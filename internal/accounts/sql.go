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
	version       BIGINT  NOT NULL,
	disabled      BOOLEAN NOT NULL
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
	const query = `SELECT username, user_id, display_name, roles, preferences, password_hash, version, disabled
		FROM coatcheck_users WHERE name = $1`
	a := &Account{Name: name}
	var roles, preferences []byte
	err := s.db.QueryRowContext(ctx, query, name).Scan(
		&a.Username, &a.UserID, &a.DisplayName, &roles, &preferences, &a.PasswordHash, &a.Version, &a.Disabled)
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
	return a, nil
}

// Create implements [Store] by one INSERT. It is sent once, on a connection of its
// own: a [sql.DB] might send it again and then meet its own first try.
func (s *SQL) Create(ctx context.Context, a *Account) error {
	const insert = `INSERT INTO coatcheck_users
		(name, username, user_id, display_name, roles, preferences, password_hash, version, disabled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING`
	roles, err := json.Marshal(a.Roles)
	if err != nil {
		return err
	}
	preferences, err := json.Marshal(a.Preferences)
	if err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.failed(err)
	}
	defer conn.Close()
	result, err := conn.ExecContext(ctx, insert, a.Name, a.Username, a.UserID, a.DisplayName,
		string(roles), string(preferences), a.PasswordHash, a.Version, a.Disabled)
	if err != nil {
		return s.failed(err)
	}
	if n, err := result.RowsAffected(); n > 0 || err != nil {
		return s.failed(err)
	}
	return ErrExists
}

// Rehash implements [Store] by one UPDATE, conditional on the old hash. If the
// driver sends it again, the account has the new hash from the first try.
func (s *SQL) Rehash(ctx context.Context, name, oldHash, newHash string) error {
	const update = `UPDATE coatcheck_users SET password_hash = $1 WHERE name = $2 AND password_hash IN ($1, $3)`
	result, err := s.db.ExecContext(ctx, update, newHash, name, oldHash)
	if err != nil {
		return s.failed(err)
	}
	if n, err := result.RowsAffected(); n == 1 || err != nil {
		return s.failed(err)
	}
	return ErrChanged
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
