package accountstest_test

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// newApplication returns an application with its table of users, and our store on it.
func newApplication(tb testing.TB) (*sql.DB, accountstest.Users) {
	tb.Helper()
	dsn := postgrestest.DSN(tb)
	db, second := open(tb, dsn), open(tb, dsn)
	if _, err := db.Exec(foreignSchema); err != nil {
		tb.Fatal(err)
	}
	exec := func(statement string) func(userID string) error {
		return func(userID string) error {
			_, err := db.Exec(statement, userID)
			return err
		}
	}
	return db, accountstest.Users{
		Store:  foreign{db},
		Second: foreign{second},
		Add: func(name, hash string) (userID string, err error) {
			err = db.QueryRowContext(context.Background(), `INSERT INTO users (email, password, is_active) VALUES ($1, $2, true) RETURNING id::text`, name, hash).Scan(&userID)
			return userID, err
		},
		SetPassword: func(userID, hash string) error {
			_, err := db.Exec(`UPDATE users SET password = $2 WHERE id::text = $1`, userID, hash)
			return err
		},
		SetDisplayName: func(userID, name string) error {
			_, err := db.Exec(`UPDATE users SET name = $2 WHERE id::text = $1`, userID, name)
			return err
		},
		Disable: exec(`UPDATE users SET is_active = false WHERE id::text = $1`),
		Remove:  exec(`DELETE FROM users WHERE id::text = $1`),
	}
}

func open(tb testing.TB, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

// TestForeign: the suite passes a store of a hundred lines on somebody else's table.
func TestForeign(t *testing.T) {
	accountstest.Run(t, func(t *testing.T) accountstest.Users {
		_, users := newApplication(t)
		return users
	})
}
