package sqlaccounts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/stores/sqldb"
)

// oldTables is the SQL with which programs made the tables before these had versions.
const oldTables = `CREATE TABLE IF NOT EXISTS coatcheck_users (
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
CREATE TABLE IF NOT EXISTS coatcheck_attempts (
	key        TEXT    PRIMARY KEY,
	failures   BIGINT  NOT NULL,
	last_at    BIGINT  NOT NULL, -- epoch milliseconds
	expires_at BIGINT  NOT NULL  -- epoch seconds; 0: kept until it is cleared
);
CREATE INDEX IF NOT EXISTS coatcheck_attempts_expires_at ON coatcheck_attempts (expires_at);
INSERT INTO coatcheck_users VALUES ('alice', 'Alice', 'u1', 'Alice A.', '["admin"]', '{"theme":"dark"}', 'hash', true, 1800000000, 7, 'r1');
INSERT INTO coatcheck_attempts VALUES ('n/alice', 3, 1700000000123, 0);
`

// old opens a database with the tables and rows of an older program.
func (s server) old(t *testing.T, dsn string) *sqldb.Database {
	t.Helper()
	db := s.open(t, dsn)
	if _, err := db.Exec(oldTables); err != nil {
		t.Fatal(err)
	}
	return db
}

// wantOldRows reports an error unless the rows of oldTables are there and can be used.
func wantOldRows(t *testing.T, db *sqldb.Database) {
	t.Helper()
	users, attempts := New(db), NewAttempts(db)
	alice, err := users.Get(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", *alice), "{Name:alice Username:Alice UserID:u1 DisplayName:Alice A. Roles:[admin] Preferences:map[theme:dark] Attributes:map[] "+
		"PasswordHash:hash Disabled:true FrozenUntil:2027-01-15 08:00:00 +0000 UTC Origin: ImportedHash: Closed:false CreatedAt:0001-01-01 00:00:00 +0000 UTC LastUsedAt:0001-01-01 00:00:00 +0000 UTC RenamedTo: RenamedFrom: Version:7 CredentialVersion:0 Revision:r1}"; got != want {
		t.Errorf("the user is now\n     %s\nwant %s", got, want)
	}
	if err := users.Update(t.Context(), alice, "r2"); err != nil {
		t.Error(err)
	}
	var row string
	const query = `SELECT failures || ' ' || last_at || ' ' || expires_at || ' ' || attempt || ' ' || previous_at FROM coatcheck_attempts WHERE key = 'n/alice'`
	if err := db.QueryRow(query).Scan(&row); err != nil || row != "3 1700000000123 0  0" {
		t.Errorf("the counter is now %q, %v", row, err)
	}
	if err := attempts.Clear(t.Context(), "n/alice"); err != nil {
		t.Error(err)
	}
}

// versions returns the numbers of the migrations that were applied.
func versions(t *testing.T, db *sqldb.Database) (all []int) {
	t.Helper()
	rows, err := db.Query(`SELECT version FROM coatcheck_accounts_schema ORDER BY version`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var version int
		if err := rows.Scan(&version); err != nil {
			t.Fatal(err)
		}
		all = append(all, version)
	}
	return all
}

// TestMigrateOldTables: the tables of a program before the versions become those of
// today, and keep their rows. A second time nothing happens.
func TestMigrateOldTables(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			db := server.old(t, server.dsn(t))
			for range 2 {
				if err := errors.Join(Migrate(t.Context(), db), Check(t.Context(), db)); err != nil {
					t.Fatal(err)
				}
			}
			if got := versions(t, db); !slices.Equal(got, []int{-5, 1, 2, 3, 4}) {
				t.Errorf("applied %v", got)
			}
			wantOldRows(t, db)
			wantSameKeys(t, db, server)
		})
	}
}

// TestSchemaByHand: the SQL that is printed does the same, on an empty database and on
// old tables.
func TestSchemaByHand(t *testing.T) {
	for name, server := range servers {
		for from, before := range map[string]string{"nothing": "", "old tables": oldTables} {
			t.Run(name+" from "+from, func(t *testing.T) {
				db := server.open(t, server.dsn(t))
				if _, err := db.Exec(before + "BEGIN;" + Schema(string(server.dialect)) + "COMMIT"); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(Check(t.Context(), db), Migrate(t.Context(), db)); err != nil {
					t.Error(err)
				}
				if before != "" {
					wantOldRows(t, db)
				}
				wantSameKeys(t, db, server)
			})
		}
	}
}

