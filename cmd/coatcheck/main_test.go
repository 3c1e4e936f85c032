package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/internal/testing/testmain"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
	"example.com/coatcheck/pkg/signin/authn"
)

const phrase = "an orchid, a tram and rain"

// binary is the path of the program under test. TestMain builds it once.
var binary string

func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-test.fuzzworker") { // fuzzing starts several, which need neither the program nor a server
		os.Exit(m.Run())
	}
	folder, _, err := testenv.Kept("../../.cache/tested/coatcheck") // until this process ends
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(folder, "coatcheck")
	if output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building coatcheck: %v\n%s", err, output)
		os.Exit(1)
	}
	testmain.Main(m, dynamotest.Main, postgrestest.Main, redistest.Main)
}

// shell runs the binary with its own environment variables.
type shell struct {
	*testing.T
	env map[string]string
}

// patience is the time after which a test gives up waiting. It is enough on very busy
// machines.
const patience = 3 * time.Minute

// newShell returns a shell with the variables that the commands need, and tables.
func newShell(t *testing.T) *shell {
	t.Helper()
	tables := dynamotest.Tables(t)
	s := &shell{t, map[string]string{
		"HOME":                      t.TempDir(),
		"AWS_REGION":                "eu-west-1",
		"AWS_ACCESS_KEY_ID":         "test",
		"AWS_SECRET_ACCESS_KEY":     "test",
		"AWS_ENDPOINT_URL_DYNAMODB": dynamotest.Endpoint(t),
		"USERS_TABLE":               tables["UsersTable"],
		"ATTEMPTS_TABLE":            tables["AttemptsTable"],
		"SESSIONS_TABLE":            tables["SessionsTable"],
		"UNUSED_AUDIT_TABLE":        tables["AuditTable"], // see audited
	}}
	// The first write to a DynamoDB Local that has just started can take longer
	// than the program waits for an answer. This client waits as long as it takes.
	if err := s.users().Create(t.Context(), &accounts.Account{Name: "warm-up", UserID: "warm-up"}); err != nil {
		t.Fatal(err)
	}
	s.checkNames()
	return s
}

// checkNames lets users be added beside those who are there.
func (s *shell) checkNames() {
	s.Helper()
	for _, err := range accounts.NewRegistrar(s.users(), accounts.Config{}).CheckNames(s.Context(), dynamoaccounts.All(s.Context(), s.client(), s.env["USERS_TABLE"])) {
		if err != nil {
			s.Fatal(err)
		}
	}
}

// with returns a shell in which one variable has another value. An empty value
// removes the variable.
func (s *shell) with(name, value string) *shell {
	env := maps.Clone(s.env)
	env[name] = value
	return &shell{s.T, env}
}

func (s *shell) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(s.Context(), patience) // stops a command that would wait for ever
	s.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	for name, value := range s.env {
		if value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// result is the result of a run.
type result struct {
	code           int
	stdout, stderr string
}

func (s *shell) run(stdin string, args ...string) result {
	s.Helper()
	cmd := s.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			s.Fatal(err)
		}
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// ok runs a command that must succeed, and returns its output.
func (s *shell) ok(stdin string, args ...string) string {
	s.Helper()
	got := s.run(stdin, args...)
	if got.code != 0 || got.stderr != "" {
		s.Fatalf("coatcheck %q: exit code %d, stderr %q; want 0 and nothing", args, got.code, got.stderr)
	}
	return got.stdout
}

// fails runs a command that must fail. Its error must be one line that matches the
// pattern. fails returns it.
func (s *shell) fails(code int, pattern, stdin string, args ...string) (stderr string) {
	s.Helper()
	got := s.run(stdin, args...)
	if got.code != code || got.stdout != "" {
		s.Errorf("coatcheck %.80q: exit code %d, stdout %q; want %d and nothing", args, got.code, got.stdout, code)
	}
	if !regexp.MustCompile(`^coatcheck: ` + pattern + `\n$`).MatchString(got.stderr) {
		s.Errorf("coatcheck %.80q: stderr\n     %q\nwant %q", args, got.stderr, pattern)
	}
	return got.stderr
}

func (s *shell) users() accounts.Registry {
	return dynamoaccounts.New(s.client(), s.env["USERS_TABLE"])
}

// authenticate signs in with a limiter that has counted no earlier attempts.
func (s *shell) authenticate(name, pw string) (*accounts.Account, error) {
	s.Helper()
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		s.Fatal(err)
	}
	authenticator := accounts.NewAuthenticator(accounts.NewDirectory(s.users(), accounts.Config{}), limiter)
	proof, err := authenticator.Authenticate(s.Context(), authn.Attempt{Username: name, Password: pw})
	if err != nil {
		return nil, err
	}
	return proof.(*accounts.Proof).Account, nil
}

