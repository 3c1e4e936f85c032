package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

const template = "../../template.yaml"

// newNames returns sh with names of tables that do not exist. At the end of the test
// it deletes the tables that exist by then.
func (s *shell) newNames(t *testing.T) *shell {
	fresh := &shell{t, maps.Clone(s.env)}
	for _, variable := range []string{"USERS_TABLE", "SESSIONS_TABLE", "ATTEMPTS_TABLE", "AUDIT_TABLE"} {
		name := strings.ToLower(variable) + "-" + rand.Text()
		fresh.env[variable] = name
		t.Cleanup(func() {
			s.client().DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		})
	}
	return fresh
}

// exists reports whether the table in the variable exists. It also returns the
// table's TTL attribute.
func (s *shell) exists(variable string) (ttl string, ok bool) {
	name := s.env[variable]
	out, err := s.client().DescribeTimeToLive(s.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return "", false
	}
	if out.TimeToLiveDescription.AttributeName != nil {
		ttl = *out.TimeToLiveDescription.AttributeName
	}
	return ttl, true
}

func TestTablesCreate(t *testing.T) {
	sh := newShell(t).newNames(t)
	users, sessions, attempts, trail := sh.env["USERS_TABLE"], sh.env["SESSIONS_TABLE"], sh.env["ATTEMPTS_TABLE"], sh.env["AUDIT_TABLE"]

	want := fmt.Sprintf("Created table %q with TTL on expires_at.\nCreated table %q with TTL on expires_at.\nCreated table %q.\n", attempts, sessions, users)
	if got := sh.with("AUDIT_TABLE", "").ok("", "tables", "create", "--template", template); got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if ttl, ok := sh.exists("SESSIONS_TABLE"); !ok || ttl != "expires_at" {
		t.Errorf("sessions table: exists %v, TTL %q; want expires_at", ok, ttl)
	}
	if ttl, ok := sh.exists("USERS_TABLE"); !ok || ttl != "" {
		t.Errorf("users table: exists %v, TTL %q; want none", ok, ttl)
	}

	sh.with("AUDIT_TABLE", "").ok(phrase, "users", "add", "alice")
	want = fmt.Sprintf("Created table %q with TTL on expires_at.\n", trail)
	if got := sh.ok("", "tables", "create", "--template", template); !strings.Contains(got, want) || strings.Count(got, "Created") != 1 {
		t.Errorf("with AUDIT_TABLE: stdout %q, want %q in it", got, want)
	}
	sh.ok("", "users", "disable", "alice")
	sh.ok("", "users", "enable", "alice")
	want = ""
	for _, name := range []string{attempts, trail, sessions, users} {
		want += fmt.Sprintf("Table %q exists already and was left alone.\n", name)
	}
	if got := sh.ok("", "tables", "create", "--template", template); got != want {
		t.Errorf("second run: stdout %q, want %q", got, want)
	}
	if _, err := sh.authenticate("alice", phrase); err != nil {
		t.Errorf("the second run lost the user: %v", err)
	}
	sh.ok("", "sessions", "list", "alice")
	if got := sh.ok("", "audit", "alice"); strings.Count(got, "user_updated") != 2 {
		t.Errorf("the audit trail is %q", got)
	}
}

func TestTablesCreateRefuses(t *testing.T) {
	base := newShell(t)
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("Resources: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	const notLocal = "AWS_ENDPOINT_URL_DYNAMODB is not set, or the SDK is told to ignore it; set it to the URL of a local DynamoDB, such as http://localhost:8000"
	for _, test := range []struct{ name, variable, value, template, want string }{
		{"no template named", "USERS_TABLE", "x", "", "the tables of DynamoDB need the template that defines them: give --template=FILE, .*"},
		{"endpoint missing", "AWS_ENDPOINT_URL_DYNAMODB", "", template, notLocal},
		{"endpoint ignored", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", template, notLocal},
		{"users table missing", "USERS_TABLE", "", template, "USERS_TABLE is not set; it is the name for UsersTable"},
		{"sessions table missing", "SESSIONS_TABLE", "", template, "SESSIONS_TABLE is not set; it is the name for SessionsTable"},
		{"no template", "USERS_TABLE", "x", "missing.yaml", `open "missing.yaml": no such file or directory`},
		{"broken template", "USERS_TABLE", "x", broken, broken + ": .*"},
		{"bad name", "ATTEMPTS_TABLE", "a b", template, `.*creating AttemptsTable as "a b": .*`}, // tables are created in order, and this is the first one
	} {
		t.Run(test.name, func(t *testing.T) {
			sh := base.newNames(t).with(test.variable, test.value)
			sh.fails(1, test.want, "", "tables", "create", "--template="+test.template)
			sh.env["AWS_ENDPOINT_URL_DYNAMODB"] = base.env["AWS_ENDPOINT_URL_DYNAMODB"]
			for _, variable := range []string{"USERS_TABLE", "SESSIONS_TABLE", "ATTEMPTS_TABLE"} {
				if _, ok := sh.exists(variable); ok {
					t.Errorf("the table in %s was created", variable)
				}
			}
		})
	}
}

func TestTablesSQL(t *testing.T) {
	sh := newShell(t)
	for _, dialect := range []string{"postgresql", "sqlite"} {
		out := sh.run("", "tables", "sql", "--dialect", dialect)
		for _, table := range []string{"coatcheck_sessions", "coatcheck_users", "coatcheck_attempts"} {
			if !strings.Contains(out.stdout, "CREATE TABLE") || !strings.Contains(out.stdout, table) {
				t.Errorf("%s: no %s in\n%s", dialect, table, out.stdout)
			}
		}
	}
	if out := sh.run("", "tables", "sql", "--dialect", "mysql"); out.code != 2 || !strings.Contains(out.stderr, "postgresql") {
		t.Errorf("mysql: %d %s", out.code, out.stderr)
	}
}
