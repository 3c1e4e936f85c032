package main

import (
	"database/sql"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session/sqlstore"
)

// canary is a piece of an address that nobody may see again.
const canary = "c4nary"

// silent returns the address of a server that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	return answering(t, nil)
}

// answering returns the address of a server that gives this answer, whatever it is asked.
func answering(t *testing.T, answer []byte) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conn.Read(make([]byte, 1024))
				conn.Write(answer)
				io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// postgresError returns a message of PostgreSQL's protocol that refuses a connection.
func postgresError(code, message string) []byte {
	body := "SFATAL\x00VFATAL\x00C" + code + "\x00M" + message + "\x00\x00"
	return append([]byte{'E', 0, 0, 0, byte(len(body) + 4)}, body...) // the type, the length in four bytes
}

// oldSQLite returns a file with tables that an older program made.
func oldSQLite(t *testing.T, statement string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
	return file
}

// configuredRedis returns the address of a Redis with this setting.
func configuredRedis(t *testing.T, setting, value string) string {
	t.Helper()
	options := redistest.Start(t).Options()
	client := redis.NewClient(options)
	defer client.Close()
	if err := client.ConfigSet(t.Context(), setting, value).Err(); err != nil {
		t.Fatal(err)
	}
	return options.Addr
}

// TestStoreIsNotReady: a server that cannot use its store says so at once and ends. One
// line says what is wrong and what to do, and nothing of a password in the address.
func TestStoreIsNotReady(t *testing.T) {
	t.Parallel()
	const tables = "go run example.com/coatcheck/cmd/coatcheck tables create"
	emptyPostgreSQL := postgrestest.DSN(t)
	passwordRefused := answering(t, postgresError("28P01", `password authentication failed for user "`+canary+`"`))
	noDatabase := answering(t, postgresError("3D000", `database "`+canary+`" does not exist`))
	parameter := answering(t, postgresError("42704", `unrecognized configuration parameter "`+canary+`"`))
	quoting := []byte(strings.Repeat("-ERR unknown command 'AUTH', with args beginning with: '"+canary+"'\r\n", 10)) // to every command
	full := answering(t, postgresError("53300", "sorry, too many clients already"))
	aws := func(endpoint string) []string {
		return []string{"STORE=dynamodb", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=" + canary,
			"SESSIONS_TABLE=missing-s", "USERS_TABLE=missing-u", "ATTEMPTS_TABLE=missing-a", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint}
	}
	for name, tt := range map[string]struct {
		env  []string
		says []string
	}{
		"SQLite, no file":      {[]string{"STORE=sqlite:" + filepath.Join(t.TempDir(), "no.db")}, []string{"no.db", "no such file", tables}},
		"SQLite, no folder":    {[]string{"STORE=sqlite:/nowhere/no.db"}, []string{"/nowhere/no.db", "no such file", tables}},
		"SQLite, a folder":     {[]string{"STORE=sqlite:" + t.TempDir()}, []string{"SQLite file", "cannot be used"}},
		"SQLite, no tables":    {[]string{"STORE=sqlite:" + oldSQLite(t, "CREATE TABLE other (n INTEGER)")}, []string{"missing or older", "coatcheck_sessions", tables}},
		"SQLite, newer tables": {[]string{"STORE=sqlite:" + oldSQLite(t, "CREATE TABLE coatcheck_sessions_schema (version INTEGER); INSERT INTO coatcheck_sessions_schema VALUES (9)")}, []string{"newer than this program", "version 9", "use a newer program"}},
		"SQLite, old users": {[]string{"STORE=sqlite:" + oldSQLite(t, sqlstore.SQLite.Schema()+"CREATE TABLE coatcheck_users (name TEXT)")},
			[]string{"coatcheck_users", "missing or older", tables}},

		"PostgreSQL, no tables":                 {[]string{"STORE=" + emptyPostgreSQL}, []string{"missing or older", tables}},
		"PostgreSQL, refused":                   {[]string{"STORE=postgres://u:" + canary + "@127.0.0.1:1/x"}, []string{"PostgreSQL", "connection refused", "check the address"}},
		"PostgreSQL, unknown host":              {[]string{"STORE=postgres://u@" + canary + ".invalid/x"}, []string{"PostgreSQL", "cannot be used"}},
		"PostgreSQL, unescaped /":               {[]string{"STORE=postgres://127.0.0.1:1/" + canary + "@host/x"}, []string{"PostgreSQL", "cannot be read", "percent-encoded"}},
		"PostgreSQL, unescaped #":               {[]string{"STORE=postgres://u:a#" + canary + "@host/x"}, []string{"PostgreSQL", "cannot be read", "percent-encoded"}},
		"PostgreSQL, unescaped / after a digit": {[]string{"STORE=postgres://u:1/" + canary + "@host/x"}, []string{"PostgreSQL", "cannot be read", "percent-encoded"}},
		"PostgreSQL, unescaped ?":               {[]string{"STORE=postgres://u:1?" + canary + "@host/x"}, []string{"PostgreSQL", "cannot be read", "percent-encoded"}},
		"PostgreSQL, # before it":               {[]string{"STORE=postgres://u:" + canary + "#@host/x"}, []string{"PostgreSQL", "cannot be read", "percent-encoded"}},
		"PostgreSQL, in the query":              {[]string{"STORE=postgres://127.0.0.1:1/x?password=" + canary + "#1"}, []string{"PostgreSQL", "cannot be read"}},
		"PostgreSQL, PGPASSWORD":                {[]string{"STORE=postgres://u@127.0.0.1:1/x", "PGPASSWORD=" + canary}, []string{"PostgreSQL", "connection refused"}},
		"PostgreSQL, PGPORT":                    {[]string{"STORE=postgres://u@/x", "PGPORT=" + canary}, []string{"PostgreSQL", "PG variables", "cannot be read"}},
		"PostgreSQL, unescaped %":               {[]string{"STORE=postgres://u:" + canary + "%zz@host/x"}, []string{"PostgreSQL", "cannot be read", "postgres://user@host:5432/database"}},
		"PostgreSQL, unescaped @":               {[]string{"STORE=postgres://u:a@" + canary + "@127.0.0.1:1/x"}, []string{"PostgreSQL", "cannot be read", "percent-encoded"}},
		"PostgreSQL, no URL":                    {[]string{"STORE=postgres:" + canary}, []string{"PostgreSQL", "cannot be read"}},
		"PostgreSQL, wrong password":            {[]string{"STORE=postgres://" + canary + ":" + canary + "@" + passwordRefused + "/x?sslmode=disable"}, []string{"refuses the user or the password"}},
		"PostgreSQL, no database":               {[]string{"STORE=postgres://u@" + noDatabase + "/" + canary + "?sslmode=disable"}, []string{"no database of that name"}},
		"PostgreSQL, a parameter":               {[]string{"STORE=postgres://u@" + parameter + "/x?sslmode=disable&" + canary + "=1"}, []string{"SQLSTATE 42704"}},
		"PostgreSQL, full":                      {[]string{"STORE=postgres://u@" + full + "/x?sslmode=disable"}, []string{"too many clients"}},
		"PostgreSQL, silent":                    {[]string{"STORE=postgres://u:" + canary + "@" + silent(t) + "/x?sslmode=disable"}, []string{"does not answer"}},
		"PostgreSQL, silent over TLS":           {[]string{"STORE=postgres://u:" + canary + "@" + silent(t) + "/x"}, []string{"does not answer"}},

		"Redis, evicts":         {[]string{"STORE=redis://" + configuredRedis(t, "maxmemory-policy", "allkeys-lru")}, []string{"Redis", "set maxmemory-policy noeviction"}},
		"Redis, forgets":        {[]string{"STORE=redis://" + configuredRedis(t, "appendonly", "no")}, []string{"Redis", "set appendonly yes"}},
		"Redis, refused":        {[]string{"STORE=redis://u:" + canary + "@127.0.0.1:1"}, []string{"Redis", "connection refused", "check the address"}},
		"Redis, unknown host":   {[]string{"STORE=redis://" + canary + ".invalid"}, []string{"Redis", "cannot be used"}},
		"Redis, wrong password": {[]string{"STORE=redis://u:" + canary + "@" + configuredRedis(t, "requirepass", "another")}, []string{"Redis", "WRONGPASS"}},
		"Redis, bad address":    {[]string{"STORE=redis://u:" + canary + "%zz@host"}, []string{"redis://host:6379"}},
		"Redis, silent":         {[]string{"STORE=redis://u:" + canary + "@" + silent(t)}, []string{"does not answer"}},

		"Redis, an answer":   {[]string{"STORE=redis://u:" + canary + "@" + answering(t, quoting)}, []string{"Redis", "answers ERR"}},
		"Redis, unescaped /": {[]string{"STORE=redis://:1/" + canary + "@host"}, []string{"Redis", "cannot be read", "percent-encoded"}},
		"Redis, unescaped #": {[]string{"STORE=redis://" + canary + "#" + canary + "@host"}, []string{"Redis", "cannot be read", "percent-encoded"}},
		"Redis, unescaped ?": {[]string{"STORE=redis://:1?" + canary + "@host"}, []string{"Redis", "cannot be read", "percent-encoded"}},
		"Redis, unescaped @": {[]string{"STORE=redis://u:a@" + canary + "@127.0.0.1:1"}, []string{"Redis", "cannot be read", "percent-encoded"}},
		"Redis, no URL":      {[]string{"STORE=redis:" + canary}, []string{"Redis", "cannot be read"}},

		"no scheme, pairs":      {[]string{"STORE=host=db user=u password=" + canary}, []string{"no scheme", "postgres://"}},
		"no scheme, a password": {[]string{"STORE=" + canary + "@host:6379/0"}, []string{"no scheme", "redis://"}},
		"a misspelt scheme":     {[]string{"STORE=postgre://u:" + canary + "@host/x"}, []string{`"postgre" is not known`, "postgres://"}},

		"DynamoDB, a password":  {aws("http://u:" + canary + "@127.0.0.1:1"), []string{"AWS_ENDPOINT_URL_DYNAMODB", "without a user or a password"}},
		"DynamoDB, unescaped %": {aws("http://u:" + canary + "%zz@127.0.0.1:1"), []string{"AWS_ENDPOINT_URL_DYNAMODB", "without a user or a password"}},
		"DynamoDB, unescaped #": {aws("http://u:" + canary + "#x@127.0.0.1:1"), []string{"AWS_ENDPOINT_URL_DYNAMODB", "without a user or a password"}},

		"DynamoDB, no tables": {aws(dynamotest.Endpoint(t)), []string{`no table "missing-s"`, "SESSIONS_TABLE", tables}},
		"DynamoDB, refused":   {aws("http://127.0.0.1:1"), []string{"AWS_ENDPOINT_URL_DYNAMODB", "connection refused"}},
		"DynamoDB, silent":    {aws("http://" + silent(t)), []string{"AWS_ENDPOINT_URL_DYNAMODB"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, message := runFailing(t, append(tt.env, "ADDR=localhost:0"))
			if code != 1 || strings.Count(message, "\n") != 1 || !strings.HasPrefix(message, "server: ") {
				t.Errorf("exit code %d, not one line of the server's: %q", code, message)
			}
			for _, part := range tt.says {
				if !strings.Contains(message, part) {
					t.Errorf("it does not say %s: %s", part, message)
				}
			}
			if strings.Contains(message, canary) {
				t.Errorf("it quotes a secret: %s", message)
			}
		})
	}
}

// TestTablesOnRequest: with -tables the server makes missing tables, and updates those of
// an older program. Then it starts without the flag too.
func TestTablesOnRequest(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]string{
		"SQLite, no file":   "sqlite:" + filepath.Join(t.TempDir(), "new.db"),
		"SQLite, no tables": "sqlite:" + oldSQLite(t, "CREATE TABLE other (n INTEGER)"),
		"PostgreSQL":        postgrestest.DSN(t),
	} {
		t.Run(name, func(t *testing.T) {
			for _, args := range [][]string{{"-tables"}, {"-tables"}, nil} {
				start(t, []string{"STORE=" + store}, args...)
			}
		})
	}
}

// TestHelpTellsNoSecret: the help says what the defaults are, and STORE is none of them.
func TestHelpTellsNoSecret(t *testing.T) {
	t.Parallel()
	code, message := runHelp(t, []string{"STORE=postgres://u:" + canary + "@host/x"})
	if code != 0 || strings.Contains(message, canary) || !strings.Contains(message, `default "memory"`) {
		t.Errorf("exit code %d: %s", code, message)
	}
}

func runHelp(t *testing.T, env []string) (code int, message string) {
	t.Helper()
	cmd := command(t.Context(), env, "-help")
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}
