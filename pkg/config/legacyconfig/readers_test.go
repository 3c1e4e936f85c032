package legacyconfig_test

import (
	"database/sql"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// tables are those of the frameworks as they make them in PostgreSQL: Spring's names are in
// small letters there, because its schema has no quotes.
var tables = map[string]string{
	"rails-session-id":       `CREATE TABLE sessions (id bigserial PRIMARY KEY, user_id bigint NOT NULL, created_at timestamp(6) NOT NULL)`,
	"rails-session-id, uuid": `CREATE TABLE sessions_uuid (id uuid PRIMARY KEY, user_id uuid NOT NULL, created_at timestamp(6) NOT NULL)`,
	"rails-activerecord": `CREATE TABLE rows (id bigserial PRIMARY KEY, session_id varchar(255) NOT NULL, data text,
		updated_at timestamp(6) NOT NULL)`,
	"laravel": `CREATE TABLE web_sessions (id varchar(255) PRIMARY KEY, user_id bigint, ip_address varchar(45), user_agent text,
		payload text NOT NULL, last_activity integer NOT NULL)`,
	"spring": `CREATE TABLE SPRING_SESSION (PRIMARY_ID CHAR(36) PRIMARY KEY, SESSION_ID CHAR(36) NOT NULL, CREATION_TIME BIGINT NOT NULL,
		LAST_ACCESS_TIME BIGINT NOT NULL, MAX_INACTIVE_INTERVAL INT NOT NULL, EXPIRY_TIME BIGINT NOT NULL, PRINCIPAL_NAME VARCHAR(100));
		CREATE TABLE SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID CHAR(36) NOT NULL REFERENCES SPRING_SESSION ON DELETE CASCADE,
		ATTRIBUTE_NAME VARCHAR(200) NOT NULL, ATTRIBUTE_BYTES BYTEA NOT NULL, PRIMARY KEY (SESSION_PRIMARY_ID, ATTRIBUTE_NAME));
		CREATE TABLE users (id uuid, username text);
		INSERT INTO users VALUES ('0f0e7a52-9d0e-4c55-8d0c-5a6f7a1b2c3d', 'Ida')`,
}

// TestReadersOnPostgreSQL reads a row of each kind with a table in PostgreSQL, ends it, and
// finds it gone. Django's is in TestSQL.
func TestReadersOnPostgreSQL(t *testing.T) {
	config, err := pgx.ParseConfig(postgrestest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	const uuid = "0f0e7a52-9d0e-4c55-8d0c-5a6f7a1b2c3d"
	for _, test := range []struct {
		name, file string
		number     int
		table      string
		row        map[string]any // in place of the case's
		entry      map[string]any
		userID     string
	}{
		{"rails-session-id", "rails_6.1_signed_session_id.json", 0, "sessions", nil, nil, "42"},
		{"rails-session-id, uuid", "rails_6.1_signed_session_id.json", 1, "sessions_uuid", map[string]any{"user_id": uuid}, nil, uuid},
		{"rails-activerecord", "rails_6.1_activerecord_store.json", 0, "rows", nil, map[string]any{"cookie": "_shop_session"}, "42"},
		{"laravel", "laravel_8.83_database.json", 0, "web_sessions", nil, map[string]any{"cookie": "shop_session", "unbound": true}, "7"},
		{"spring", "spring_jdbc.json", 2, "SPRING_SESSION", nil, map[string]any{"users": "SELECT id FROM users WHERE username = ?"}, uuid},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := db.Exec(tables[test.name]); err != nil {
				t.Fatal(err)
			}
			c, keys := readersCase(t, test.file, test.number)
			maps.Copy(c.Row, test.row)
			insertRow(t, db, test.table, c.Row)
			var spring struct{ Attributes map[string][]byte }
			c.Decode(t, &spring)
			for name, content := range spring.Attributes {
				if _, err := db.Exec("INSERT INTO SPRING_SESSION_ATTRIBUTES VALUES ($1, $2, $3)", c.Row["PRIMARY_ID"], name, content); err != nil {
					t.Fatal(err)
				}
			}
			kind, _, _ := strings.Cut(test.name, ",")
			entry := map[string]any{"kind": kind, "store": postgresURL(config), "table": test.table}
			if keys != nil && kind != "rails-activerecord" {
				entry["keys"] = keys
			}
			if kind == "rails-activerecord" {
				entry["passwords"] = "imported"
			}
			maps.Copy(entry, test.entry)
			source := parse(t, entry)
			cookies := maps.Clone(c.Cookies)
			if c.Cookie != "" {
				cookies = map[string]string{source.Cookies()[0]: c.Cookie}
			}
			claim, err := source.Open(t.Context(), cookies, c.Now)
			if err != nil || claim.UserID != test.userID {
				t.Fatalf("the user is %q, %v; want %q", claim.UserID, err, test.userID)
			}
			if want := c.Expect.SignedInAt; want != nil && *want != 0 && claim.SignedInAt.Unix() != *want {
				t.Errorf("signed in at %v, want %v", claim.SignedInAt, time.Unix(*want, 0))
			}
			if err := claim.End(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := source.Open(t.Context(), cookies, c.Now); !errors.Is(err, legacy.ErrRejected) {
				t.Errorf("after End: %v, want %v", err, legacy.ErrRejected)
			}
		})
	}
}

// readersCase returns a case of a vectors file of package legacy, and the application's keys.
func readersCase(t *testing.T, file string, number int) (c *legacytest.Case, keys []string) {
	t.Helper()
	file = filepath.Join("..", "..", "legacy", "testdata", file)
	var m struct {
		Config struct {
			Secret string `json:"secret_key_base"`
			AppKey string `json:"app_key"`
		}
	}
	legacytest.Config(t, file, &m)
	for _, key := range []string{m.Config.Secret, m.Config.AppKey} {
		if key != "" {
			keys = append(keys, key)
		}
	}
	return legacytest.Cases(t, file)[number], keys
}

// insertRow inserts a row with PostgreSQL's own conversion of texts.
func insertRow(t *testing.T, db *sql.DB, table string, row map[string]any) {
	t.Helper()
	columns := slices.Sorted(maps.Keys(row))
	var values []string
	for _, column := range columns {
		text := "NULL"
		switch v := row[column].(type) {
		case string:
			text = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case float64:
			text = strconv.FormatInt(int64(v), 10)
		}
		values = append(values, text)
	}
	statement := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
