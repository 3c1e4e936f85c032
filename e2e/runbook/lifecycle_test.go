package runbook_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// nextSecond waits until a time in whole seconds is later than now.
func (s *stack) nextSecond() {
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

// count returns the number of items of a table of the stack.
func (s *stack) count(table string) int {
	s.Helper()
	name := s.tables[table]
	all, err := dynamotest.Client(s, dynamotest.Endpoint(s)).Scan(s.Context(), &dynamodb.ScanInput{TableName: &name, ConsistentRead: new(true)})
	if err != nil {
		s.Fatal(err)
	}
	return len(all.Items)
}

// TestRotateKeys takes the three steps of a rotation by the script, with Secrets Manager and
// CloudFormation as moto has them. Nobody is signed out before the third.
func TestRotateKeys(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("Rotate the signing keys")
	old := s.keyNames()[0]
	alice := s.browser().signIn("alice", alicesPassword)
	for _, step := range strings.Split(strings.TrimSpace(p.blocks[0]), "\n")[:3] {
		s.rotate(step, old)
		alice.wantProfile(http.StatusOK)
	}
	after := s.browser().signIn("alice", alicesPassword) // the new key signs it
	lines := strings.Split(strings.TrimSpace(p.blocks[0]), "\n")
	if len(lines) != 4 {
		t.Fatalf("the section has %d steps: %q", len(lines), lines)
	}
	s.rotate(lines[3], old)
	alice.wantProfile(http.StatusUnauthorized)
	after.wantProfile(http.StatusOK)
	p.next++
	p.run(".ci/rotate deploy", "")
	after.wantProfile(http.StatusOK)
}

// keyNames returns the names of the keys, the one that signs first.
func (s *stack) keyNames() (names []string) {
	s.Helper()
	out, err := s.shell(".ci/rotate list", "")
	if err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

// rotate takes a step of a rotation, as it stands in the page: its names of an old and of a
// new key are those of the stack here.
func (s *stack) rotate(step, old string) {
	s.Helper()
	step = strings.NewReplacer("3f2a91c0", old, "9b04e7d2", s.last(old)).Replace(step)
	if out, err := s.shell(step, ""); err != nil {
		s.Fatalf("%s: %v\n%s", step, err, out)
	}
}

// last returns the name of the key that is not the old one, if there is one.
func (s *stack) last(old string) string {
	for _, name := range s.keyNames() {
		if name != old {
			return name
		}
	}
	return ""
}

// TestRotatePeppers: users move to the new pepper as they sign in, and everybody gets in all
// the time.
func TestRotatePeppers(t *testing.T) {
	one, two := "one:"+randomKey(), "two:"+randomKey()
	s := newStack(t)
	if err := s.deploy(map[string]string{"PasswordPeppers": one}); err != nil {
		t.Fatal(err)
	}
	out, err := s.shell("go run ./cmd/coatcheck users add alice", alicesPassword+"\n", "USERS_TABLE="+s.tables["UsersTable"], "PASSWORD_PEPPERS="+one)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := s.procedure("Rotate the peppers")
	for _, step := range []struct{ want, key string }{{`"$OLD,$NEW"`, "one"}, {`"$NEW,$OLD"`, "two"}} {
		p.run(step.want, "", "OLD="+one, "NEW="+two)
		s.browser().signIn("alice", alicesPassword)
		if hash := s.hash(); !strings.Contains(hash, "keyid="+step.key+"$") {
			t.Errorf("after %s the hash does not name the key %s: %s", step.want, step.key, hash)
		}
	}
	p.run(`="$NEW"`, "", "OLD="+one, "NEW="+two)
	s.browser().signIn("alice", alicesPassword)
}

// hash returns alice's stored hash without its last part.
func (s *stack) hash() string {
	s.Helper()
	out, err := s.shell(`aws dynamodb scan --table-name "$USERS_TABLE" --output text --query 'Items[].password_hash.S'`, "", "USERS_TABLE="+s.tables["UsersTable"])
	if err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	return regexp.MustCompile(`\$[^$]*$`).ReplaceAllString(strings.TrimSpace(out), "")
}

// TestRestoreUsers: a user who was deleted by mistake is back, with the password of then.
func TestRestoreUsers(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("Restore a table")
	s.save(s.tables["UsersTable"])
	if out, err := s.shell("go run ./cmd/coatcheck users delete alice", "", "USERS_TABLE="+s.tables["UsersTable"], "SESSIONS_TABLE="+s.tables["SessionsTable"], "ATTEMPTS_TABLE="+s.tables["AttemptsTable"]); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if status := s.browser().login("alice", alicesPassword); status != http.StatusUnauthorized {
		t.Errorf("the deleted user: status %d", status)
	}
	p.run("ExistingUsersTable", "", "AS_OF=2026-11-27T12:00:00Z")
	s.nextSecond()
	s.browser().signIn("alice", alicesPassword).wantProfile(http.StatusOK)
	p.next = len(p.blocks) // TestRestoreSessions runs the rest
}

// TestRestoreSessions: what has ended since the copy does not come back, and neither does
// what was alive in it.
func TestRestoreSessions(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("Restore a table")
	p.next = 1
	ended, alive := s.browser().signIn("alice", alicesPassword), s.browser().signIn("alice", alicesPassword)
	thief := ended.copied()
	s.save(s.tables["SessionsTable"])
	ended.want(http.StatusNoContent, "POST", "/logout", "")
	thief.wantProfile(http.StatusUnauthorized)
	s.nextSecond()
	p.run("ExistingSessionsTable", "", "AS_OF=2026-11-27T12:00:00Z")
	thief.wantProfile(http.StatusUnauthorized)
	alive.wantProfile(http.StatusUnauthorized)
	s.nextSecond()
	s.browser().signIn("alice", alicesPassword).wantProfile(http.StatusOK)
}

// TestRestoreWithoutACutOff shows why the procedure has one: without it, a session that was
// ended comes back with the table.
func TestRestoreWithoutACutOff(t *testing.T) {
	s := deployed(t, nil)
	alice := s.browser().signIn("alice", alicesPassword)
	thief := alice.copied()
	s.save(s.tables["SessionsTable"])
	alice.want(http.StatusNoContent, "POST", "/logout", "")
	restored := s.tables["SessionsTable"] + "-restored"
	if err := s.restoreTable([]string{"--source-table-name", s.tables["SessionsTable"], "--target-table-name", restored, "--restore-date-time", "2026-11-27T12:00:00Z"}); err != nil {
		t.Fatal(err)
	}
	if err := s.deploy(map[string]string{"ExistingSessionsTable": restored}); err != nil {
		t.Fatal(err)
	}
	thief.wantProfile(http.StatusOK)
}

// TestProcedureUpgrade runs the commands of an upgrade, from this release to itself.
func TestProcedureUpgrade(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("Upgrade and roll back")
	alice := s.browser().signIn("alice", alicesPassword)
	p.smoke()
	alice.wantProfile(http.StatusOK)
}

// TestTakeDown: the users table is protected until the command that says otherwise.
func TestTakeDown(t *testing.T) {
	s := newStack(t)
	s.proxy, s.database = nil, s.moto
	if err := s.deploy(nil); err != nil {
		t.Fatal(err)
	}
	p := s.procedure("Take it down")
	for _, table := range []string{"UsersTable", "AuditTable"} {
		if out, err := s.aws("dynamodb", "delete-table", "--table-name", s.tables[table]); err == nil {
			t.Errorf("%s is deleted although it is protected: %s", table, out)
		}
	}
	commands := p.blocks
	for i := 1; i < len(commands); i++ { // before the stack is deleted, since moto deletes what CloudFormation keeps
		p.next = i
		p.run("--no-deletion-protection-enabled", "")
	}
	for _, table := range []string{"UsersTable", "AuditTable"} {
		if out, err := s.aws("dynamodb", "describe-table", "--table-name", s.tables[table]); err == nil {
			t.Errorf("%s is still there: %s", table, out)
		}
	}
	p.next = 0
	p.run("sam delete", "")
	p.next = len(commands)
	if out, err := s.aws("cloudformation", "describe-stacks", "--stack-name", s.name); err == nil {
		t.Errorf("the stack is still there: %s", out)
	}
}
