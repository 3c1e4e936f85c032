package sqlaccounts

import (
	"context"
	"database/sql"
	"errors"

	"example.com/coatcheck/pkg/accounts"
)

// Claim implements [accounts.Registry] by one INSERT. A row of a claim has empty text in the
// other columns, and is disabled: an older program that reads it finds a user who cannot
// sign in.
func (s *Store) Claim(ctx context.Context, key, holder string) error {
	const insert = `INSERT INTO coatcheck_users AS t (` + columns + `, claimed_by)
		VALUES ($1, '', '', '', '[]', '{}', '', TRUE, 0, 0, 0, '', '', '', FALSE, 0, 0, '', '', $2)
		ON CONFLICT (name) DO UPDATE SET claimed_by = $2 WHERE t.claimed_by = $2`
	return s.write(ctx, accounts.ErrExists, insert, key, holder)
}

// FindID implements [accounts.Store] by [accounts.FindByClaim].
func (s *Store) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return accounts.FindByClaim(ctx, s, userID)
}

// Holder implements [accounts.Registry] by one SELECT.
func (s *Store) Holder(ctx context.Context, key string) (holder string, err error) {
	const query = `SELECT coalesce(claimed_by, name) FROM coatcheck_users WHERE name = $1`
	err = s.db.QueryRowContext(ctx, query, key).Scan(&holder)
	if errors.Is(err, sql.ErrNoRows) {
		return "", accounts.ErrNotFound
	}
	return holder, wrapError(err)
}

// PassClaim implements [accounts.Registry] by one UPDATE, or by one DELETE if it removes the
// claim. If that changes no row, it reads the holder to see why.
func (s *Store) PassClaim(ctx context.Context, key, from, to string) error {
	statement, args := `UPDATE coatcheck_users SET claimed_by = $3 WHERE name = $1 AND claimed_by = $2`, []any{key, from, to}
	if to == "" {
		statement, args = `DELETE FROM coatcheck_users WHERE name = $1 AND claimed_by = $2`, args[:2]
	}
	err := s.write(ctx, accounts.ErrChanged, statement, args...)
	if !errors.Is(err, accounts.ErrChanged) {
		return err
	}
	holder, err := s.Holder(ctx, key)
	switch {
	case errors.Is(err, accounts.ErrNotFound) && to == "":
		return nil
	case errors.Is(err, accounts.ErrNotFound):
		return accounts.ErrChanged
	case err != nil:
		return err
	case holder == to && holder != key:
		return nil
	}
	return accounts.ErrChanged
}
