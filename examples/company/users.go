package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"example.com/coatcheck/pkg/accounts"
)

// users is an [accounts.Store] in the company's table. A user's name is the e-mail address,
// and the user ID is the number of the row. The trigger in portal.sql gives a row another
// revision when another program has changed it.
type users struct{ db *sql.DB }

// Get implements [accounts.Store].
func (u users) Get(ctx context.Context, name string) (*accounts.Account, error) {
	return u.find(ctx, `email = $1`, name)
}

// FindID implements [accounts.Store]. Only one text is the ID of a row: 017 is not 17.
func (u users) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	id, err := strconv.ParseInt(userID, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != userID {
		return nil, accounts.ErrNotFound
	}
	return u.find(ctx, `id = $1`, id)
}

func (u users) find(ctx context.Context, condition string, key any) (*accounts.Account, error) {
	var a accounts.Account
	var tenant string
	var preferences []byte
	var frozen sql.NullTime
	err := u.db.QueryRowContext(ctx, `SELECT email, email, id::text, full_name, roles, tenant, preferences, password, NOT active,
			frozen_until, closed, imported_hash, version, credential_version, revision FROM users WHERE `+condition, key).
		Scan(&a.Name, &a.Username, &a.UserID, &a.DisplayName, pgtype.NewMap().SQLScanner(&a.Roles), &tenant, &preferences, &a.PasswordHash, &a.Disabled,
			&frozen, &a.Closed, &a.ImportedHash, &a.Version, &a.CredentialVersion, &a.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, accounts.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(preferences, &a.Preferences)
	}
	if err != nil {
		return nil, err
	}
	a.FrozenUntil, a.Attributes = frozen.Time.UTC(), map[string]string{valueTenant: tenant}
	return &a, nil
}

// Update implements [accounts.Store]. It writes only a row that is as it was read, or that
// this write has written already.
func (u users) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	preferences, err := json.Marshal(a.Preferences)
	if err != nil {
		return err
	}
	return u.write(ctx, accounts.ErrChanged, `UPDATE users SET full_name = $1, roles = coalesce($2::text[], '{}'), preferences = coalesce(nullif($3::jsonb, 'null'), '{}'),
			password = $4, active = NOT $5::boolean, frozen_until = $6, closed = $7, imported_hash = $8, version = $9, credential_version = $10, revision = $11
		WHERE email = $12 AND revision IN ($11, $13) AND id::text = $14`,
		a.DisplayName, a.Roles, string(preferences), a.PasswordHash, a.Disabled, sql.Null[time.Time]{V: a.FrozenUntil, Valid: !a.FrozenUntil.IsZero()},
		a.Closed, a.ImportedHash, a.Version, a.CredentialVersion, newRevision, a.Name, a.Revision, a.UserID)
}

// SetPreferences implements [accounts.Store].
func (u users) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	preferences, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	return u.write(ctx, accounts.ErrNotFound, `UPDATE users SET preferences = preferences || coalesce(nullif($1::jsonb, 'null'), '{}'), revision = $2
		WHERE email = $3 AND id::text = $4`, string(preferences), newRevision, name, userID)
}

// write sends the statement once, on a connection of its own: sql.DB would send it again
// after some errors. It returns unchanged if no row was changed.
func (u users) write(ctx context.Context, unchanged error, statement string, args ...any) error {
	conn, err := u.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	result, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return unchanged
}
