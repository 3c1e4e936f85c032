package runbook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// deployed returns a stack that is deployed with these parameters, with the user alice.
func deployed(t testing.TB, parameters map[string]string) *stack {
	t.Helper()
	s := newStack(t)
	if err := s.deploy(parameters); err != nil {
		t.Fatal(err)
	}
	s.add("alice", alicesPassword)
	return s
}

// add adds a user.
func (s *stack) add(name, password string) {
	s.Helper()
	out, err := s.shell(`go run ./cmd/coatcheck users add `+name, password+"\n", "USERS_TABLE="+s.tables["UsersTable"])
	if err != nil {
		s.Fatalf("adding %s: %v\n%s", name, err, out)
	}
}

// browser returns a browser that knows no cookie.
func (s *stack) browser() *client { return newClient(s, s.url) }

// TestEveryCommandIsRun tests that each section of docs/operate.md with commands is one whose
// commands a test runs, or a part of the reference, where commands are examples.
func TestEveryCommandIsRun(t *testing.T) {
	var tests strings.Builder
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	examples := []string{"Import users", "After an update from a release without users check"} // cmd/coatcheck's own tests run these
	for _, s := range sections(t, "docs/operate.md") {
		heading := strings.ReplaceAll(s.heading, "`", "")
		if len(s.blocks) == 0 || heading == preparing || slices.Contains(examples, heading) {
			continue
		}
		if !strings.Contains(tests.String(), `procedure("`+s.heading+`")`) {
			t.Errorf("no test runs the commands of docs/operate.md, %s", s.heading)
		}
	}
}

// TestErrors: the command finds the line of a request that failed.
func TestErrors(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("The API answers with errors")
	alice := s.browser().signIn("alice", alicesPassword)
	s.proxy.FailAll(dynamotest.Refuse)
	alice.wantProfile(http.StatusServiceUnavailable)
	s.proxy.FailAll(dynamotest.None)
	s.ship()
	if out := p.run("sys_failure", ""); !strings.Contains(out, `"message":"sys_failure"`) {
		t.Errorf("the command prints:\n%s", out)
	}
}

// ship puts what the functions have logged where CloudWatch Logs would have it.
func (s *stack) ship() {
	s.Helper()
	group := s.made["FunctionLogs"]
	var events []map[string]any
	for line := range strings.Lines(s.log()) {
		events = append(events, map[string]any{"timestamp": time.Now().UnixMilli(), "message": strings.TrimSpace(line)})
	}
	text, err := json.Marshal(events)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.aws("logs", "create-log-stream", "--log-group-name", group, "--log-stream-name", "all"); err != nil {
		s.Fatal(err)
	}
	if _, err := s.aws("logs", "put-log-events", "--log-group-name", group, "--log-stream-name", "all", "--log-events", string(text)); err != nil {
		s.Fatal(err)
	}
}

// TestAway: an outage costs nobody the session, and is over when it is over.
func TestAway(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("DynamoDB is away")
	alice := s.browser().signIn("alice", alicesPassword)
	cookie := alice.cookies[sessionCookie]
	s.proxy.FailAll(dynamotest.Refuse)
	for _, request := range [][3]string{{"GET", "/profile"}, {"POST", "/logout"}, {"POST", "/login", object("username", "alice", "password", alicesPassword)}} {
		got := alice.want(http.StatusServiceUnavailable, request[0], request[1], request[2])
		if got.header.Get("Retry-After") == "" || alice.cookies[sessionCookie] != cookie {
			t.Errorf("%s: Retry-After %q, the cookie changed: %v", request[1], got.header.Get("Retry-After"), alice.cookies[sessionCookie] != cookie)
		}
	}
	if out, err := p.try("describe-table", "", "AWS_MAX_ATTEMPTS=1"); err == nil {
		t.Errorf("while DynamoDB is away the command succeeds:\n%s", out)
	}
	s.proxy.FailAll(dynamotest.None)
	alice.wantProfile(http.StatusOK)
	p.next = 0
	if out := p.run("describe-table", ""); strings.Count(out, "ACTIVE") != 4 {
		t.Errorf("the command prints:\n%s", out)
	}
	p.smoke()
	alice.want(http.StatusNoContent, "POST", "/logout", "")
	alice.wantProfile(http.StatusUnauthorized)
}