func (s *shell) client() *dynamodb.Client {
	return dynamotest.Client(s, s.env["AWS_ENDPOINT_URL_DYNAMODB"])
}

func TestUsersAdd(t *testing.T) {
	sh := newShell(t)
	stdout := sh.ok(phrase+"\n", "users", "add", "Alice", "--display-name", "Alice A.", "--role", "admin", "--role=staff; editor")
	alice, err := sh.authenticate("alice", phrase)
	if err != nil {
		t.Fatalf("the user cannot sign in: %v", err)
	}
	if want := fmt.Sprintf("Added user \"alice\" with the user ID %s.\n", alice.UserID); stdout != want {
		t.Errorf("stdout %q, want %q", stdout, want)
	}
	if alice.Username != "Alice" || alice.DisplayName != "Alice A." || !slices.Equal(alice.Roles, []string{"admin", "staff", "editor"}) {
		t.Errorf("added %+v", alice)
	}

	sh.fails(1, `user "alice": the account exists already; choose another name`, phrase, "users", "add", " ALICE")
	if runAgain, err := sh.users().Get(t.Context(), "alice"); err != nil || runAgain.UserID != alice.UserID {
		t.Errorf("after a second add: %+v, %v; want the first user", runAgain, err)
	}

	sh.fails(1, "the user name is empty", phrase, "users", "add", " ")
	for role, want := range map[string]string{"": "is empty", " ": "is empty", "{admin,editor}": "contains one of .*", "a,b": "contains one of .*", "power user": "contains a blank; .*", "admin\u00ad": "contains a character that cannot be seen; .*"} {
		sh.fails(1, "role 2 "+want, phrase, "users", "add", "bob", "--role=member", "--role="+role)
	}
	if bob, err := sh.users().Get(t.Context(), "bob"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("a failed add left %+v, %v", bob, err)
	}
}

func TestUsersAddUsesThePepper(t *testing.T) {
	sh := newShell(t)
	sh.env["PASSWORD_PEPPERS"] = "2026:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	sh.ok(phrase, "users", "add", "alice")
	if alice, err := sh.users().Get(t.Context(), "alice"); err != nil || !strings.Contains(alice.PasswordHash, ",keyid=2026$") {
		t.Errorf("stored %+v, %v; want a hash with the pepper 2026", alice, err)
	}
	sh.env["PASSWORD_PEPPERS"] = "2026"
	sh.fails(1, "PASSWORD_PEPPERS: entry 1 is not id:key.*", phrase, "users", "add", "bob")
}

