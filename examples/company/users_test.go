package main

import (
	"errors"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/password"
)

// TestUsers: the company's table keeps what Coatcheck's guarantees need of it.
func TestUsers(t *testing.T) {
	accountstest.Run(t, func(t *testing.T) accountstest.Users {
		address := newDatabase(t)
		db := open(address)
		t.Cleanup(func() { db.Close() })
		exec := func(statement string, args ...any) error {
			_, err := db.ExecContext(t.Context(), statement, args...)
			return err
		}
		second := open(address)
		t.Cleanup(func() { second.Close() })
		return accountstest.Users{
			Store:  users{db},
			Second: users{second},
			Hasher: password.Hasher{BcryptCost: 10}, // as in main.go
			Add: func(name, hash string) (userID string, err error) {
				err = db.QueryRowContext(t.Context(), `INSERT INTO users (email, full_name, password, tenant) VALUES ($1, 'Nobody', $2, '') RETURNING id::text`,
					strings.ToLower(name), hash).Scan(&userID)
				return userID, err
			},
			SetPassword: func(userID, hash string) error {
				return exec(`UPDATE users SET password = $2 WHERE id::text = $1`, userID, hash)
			},
			SetDisplayName: func(userID, name string) error {
				return exec(`UPDATE users SET full_name = $2 WHERE id::text = $1`, userID, name)
			},
			SetRoles: func(userID string, roles []string) error {
				return exec(`UPDATE users SET roles = coalesce($2::text[], '{}') WHERE id::text = $1`, userID, roles)
			},
			Disable: func(userID string) error { return exec(`UPDATE users SET active = false WHERE id::text = $1`, userID) },
			Remove:  func(userID string) error { return exec(`DELETE FROM users WHERE id::text = $1`, userID) },
		}
	})
}

// TestAnotherProgram: what a program writes that knows nothing of the portal is not
// overwritten by what the portal has read before. Who is signing in at that moment is asked
// again if it matters for that.
func TestAnotherProgram(t *testing.T) {
	for what, tt := range map[string]struct {
		statement           string
		version, credential int64
	}{
		"another password": {`UPDATE users SET password = '!' WHERE id = 1`, 2, 2},
		"not active":       {`UPDATE users SET active = false WHERE id = 1`, 2, 2},
		"active again":     {`UPDATE users SET active = true WHERE id = 3`, 2, 1},
		"other roles":      {`UPDATE users SET roles = '{}' WHERE id = 1`, 2, 1},
		"another tenant":   {`UPDATE users SET tenant = 'Lantern Books' WHERE id = 1`, 2, 1},
		"another name":     {`UPDATE users SET full_name = 'Ada Fell' WHERE id = 1`, 1, 1},
	} {
		address := newDatabase(t)
		store := users{open(address)}
		defer store.db.Close()
		before, err := store.FindID(t.Context(), tt.statement[len(tt.statement)-1:])
		if err != nil {
			t.Fatal(err)
		}
		execute(t, address, tt.statement)
		after, err := store.Get(t.Context(), before.Name)
		if err != nil {
			t.Fatal(err)
		}
		if after.Version != tt.version || after.CredentialVersion != tt.credential {
			t.Errorf("%s: versions %d and %d, want %d and %d", what, after.Version, after.CredentialVersion, tt.version, tt.credential)
		}
		if err := store.Update(t.Context(), before, "late"); !errors.Is(err, accounts.ErrChanged) {
			t.Errorf("%s: an update from before is %v, want ErrChanged", what, err)
		}
		if err := store.Update(t.Context(), after, "next"); err != nil {
			t.Errorf("%s: an update from after: %v", what, err)
		}
	}
}