// smoke runs the smoke test of the next block, at this stack.
func (p *procedure) smoke() {
	p.Helper()
	block := p.blocks[p.next]
	p.blocks[p.next] = strings.ReplaceAll(block, "$(output ApiUrl)", p.url)
	if p.blocks[p.next] == block {
		p.Fatalf("the smoke test does not take the URL from the outputs: %q", block)
	}
	if out := p.run("make smoke", "", "SMOKE_PASSWORD="+alicesPassword); !strings.Contains(out, "All is as it should be.") {
		p.Errorf("the smoke test prints:\n%s", out)
	}
}

// TestFlood: guesses meet the limit; a deployment makes it tighter, and another one as it was.
func TestFlood(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("A flood of sign-ins")
	if free := s.guess("alice"); free != 10 {
		t.Errorf("%d guesses are free, want 10", free)
	}
	if out := p.run("users list", ""); !strings.Contains(out, "alice") || !strings.Contains(out, "refused") {
		t.Errorf("the list says:\n%s", out)
	}
	p.run("AttemptsLadder=3", "")
	if free := s.guess("bob"); free != 3 {
		t.Errorf("after the first deployment %d guesses are free, want 3", free)
	}
	p.run("AttemptsLadder=10", "")
	if free := s.guess("carol"); free != 10 {
		t.Errorf("after the second deployment %d guesses are free, want 10", free)
	}
}

// guess guesses at a name until a guess is refused, and returns how many were not.
func (s *stack) guess(name string) (free int) {
	s.Helper()
	stranger := s.browser()
	for ; free < 50; free++ {
		switch status := stranger.login(name, fmt.Sprint("a wrong guess, number ", free)); status {
		case http.StatusUnauthorized:
		case http.StatusTooManyRequests:
			return free
		default:
			s.Fatalf("a guess: status %d", status)
		}
	}
	return free
}

// TestLocked: whoever was guessed at until the name was refused gets in after the command.
func TestLocked(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("A locked user")
	s.guess("alice")
	if status := s.browser().login("alice", alicesPassword); status != http.StatusTooManyRequests {
		t.Errorf("the locked user: status %d", status)
	}
	out := p.run("users unlock alice", "")
	if !strings.Contains(out, "refused") {
		t.Errorf("the commands print:\n%s", out)
	}
	s.browser().signIn("alice", alicesPassword)
}

// TestCanaryByHand: the smoke test says whether users can sign in.
func TestCanaryByHand(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("The canary fails")
	p.smoke()
	s.proxy.FailAll(dynamotest.Refuse)
	p.next = 0
	if out, err := p.try("make smoke", "", "SMOKE_PASSWORD="+alicesPassword); err == nil || !strings.Contains(out, "503") {
		t.Errorf("while DynamoDB is away the smoke test prints:\n%s", out)
	}
	s.proxy.FailAll(dynamotest.None)
}

// TestThrottled runs the commands of the section.
func TestThrottled(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("Functions are throttled")
	p.run("LoginConcurrency=20", "")
	if s.parameters["LoginConcurrency"] != "20" {
		t.Errorf("deployed with %v", s.parameters)
	}
	s.browser().signIn("alice", alicesPassword)
}

// TestAuditFails: what cannot be written to the trail stops nobody.
func TestAuditFails(t *testing.T) {
	s := deployed(t, nil)
	p := s.procedure("The audit trail fails")
	s.proxy.Fail("PutItem "+s.tables["AuditTable"], slices.Repeat([]dynamotest.Fault{dynamotest.Refuse}, 10)...)
	s.browser().signIn("alice", alicesPassword)
	if log := s.log(); !strings.Contains(log, "audit_failed") {
		t.Errorf("the log has no audit_failed:\n%s", log)
	}
	if out := p.run("describe-table", ""); !strings.Contains(out, "ACTIVE") {
		t.Errorf("the command prints:\n%s", out)
	}
}
