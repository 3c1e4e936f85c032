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
	"iter"
	"maps"
	"time"

	"example.com/coatcheck/internal/stores/epoch"
	"example.com/coatcheck/internal/stores/sqldb"
	"example.com/coatcheck/pkg/accounts"
)

// Store is an [accounts.Registry] in the table coatcheck_users of PostgreSQL or SQLite.
type Store struct{ db *sqldb.Database }

// New returns a store in the database of a sqlstore.Store:
//
//	users := sqlaccounts.New(sessions.Database())
//
// It makes no call. [Migrate] makes the table.
func New(db *sqldb.Database) *Store { return &Store{db} }

// columns are all columns of the table, in the order in which scanAccount reads them.
const columns = `name, username, user_id, display_name, roles, preferences, password_hash, disabled, frozen_until,
	version, credential_version, revision, origin, imported_hash, closed, created_at, last_used_at, renamed_to, renamed_from`

// isAccount is the condition for a row that is an account, and not a claim.
const isAccount = `claimed_by IS NULL`

// Get implements [accounts.Store] by one SELECT.
func (s *Store) Get(ctx context.Context, name string) (*accounts.Account, error) {
	a, err := scanAccount(s.db.QueryRowContext(ctx, `SELECT `+columns+` FROM coatcheck_users WHERE name = $1 AND `+isAccount, name))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, accounts.ErrNotFound
	}
	if err != nil {
		return nil, wrapError(err)
	}
	return a, nil
}

// pageSize is how many accounts All reads by one SELECT.
const pageSize = 100