func TestUsersAddTakesThePasswordFromStandardInput(t *testing.T) {
	sh := newShell(t)
	longest := phrase + strings.Repeat("x", 1024-len(phrase))
	for name, test := range map[string]struct{ stdin, password string }{
		"line":        {phrase + "\n", phrase},
		"no line end": {phrase, phrase},
		"windows":     {phrase + "\r\n", phrase},
		"blanks":      {"  " + phrase + " \n", "  " + phrase + " "},
		"first line":  {phrase + "\nsecond line\n", phrase},
		"not ASCII":   {"日本 ☕ " + phrase + "\n", "日本 ☕ " + phrase},
		"longest":     {longest + "\r\n", longest},
	} {
		sh.ok(test.stdin, "users", "add", name)
		if _, err := sh.authenticate(name, test.password); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const short, long = "the password is shorter than 15 characters; choose a longer one", "the password is longer than 1024 bytes; choose a shorter one"
	sh.fails(1, "standard input is empty; write the password to it as one line", "", "users", "add", "bob")
	sh.fails(1, short, "\n", "users", "add", "bob")
	sh.fails(1, short, "fourteen chars\n", "users", "add", "bob")
	sh.fails(1, long, strings.Repeat("x", 1025)+"\n", "users", "add", "bob")
	sh.fails(1, long, strings.Repeat("x", 1<<16), "users", "add", "bob")
	sh.fails(1, "the password is easy to guess, because it is made of common words, names or dates; choose four words at random, or more", "PasswordPassword\n", "users", "add", "bob")
	sh.fails(1, "the password is easy to guess, because it is little more than the user's name or the product's; choose four words at random, or more", "Robert, robert!\n", "users", "add", "robert")
}

// The command line refuses the product's name as /password does: it reads the same
// variable.
func TestPasswordsFollowTheBrand(t *testing.T) {
	sh := newShell(t).with("BRAND_NAME", "Blue Harbour")
	sh.ok(phrase, "users", "add", "alice")
	for _, command := range [][]string{{"users", "add", "bob"}, {"users", "passwd", "alice"}} {
		sh.fails(1, "the password is easy to guess, because it is little more than the user's name or the product's; .*", "blueharbour-kq4v7\n", command...)
	}
	sh.with("BRAND_NAME", "").ok("blueharbour-kq4v7\n", "users", "passwd", "alice")
}

// TestSessionsOfAProvidersUser: a user who signs in at an OpenID provider has no account here,
// and the ID names the sessions. An account that is called so is meant first.
func TestSessionsOfAProvidersUser(t *testing.T) {
	const id = "openid:https://id.example.com#123"
	sh := newShell(t)
	made, other := sh.signIn(id), sh.signIn("somebody else")
	if got := sh.ok("", "sessions", "list", id); !strings.Contains(got, made.ID) || strings.Contains(got, other.ID) {
		t.Errorf("list:\n%s", got)
	}
	if got, want := sh.ok("", "sessions", "revoke", id), "Ended all sessions of user \""+id+"\".\n"; got != want {
		t.Errorf("revoke: %q, want %q", got, want)
	}
	for owner, want := range map[string]int{id: 0, "somebody else": 1} {
		if live, err := sh.manager().List(t.Context(), owner); err != nil || len(live) != want {
			t.Errorf("%s has %d sessions, %v; want %d", owner, len(live), err, want)
		}
	}
	sh.storeDirectly(accounts.Account{Name: id, UserID: "u"})
	made = sh.signIn("u")
	if got := sh.ok("", "sessions", "list", id); !strings.Contains(got, made.ID) {
		t.Errorf("an account with that name:\n%s", got)
	}
	sh.fails(1, `there is no user "openid:nobody"; check the name, the store and USERS_TABLE`, "", "sessions", "revoke", "openid:nobody")
}

func TestSessions(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	alice, err := sh.users().Get(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sh.ok("", "sessions", "list", "ALICE"), "User \"alice\" is not signed in.\n"; got != want {
		t.Errorf("no sessions: %q, want %q", got, want)
	}
	made := sh.signIn(alice.UserID)
	later := made.Clone()
	later.ID, later.CreatedAt, later.UserAgent = "-"+strings.Repeat("x", 20)+"A", made.CreatedAt.Add(time.Millisecond), "a\tb\x1b[31m"
	if err := sh.store().Create(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	first, second, other := made.ID, later.ID, sh.signIn("somebody else").ID

	const at = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
	row := func(id, agent string) string {
		return fmt.Sprintf(`%s  %s  %s  %s  "192\.0\.2\.1"  %s\n`, id, at, at, at, regexp.QuoteMeta(agent))
	}
	shape := `^ID  +SIGNED IN  +LAST SEEN  +ENDS  +ADDRESS  +USER AGENT\n` + row(first, `"Mozilla/5.0"`) + row(second, `"a\tb\x1b[31m"`) + `$`
	if got := sh.ok("", "sessions", "list", "alice"); !regexp.MustCompile(shape).MatchString(got) {
		t.Errorf("list:\n%swant\n%s", got, shape)
	}

	if got, want := sh.ok("", "sessions", "revoke", "alice", "--", second), "Ended session "+second+" of user \"alice\".\n"; got != want {
		t.Errorf("revoke: %q, want %q", got, want)
	}
	if got := sh.ok("", "sessions", "list", "alice"); strings.Contains(got, second) || !strings.Contains(got, first) {
		t.Errorf("after revoking one:\n%swant only %s", got, first)
	}
	for _, id := range []string{second, other, "x"} {
		sh.fails(1, fmt.Sprintf(`user "alice" has no live session "%s"; see: coatcheck sessions list alice`, id), "", "sessions", "revoke", "alice", "--", id)
	}

	if got, want := sh.ok("", "sessions", "revoke", "alice"), "Ended all sessions of user \"alice\".\n"; got != want {
		t.Errorf("revoke all: %q, want %q", got, want)
	}
	if got := sh.ok("", "sessions", "list", "alice"); strings.Contains(got, first) {
		t.Errorf("after revoking all:\n%s", got)
	}
	if live, err := sh.manager().List(t.Context(), "somebody else"); err != nil || len(live) != 1 {
		t.Errorf("the other user has %d sessions, %v; want 1", len(live), err)
	}

	sh.fails(1, `there is no user "Bob"; check the name, the store and USERS_TABLE`, "", "sessions", "list", "Bob")
	sh.fails(1, `there is no user "bob"; check the name, the store and USERS_TABLE`, "", "sessions", "revoke", "bob")
}

func (s *shell) store() session.Store { return dynamostore.New(s.client(), s.env["SESSIONS_TABLE"]) }

func (s *shell) manager() *session.Manager {
	s.Helper()
	manager, err := session.New(s.store(), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.Fatal(err)
	}
	return manager
}

func (s *shell) signIn(userID string) *session.Session {
	s.Helper()
	r := httptest.NewRequest("POST", "/login", nil)
	r.Header.Set("User-Agent", "Mozilla/5.0")
	made, err := s.manager().Create(httptest.NewRecorder(), r, session.User{ID: userID})
	if err != nil {
		s.Fatal(err)
	}
	return made
}

func TestMissingVariables(t *testing.T) {
	sh := newShell(t)
	for _, name := range []string{"USERS_TABLE", "AWS_REGION"} {
		sh.with(name, "").fails(1, name+" is not set", phrase, "users", "add", "alice")
	}
	for _, name := range []string{"USERS_TABLE", "SESSIONS_TABLE", "AWS_REGION"} {
		for _, command := range []string{"list", "revoke"} {
			sh.with(name, "").fails(1, name+" is not set", "", "sessions", command, "alice")
		}
	}
	for _, command := range []string{"list", "show alice", "enable alice", "unlock alice", "set alice --display-name=A", "import -"} {
		sh.with("USERS_TABLE", "").fails(1, "USERS_TABLE is not set", "", strings.Fields("users "+command)...)
	}
	for _, command := range []string{"disable", "delete", "passwd", "set --no-roles"} {
		sh.with("SESSIONS_TABLE", "").fails(1, "SESSIONS_TABLE is not set", phrase, strings.Fields("users "+command+" alice")...)
	}
	for _, command := range []string{"list", "show alice", "unlock alice"} {
		sh.with("ATTEMPTS_TABLE", "").fails(1, "ATTEMPTS_TABLE is not set", "", strings.Fields("users "+command)...)
	}
	sh.with("SESSION_LIFETIME", "long").fails(1, `SESSION_LIFETIME is "long".*`, "", "sessions", "list", "alice")
}

func TestWrongUsage(t *testing.T) {
	sh := newShell(t)
	for _, test := range []struct{ args, want string }{
		{"", `expected one of "users", "sessions", "migrate", "keys", "audit", ...; see: coatcheck --help`},
		{"user", `there is an argument that belongs to nothing, did you mean "users"\?; see: coatcheck --help`},
		{"us", `there is an argument that belongs to nothing, did you mean "users"\?; see: coatcheck --help`},
		{"postgres://u:c4nary@h/x", `there is an argument that belongs to nothing; see: coatcheck --help`},
		{"users postgres://u:c4nary@h/x", `there is an argument that belongs to nothing; see: coatcheck users --help`},
		{"users list postgres://u:c4nary@h/x", `there is an argument that belongs to nothing; see: coatcheck users list --help`},
		{`users list x:c4nary,?"c4nary`, `there is an argument that belongs to nothing; see: coatcheck users list --help`},
		{"users list -- --c4nary", `there is an argument that belongs to nothing; see: coatcheck users list --help`},
		{"users show --json=postgres://u:c4nary@h/x", `--json: bool value must be true, 1, yes, false, 0 or no; see: coatcheck users show --help`},
		{"users import --dry-run=x\"c4nary x", `--dry-run: bool value must be .*no; see: coatcheck users import --help`},
		{"tables sql --dialect=postgres://u:c4nary@h/x", `--dialect must be one of "postgresql","sqlite"; see: coatcheck tables sql --help`},
		{"users show alice --postgres://u:c4nary@h/x", `unknown flag; see: coatcheck users show --help`},
		{"users show alice --storepostgres://u:c4nary@h/x", `unknown flag; see: coatcheck users show --help`},
		{"users show alice --stor", `unknown flag --stor, did you mean "--store"\?; see: coatcheck users show --help`},
		{"users list --store", `--store: expected string value; see: coatcheck users list --help`},
		{"users", `expected one of "add", .*; see: coatcheck users --help`},
		{"users set alice", `users set: nothing to set: give --display-name, --role or --no-roles; see: coatcheck users set --help`},
		{"users set alice --role=a --no-roles", `--role and --no-roles can't be used together; see: coatcheck users set --help`},
		{"users add", `expected "<name>"; see: coatcheck users add --help`},
		{"users add alice bob", `there is an argument that belongs to nothing; see: coatcheck users add --help`},
		{"users add alice --password=x", `unknown flag --password.*; see: coatcheck users add --help`},
		{"sessions revoke", `expected "<name>.*"; see: coatcheck sessions revoke --help`},
	} {
		sh.fails(2, test.want, phrase, strings.Fields(test.args)...)
	}
}

// TestMisplacedSecrets: an address, a key or a token where a name or a file is expected is
// not shown.
func TestMisplacedSecrets(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	const hidden = `"…" \(not shown, since it may be a secret\)`
	for _, address := range []string{"postgres://u:C4nary@h/x", "redis://:c4n ary@h", "u:c4nary@h:5432", "https://h/?password=c4nary"} {
		for _, command := range []string{"users show", "users set --no-roles", "users passwd", "users disable", "users enable", "users delete", "sessions list", "sessions revoke"} {
			sh.fails(1, "there is no user "+hidden+"; check the name, the store and USERS_TABLE", phrase, append(strings.Fields(command), address)...)
		}
		sh.fails(1, "open "+hidden+": no such file or directory", "", "users", "import", address)
		sh.fails(1, "open "+hidden+": no such file or directory", "", "tables", "create", "--template="+address)
	}
	token := strings.Repeat("A", 22) + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43)
	sh.fails(1, `user "alice" has no live session `+hidden+`; see: coatcheck sessions list alice`, "", "sessions", "revoke", "alice", token)
}

func TestHelp(t *testing.T) {
	sh := &shell{t, nil}
	for args, words := range map[string][]string{
		"--help":                 {"users add", "sessions list", "sessions revoke", "tables create", "USERS_TABLE", "SESSIONS_TABLE", "ATTEMPTS_TABLE", "AWS_ENDPOINT_URL_DYNAMODB", "SESSION_PERSISTENT_LIFETIME", "--store", "STORE", "sqlite:PATH", "postgres://…", "redis://…"},
		"users add --help":       {"--display-name", "--role", "15 characters", "1024 bytes", "standard input"},
		"users import --help":    {"standard input", "password_hash", "semicolons", "--dry-run", "run again", "JSON Lines", "user_id", "--null", "tabs", "UTF-8", "cannot be seen"},
		"users list --help":      {"JSON Lines"},
		"users set --help":       {"--display-name", "--role", "--no-roles", "ends every session"},
		"users passwd --help":    {"15 characters", "standard input", "ends every session", "15 seconds"},
		"users disable --help":   {"every session ends", "run it again"},
		"users delete --help":    {"every session ends", "run it again"},
		"users unlock --help":    {"networks"},
		"sessions revoke --help": {"<id>", "all sessions"},
		"tables create --help":   {"--store", "--template", "AWS_ENDPOINT_URL_DYNAMODB", "older release"},
	} {
		help := strings.Join(strings.Fields(sh.ok("", strings.Fields(args)...)), " ")
		for _, word := range words {
			if !strings.Contains(help, word) {
				t.Errorf("coatcheck %s does not mention %q:\n%s", args, word, help)
			}
		}
	}
}

func TestOutage(t *testing.T) {
	sh := newShell(t).with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
	const hint = "the call to DynamoDB failed; check the table's name, AWS_REGION, the credentials and AWS_ENDPOINT_URL_DYNAMODB: .*"
	sh.fails(1, hint, phrase, "users", "add", "alice")
	for _, command := range []string{"list", "show alice", "set alice --no-roles", "passwd alice", "disable alice", "enable alice", "unlock alice", "delete alice"} {
		sh.fails(1, hint, phrase, strings.Fields("users "+command)...)
	}
	sh.fails(1, hint, someRows(20), "users", "import", "-")
	sh.fails(1, hint, someRows(20), "users", "import", "--dry-run", "-")
	sh.fails(1, hint, "", "sessions", "list", "alice")
	sh.fails(1, hint, "", "tables", "create", "--template", "../../template.yaml")
}