// wantSameKeys reports an error unless PostgreSQL compares the keys byte by byte, as it
// does those of sessions.
func wantSameKeys(t *testing.T, db *sqldb.Database, s server) {
	t.Helper()
	if s.dialect != postgreSQL.dialect {
		return // SQLite always does
	}
	var keys string
	const query = `SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name)
		FROM information_schema.columns WHERE table_schema = current_schema AND collation_name = 'C'`
	if err := db.QueryRow(query).Scan(&keys); err != nil || keys != "coatcheck_attempts.key coatcheck_users.name" {
		t.Errorf(`with COLLATE "C": %q, %v`, keys, err)
	}
}

// TestMigrateAtOnce: of many programs that migrate old tables at once, each succeeds.
func TestMigrateAtOnce(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			dsn := server.dsn(t)
			db := server.old(t, dsn)
			start := make(chan struct{})
			var programs sync.WaitGroup
			for range 8 {
				program := server.open(t, dsn)
				programs.Go(func() {
					<-start
					if err := errors.Join(Migrate(t.Context(), program), Check(t.Context(), program)); err != nil {
						t.Error(err)
					}
				})
			}
			close(start)
			programs.Wait()
			if got := versions(t, db); !slices.Equal(got, []int{-5, 1, 2, 3, 4}) {
				t.Errorf("applied %v", got)
			}
			wantOldRows(t, db)
		})
	}
}

// TestOldProgramGoesOn: a program that started before the migration can still add users
// and count attempts after it, by the statements that it had.
func TestOldProgramGoesOn(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			db := server.migrated(t)
			for _, statement := range []string{
				`INSERT INTO coatcheck_users (name, username, user_id, display_name, roles, preferences, password_hash, disabled, frozen_until, version, revision)
					VALUES ('bob', 'Bob', 'u2', 'Bob', '[]', '{}', 'hash', false, 0, 1, 'r') ON CONFLICT (name) DO NOTHING`,
				`INSERT INTO coatcheck_attempts AS t (key, failures, last_at, expires_at) VALUES ('k', 1, 2, 3)
					ON CONFLICT (key) DO UPDATE SET failures = t.failures + 1, last_at = 2, expires_at = 3`,
			} {
				if _, err := db.Exec(statement); err != nil {
					t.Error(err)
				}
			}
			if bob, err := New(db).Get(t.Context(), "bob"); err != nil || bob.CredentialVersion != 0 {
				t.Errorf("%+v, %v", bob, err)
			}
		})
	}
}

// TestCheck: a program says so when the tables are not those of its release.
func TestCheck(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			dsn := server.dsn(t)
			db := server.open(t, dsn)
			check := func(what string, want error, version string) {
				t.Helper()
				err := Check(t.Context(), db)
				if !errors.Is(err, want) || (want != nil && !strings.Contains(err.Error(), version)) {
					t.Errorf("%s: %v, want %v with %q", what, err, want, version)
				}
			}
			check("no tables", sqldb.ErrOlder, "version 0, and this program needs 5")
			server.old(t, dsn)
			check("tables without versions", sqldb.ErrOlder, "version 0, and this program needs 5")
			if err := Migrate(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			check("the tables of this release", nil, "")
			if _, err := db.Exec(`INSERT INTO coatcheck_accounts_schema (version) VALUES (-6)`); err != nil {
				t.Fatal(err)
			}
			check("newer tables with which this release goes on", nil, "")
			if _, err := db.Exec(`INSERT INTO coatcheck_accounts_schema (version) VALUES (7)`); err != nil {
				t.Fatal(err)
			}
			check("newer tables", sqldb.ErrNewer, "version 7, and this program knows 5")
			if err := Migrate(t.Context(), db); err != nil {
				t.Errorf("Migrate on newer tables: %v", err)
			}
			wantOldRows(t, db)
		})
	}
}

// TestMigrateFails: a migration that fails changes nothing. Its error names the file.
func TestMigrateFails(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			db := server.old(t, server.dsn(t))
			if _, err := db.Exec(`ALTER TABLE coatcheck_attempts ADD COLUMN previous_at BIGINT`); err != nil {
				t.Fatal(err)
			}
			if err := Migrate(t.Context(), db); err == nil || !strings.Contains(err.Error(), "0002_credentials.sql: ") {
				t.Errorf("%v; want the file in it", err)
			}
			if _, err := db.Exec(`ALTER TABLE coatcheck_attempts DROP COLUMN previous_at`); err != nil {
				t.Fatal(err)
			}
			if err := Migrate(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			wantOldRows(t, db)
		})
	}
}
