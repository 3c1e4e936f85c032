package legacy_test

import (
	"database/sql"
	"errors"
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

const (
	springTable = `CREATE TABLE SPRING_SESSION (PRIMARY_ID CHAR(36) PRIMARY KEY, SESSION_ID CHAR(36) COLLATE NOCASE UNIQUE NOT NULL,
		CREATION_TIME BIGINT NOT NULL, LAST_ACCESS_TIME BIGINT NOT NULL, MAX_INACTIVE_INTERVAL INT NOT NULL,
		EXPIRY_TIME BIGINT NOT NULL, PRINCIPAL_NAME VARCHAR(100))`
	springAttributes = `CREATE TABLE SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID CHAR(36) NOT NULL, ATTRIBUTE_NAME VARCHAR(200) NOT NULL,
		ATTRIBUTE_BYTES BLOB NOT NULL)`
	springUsers = `CREATE TABLE users (id, username)`
)

// springDatabase returns a database with the row of the case and its attributes.
func springDatabase(t testing.TB, c *legacytest.Case) *sql.DB {
	t.Helper()
	var given struct{ Attributes map[string][]byte }
	c.Decode(t, &given)
	db := c.Database(t, "SPRING_SESSION", springTable, springAttributes, springUsers)
	for name, value := range given.Attributes {
		if _, err := db.Exec(`INSERT INTO SPRING_SESSION_ATTRIBUTES VALUES (?, ?, ?)`, c.Row["PRIMARY_ID"], name, value); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// TestSpringJDBC: the rows of spring-session-jdbc.
func TestSpringJDBC(t *testing.T) {
	legacytest.Run(t, "testdata/spring_jdbc.json", func(t testing.TB, c *legacytest.Case) legacy.Source {
		return made(t)(legacy.NewSpringJDBC(legacy.SpringJDBC{SQL: legacy.SQL{DB: springDatabase(t, c)}}))
	})
}

// TestSpringExamples: the values that Java has serialized in spring_session.json, as
// attributes of a row. Those of plain classes are data, and all others are not.
func TestSpringExamples(t *testing.T) {
	var given struct {
		Cases []struct {
			Cookie    string
			SessionID string            `json:"session_id"`
			Fields    map[string]string `json:"hash_fields_base64_java_serialized"`
			Expect    struct{ Principal string }
		}
	}
	legacytest.Config(t, "testdata/spring_session.json", &given)
	example := given.Cases[0]
	file := written(t, map[string]any{"cases": []any{map[string]any{
		"cookie": example.Cookie, "now": 1760000000, "attributes": example.Fields,
		"row": map[string]any{
			"SESSION_ID": example.SessionID, "PRIMARY_ID": "p", "CREATION_TIME": 1760000000000, "LAST_ACCESS_TIME": 1760000300000,
			"MAX_INACTIVE_INTERVAL": 1800, "EXPIRY_TIME": 1760002100000, "PRINCIPAL_NAME": example.Expect.Principal,
		},
		"expect": map[string]any{"ok": true, "user_id": example.Expect.Principal, "expires_at": 1760002100, "data": map[string]any{
			"sessionAttr:userId": "42", "creationTime": "1760000000000", "lastAccessedTime": "1760000300000", "maxInactiveInterval": "1800",
			"sessionAttr:SPRING_SECURITY_CONTEXT": nil,
		}},
	}}})
	legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
		return made(t)(legacy.NewSpringJDBC(legacy.SpringJDBC{SQL: legacy.SQL{DB: springDatabase(t, c)}}))
	})
}

// TestSpringUsers: the name of the principal becomes the user's ID by the application's own
// table, and only if that knows one such user.
func TestSpringUsers(t *testing.T) {
	c := legacytest.Cases(t, "testdata/spring_jdbc.json")[2]
	for name, test := range map[string]struct {
		users  [][2]any // ID, name
		userID string
		err    error
	}{
		"an integer":   {[][2]any{{7, "Ida"}, {8, "ida"}}, "7", nil},
		"a text":       {[][2]any{{"u-7", "Ida"}}, "u-7", nil},
		"nobody":       {[][2]any{{8, "ida"}}, "", legacy.ErrRejected},
		"two":          {[][2]any{{7, "Ida"}, {8, "Ida"}}, "", legacy.ErrRejected},
		"no ID":        {[][2]any{{nil, "Ida"}}, "", legacy.ErrRejected},
		"a number 7.5": {[][2]any{{7.5, "Ida"}}, "", legacy.ErrRejected},
	} {
		t.Run(name, func(t *testing.T) {
			db := springDatabase(t, c)
			for _, user := range test.users {
				if _, err := db.Exec(`INSERT INTO users VALUES (?, ?)`, user[0], user[1]); err != nil {
					t.Fatal(err)
				}
			}
			source := made(t)(legacy.NewSpringJDBC(legacy.SpringJDBC{
				SQL: legacy.SQL{DB: db}, Users: "SELECT id FROM users WHERE username = ?",
			}))
			claim, err := source.Open(t.Context(), c.Cookies, c.Now)
			if claim.UserID != test.userID || !errors.Is(err, test.err) {
				t.Errorf("the user is %q, %v; want %q, %v", claim.UserID, err, test.userID, test.err)
			}
			if _, err := db.Exec("DROP TABLE users"); err != nil {
				t.Fatal(err)
			}
			if _, err := source.Open(t.Context(), c.Cookies, c.Now); err == nil || errors.Is(err, legacy.ErrRejected) {
				t.Errorf("without the table of users: %v, want an outage", err)
			}
		})
	}
}