// All returns every account, in the order of the names. For a damaged row it returns an
// error in place of the account, and goes on with the next one. If the table cannot be
// read, it returns an error and stops. It reads page after page, and keeps no connection
// while the caller uses the accounts of a page. It is for operators' commands.
func (s *Store) All(ctx context.Context) iter.Seq2[*accounts.Account, error] {
	return func(yield func(*accounts.Account, error) bool) {
		last := "" // no account has this name
		for {
			page, err := s.page(ctx, last)
			for _, r := range page {
				last = r.account.Name
				if r.err != nil {
					r.account = nil
				}
				if !yield(r.account, wrapError(r.err)) {
					return
				}
			}
			if err != nil {
				yield(nil, wrapError(err))
				return
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// row is one row of the table. If it is damaged, the account has only its name.
type row struct {
	account *accounts.Account
	err     error
}

// page reads the next accounts after the one with that name.
func (s *Store) page(ctx context.Context, after string) (page []row, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+columns+` FROM coatcheck_users WHERE name > $1 AND `+isAccount+` ORDER BY name LIMIT $2`, after, pageSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		a, err := scanAccount(rows)
		if a.Name == "" {
			return page, err
		}
		page = append(page, row{a, err})
	}
	return page, rows.Err()
}

// scanAccount reads a row. If it is damaged, the error names the row and the column,
// never a value, and the account has only its name.
func scanAccount(row interface{ Scan(...any) error }) (*accounts.Account, error) {
	a := new(accounts.Account)
	var roles, preferences []byte
	var frozen, created, used int64
	if err := row.Scan(&a.Name, &a.Username, &a.UserID, &a.DisplayName, &roles, &preferences,
		&a.PasswordHash, &a.Disabled, &frozen, &a.Version, &a.CredentialVersion, &a.Revision,
		&a.Origin, &a.ImportedHash, &a.Closed, &created, &used, &a.RenamedTo, &a.RenamedFrom); err != nil {
		return &accounts.Account{Name: a.Name}, err // it names the column, and a value only if it is to be a number
	}
	if err := json.Unmarshal(roles, &a.Roles); err != nil {
		return &accounts.Account{Name: a.Name}, damaged(a.Name, "roles")
	}
	if err := json.Unmarshal(preferences, &a.Preferences); err != nil {
		return &accounts.Account{Name: a.Name}, damaged(a.Name, "preferences")
	}
	a.FrozenUntil, a.CreatedAt, a.LastUsedAt = epoch.Time(frozen), epoch.Time(created), epoch.Time(used)
	return a, nil
}

// Create implements [accounts.Registry] by one INSERT.
func (s *Store) Create(ctx context.Context, a *accounts.Account) error {
	const insert = `INSERT INTO coatcheck_users (` + columns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) ON CONFLICT (name) DO NOTHING`
	roles, preferences, err := encode(a)
	if err != nil {
		return err
	}
	return s.write(ctx, accounts.ErrExists, insert, a.Name, a.Username, a.UserID, a.DisplayName, roles, preferences,
		a.PasswordHash, a.Disabled, epoch.Seconds(a.FrozenUntil), a.Version, a.CredentialVersion, a.Revision,
		a.Origin, a.ImportedHash, a.Closed, epoch.Seconds(a.CreatedAt), epoch.Seconds(a.LastUsedAt), a.RenamedTo, a.RenamedFrom)
}

// Update implements [accounts.Store] by one UPDATE, on the condition that the
// revision is the same.
func (s *Store) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	const update = `UPDATE coatcheck_users SET display_name = $1, roles = $2, preferences = $3, password_hash = $4,
		disabled = $5, frozen_until = $6, version = $7, credential_version = $8, revision = $9,
		origin = $10, imported_hash = $11, closed = $12, username = $13, renamed_to = $14, renamed_from = $15
		WHERE name = $16 AND revision IN ($9, $17) AND ` + isAccount
	roles, preferences, err := encode(a)
	if err != nil {
		return err
	}
	return s.write(ctx, accounts.ErrChanged, update, a.DisplayName, roles, preferences, a.PasswordHash,
		a.Disabled, epoch.Seconds(a.FrozenUntil), a.Version, a.CredentialVersion, newRevision,
		a.Origin, a.ImportedHash, a.Closed, a.Username, a.RenamedTo, a.RenamedFrom, a.Name, a.Revision)
}

// SetLastUsed implements [accounts.UseStore] by one UPDATE.
func (s *Store) SetLastUsed(ctx context.Context, name, userID string, at time.Time) error {
	const update = `UPDATE coatcheck_users SET last_used_at = CASE WHEN last_used_at < $1 THEN $1 ELSE last_used_at END
		WHERE name = $2 AND user_id = $3 AND ` + isAccount
	return s.write(ctx, accounts.ErrNotFound, update, epoch.Seconds(at), name, userID)
}

// SetPreferences implements [accounts.Store] by one transaction of two UPDATEs and one
// SELECT. The first UPDATE also locks the row, so that two calls at once come one after
// the other.
func (s *Store) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	err := s.db.Write(ctx, func(conn *sql.Conn) error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		if err := setPreferences(ctx, tx, name, userID, settings, newRevision); err != nil {
			return err
		}
		return tx.Commit()
	})
	if errors.Is(err, accounts.ErrNotFound) {
		return err
	}
	return wrapError(err)
}

func setPreferences(ctx context.Context, tx *sql.Tx, name, userID string, settings map[string]string, newRevision string) error {
	result, err := tx.ExecContext(ctx, `UPDATE coatcheck_users SET revision = $1 WHERE name = $2 AND user_id = $3 AND `+isAccount, newRevision, name, userID)
	if err != nil {
		return err
	}
	if changed, err := result.RowsAffected(); err != nil {
		return err
	} else if changed == 0 {
		return accounts.ErrNotFound
	}
	var stored []byte
	if err := tx.QueryRowContext(ctx, `SELECT preferences FROM coatcheck_users WHERE name = $1`, name).Scan(&stored); err != nil {
		return err
	}
	preferences := map[string]string{}
	if err := json.Unmarshal(stored, &preferences); err != nil {
		return damaged(name, "preferences")
	}
	if preferences == nil { // stored as null
		preferences = map[string]string{}
	}
	maps.Copy(preferences, settings)
	encoded, err := json.Marshal(preferences)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE coatcheck_users SET preferences = $1 WHERE name = $2`, string(encoded), name)
	return err
}

// Delete implements [accounts.Registry] by one DELETE, on the condition that the
// revision is the same. If it removes no row, it reads the account to see why.
func (s *Store) Delete(ctx context.Context, a *accounts.Account) error {
	err := s.write(ctx, accounts.ErrChanged, `DELETE FROM coatcheck_users WHERE name = $1 AND revision = $2 AND `+isAccount, a.Name, a.Revision)
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
	return wrapError(err)
}

// execOnce sends one statement only once, and returns how many rows it changed.
func execOnce(ctx context.Context, db *sqldb.Database, statement string, args ...any) (changed int64, err error) {
	err = db.Write(ctx, func(conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, statement, args...)
		if err == nil {
			changed, err = result.RowsAffected()
		}
		return err
	})
	return changed, err
}

func encode(a *accounts.Account) (roles, preferences string, err error) {
	r, err := json.Marshal(a.Roles)
	if err != nil {
		return "", "", err
	}
	p, err := json.Marshal(a.Preferences)
	return string(r), string(p), err
}

func wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("table coatcheck_users: %w", err)
}

func damaged(name, column string) error {
	return fmt.Errorf("name %q: column %s is not the JSON it should be", name, column)
}
