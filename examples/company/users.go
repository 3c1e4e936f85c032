package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"example.com/coatcheck/pkg/accounts"
)

// users is an [accounts.Store] in the company's table of users. A user's name is the
// e-mail address, and the user ID is the number of the row.
type users struct{ db *sql.DB }

const selectUser = `SELECT email, id::text, full_name, roles, preferences, password, NOT active, frozen_until, version, credential_version, revision FROM users `

func (u users) Get(ctx context.Context, name string) (*accounts.Account, error) {
	return u.find(ctx, selectUser+`WHERE email = $1`, name)
}

func (u users) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return u.find(ctx, selectUser+`WHERE id::text = $1`, userID)
}

func (u users) find(ctx context.Context, query, key string) (*accounts.Account, error) {
	a, preferences, frozen := new(accounts.Account), []byte(nil), sql.NullTime{}
	err := u.db.QueryRowContext(ctx, query, key).Scan(&a.Name, &a.UserID, &a.DisplayName, pgtype.NewMap().SQLScanner(&a.Roles), &preferences,
		&a.PasswordHash, &a.Disabled, &frozen, &a.Version, &a.CredentialVersion, &a.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, accounts.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(preferences, &a.Preferences)
	}
	if err != nil {
		return nil, err
	}
	a.Username, a.FrozenUntil = a.Name, frozen.Time.UTC()
	return a, nil
}

// Update writes only a row that is as it was read. The trigger in portal.sql gives a row
// that another program has changed another revision.
func (u users) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	preferences, err := json.Marshal(a.Preferences)
	if err != nil {
		return err
	}
	return u.write(ctx, accounts.ErrChanged, `UPDATE users SET full_name = $1, roles = coalesce($2::text[], '{}'), preferences = coalesce(nullif($3::jsonb, 'null'), '{}'), password = $4, active = NOT $5::boolean,
		frozen_until = $6, version = $7, credential_version = $8, revision = $9 WHERE email = $10 AND revision IN ($9, $11)`,
		a.DisplayName, a.Roles, string(preferences), a.PasswordHash, a.Disabled,
		sql.Null[time.Time]{V: a.FrozenUntil, Valid: !a.FrozenUntil.IsZero()}, a.Version, a.CredentialVersion, newRevision, a.Name, a.Revision)
}

func (u users) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	preferences, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	return u.write(ctx, accounts.ErrNotFound, `UPDATE users SET preferences = preferences || $1::jsonb, revision = $2 WHERE email = $3 AND id::text = $4`,
		string(preferences), newRevision, name, userID)
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
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return unchanged
	}
	return err
}
