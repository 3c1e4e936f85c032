package legacyconfig_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/internal/testing/testmain"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config/legacyconfig"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

func TestMain(m *testing.M) { testmain.Main(m, postgrestest.Main, redistest.Main) }

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// parse makes the one source of an entry.
func parse(t *testing.T, entry map[string]any) bridge.Source {
	t.Helper()
	text, err := json.Marshal([]any{entry})
	if err != nil {
		t.Fatal(err)
	}
	sources, err := legacyconfig.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return sources[0]
}

// firstCase returns the first case of a vectors file of package legacy, and its key.
func firstCase(t *testing.T, file string) (c *legacytest.Case, key string) {
	t.Helper()
	file = filepath.Join("..", "..", "legacy", "testdata", file)
	var m struct {
		Config struct {
			SecretKey string `json:"secret_key"`
		}
		SecretKey string `json:"secret_key"`
	}
	legacytest.Config(t, file, &m)
	c = legacytest.Cases(t, file)[0]
	c.Decode(t, &m)
	if m.SecretKey == "" {
		m.SecretKey = m.Config.SecretKey
	}
	return c, m.SecretKey
}

// TestSQL reads Django's table, and a user's password, in the databases that this machine has.
func TestSQL(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := postgrestest.DSN(t)
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		db := stdlib.OpenDB(*config)
		defer db.Close()
		testSQL(t, db, postgresURL(config), "$1, $2, $3")
	})
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "a shop%20.db")
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file}).String())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		testSQL(t, db, "sqlite:"+file, "?, ?, ?")
	})
}

// postgresURL writes a configuration as an address.
func postgresURL(c *pgx.ConnConfig) string {
	query := url.Values{"host": {c.Host}}
	for name, value := range c.RuntimeParams {
		query.Set(name, value)
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Path: "/" + c.Database, RawQuery: query.Encode()}
	return u.String()
}

func testSQL(t *testing.T, db *sql.DB, address, marks string) {
	c, key := firstCase(t, "django_db_more.json")
	for _, statement := range []string{
		`CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamp NOT NULL)`,
		`CREATE TABLE auth_user (id integer PRIMARY KEY, password varchar(128))`,
		`INSERT INTO auth_user VALUES (7, '` + c.PasswordColumn + `'), (8, NULL)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	expires, err := time.Parse(time.RFC3339, c.Row["expire_date"].(string))
	if err != nil {
		t.Fatal(err)
	}
	insert := `INSERT INTO django_session (session_key, session_data, expire_date) VALUES (` + marks + `)`
	if _, err := db.Exec(insert, c.Row["session_key"], c.Row["session_data"], expires.UTC()); err != nil {
		t.Fatal(err)
	}
	source := parse(t, map[string]any{
		"kind": "django", "keys": []string{key}, "store": address, "passwords": "SELECT password FROM auth_user WHERE id = ?",
	})
	cookies := map[string]string{"sessionid": c.Cookie}
	claim, err := source.Open(t.Context(), cookies, c.Now)
	if err != nil || claim.UserID != "7" || claim.ExpiresAt.Unix() != expires.Unix() {
		t.Fatalf("user %q until %v, %v; want user 7 until %v", claim.UserID, claim.ExpiresAt, err, expires)
	}
	for id, want := range map[string]string{"7": c.PasswordColumn, "8": "", "9": ""} {
		if hash, err := source.Password(t.Context(), id); err != nil || hash != want {
			t.Errorf("the hash of user %s is %q, %v; want %q", id, hash, err, want)
		}
	}
	if err := claim.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Open(t.Context(), cookies, c.Now); !errors.Is(err, legacy.ErrRejected) {
		t.Errorf("after End: %v, want %v", err, legacy.ErrRejected)
	}
	if _, err := db.Exec("DROP TABLE auth_user"); err != nil {
		t.Fatal(err)
	}
	if hash, err := source.Password(t.Context(), "7"); err == nil {
		t.Errorf("without the table the hash is %q, and not an outage", hash)
	}
}

// TestRedis reads and deletes a row of Flask-Session.
func TestRedis(t *testing.T) {
	options := redistest.Options(t)
	client := redis.NewClient(options)
	defer client.Close()
	prefix := redistest.Prefix(t)
	c, _ := firstCase(t, "flask_session_redis.json")
	name := prefix + c.Cookie
	source := parse(t, map[string]any{"kind": "flask-session", "store": "redis://" + options.Addr, "prefix": prefix})
	open := func() (legacy.Claim, error) {
		return source.Open(t.Context(), map[string]string{"session": c.Cookie}, c.Now)
	}
	if _, err := open(); !errors.Is(err, legacy.ErrRejected) {
		t.Fatalf("without a row: %v, want %v", err, legacy.ErrRejected)
	}
	set := func(ttl time.Duration) {
		t.Helper()
		if err := client.Set(t.Context(), name, c.Store.Value, ttl).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set(0)
	if claim, err := open(); err != nil || claim.UserID != "42" || !claim.ExpiresAt.IsZero() {
		t.Fatalf("user %q until %v, %v; want user 42 for ever", claim.UserID, claim.ExpiresAt, err)
	}
	set(time.Hour)
	before := time.Now()
	claim, err := open()
	if err != nil || claim.ExpiresAt.Before(before) || claim.ExpiresAt.After(time.Now().Add(time.Hour)) {
		t.Fatalf("until %v, %v; want the rest of an hour", claim.ExpiresAt, err)
	}
	for range 2 {
		if err := claim.End(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open(); !errors.Is(err, legacy.ErrRejected) {
		t.Errorf("after End: %v, want %v", err, legacy.ErrRejected)
	}
	set(0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.Open(ended, map[string]string{"session": c.Cookie}, c.Now); err == nil || errors.Is(err, legacy.ErrRejected) || errors.Is(err, legacy.ErrAbsent) {
		t.Errorf("after the request has ended: %v, want an outage", err)
	}
}

// TestStoresAway: a store that nobody answers for is an outage, and stops no start.
func TestStoresAway(t *testing.T) {
	c, key := firstCase(t, "django_db_more.json")
	for _, address := range []string{
		"postgres://u:Inv3nted@127.0.0.1:1/db", "mysql://u:Inv3nted@127.0.0.1:1/db", "mysql://u:Inv3nted@[::1]:1/db",
		"sqlite:" + filepath.Join(t.TempDir(), "there-is-none.db"),
	} {
		source := parse(t, map[string]any{"kind": "django", "keys": []string{key}, "store": address, "passwords": "SELECT password FROM auth_user WHERE id = ?"})
		_, err := source.Open(t.Context(), map[string]string{"sessionid": c.Cookie}, c.Now)
		mustBeOutage(t, address, err)
		_, err = source.Password(t.Context(), "7")
		mustBeOutage(t, address, err)
	}
	source := parse(t, map[string]any{"kind": "django-cache", "keys": []string{key}, "store": "redis://u:Inv3nted@127.0.0.1:1", "passwords": "imported"})
	_, err := source.Open(t.Context(), map[string]string{"sessionid": c.Cookie}, c.Now)
	mustBeOutage(t, "Redis", err)
}

func mustBeOutage(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, legacy.ErrRejected) || errors.Is(err, legacy.ErrAbsent) {
		t.Errorf("%s: %v, want an outage", what, err)
		return
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("%s: the error quotes a secret: %v", what, err)
	}
}
