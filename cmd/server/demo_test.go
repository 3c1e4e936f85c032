package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
)

// mustRefuseAlice checks that the program does not start, and says in one line that this
// is because of the demo user.
func mustRefuseAlice(t *testing.T, env []string, args ...string) {
	t.Helper()
	code, message := runFailing(t, env, args...)
	if code != 1 || strings.Count(message, "\n") != 1 || !strings.Contains(message, `the demo user "alice", whose password is public, is not made`) {
		t.Errorf("%q %q: exit code %d, %q", env, args, code, message)
	}
}

// reached is a server that counts its connections and answers none.
type reached struct {
	port  string
	count atomic.Int32
}

func newReached(t *testing.T) *reached {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	r := &reached{port: port}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.count.Add(1)
			conn.Close()
		}
	}()
	return r
}

// TestNoDemoUserElsewhere: in a store that may be on another machine the demo user is
// refused before a call is made. The name "localhost." leads to this machine, so a call
// would arrive, but it is not one of the spellings that count as loopback.
func TestNoDemoUserElsewhere(t *testing.T) {
	t.Parallel()
	store := newReached(t)
	aws := []string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "SESSIONS_TABLE=s", "USERS_TABLE=u", "ATTEMPTS_TABLE=a"}
	for name, env := range map[string][]string{
		"AWS":                    append(aws, "STORE=dynamodb"),
		"DynamoDB's endpoint":    append(aws, "STORE=dynamodb", "AWS_ENDPOINT_URL_DYNAMODB=http://localhost.:"+store.port),
		"every service's":        append(aws, "STORE=dynamodb", "AWS_ENDPOINT_URL=http://localhost.:"+store.port),
		"an endpoint ignored":    append(aws, "STORE=dynamodb", "AWS_ENDPOINT_URL=http://localhost:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"),
		"PostgreSQL":             {"STORE=postgres://localhost.:" + store.port + "/x"},
		"one of two PostgreSQLs": {"STORE=postgres://localhost:" + store.port + ",localhost.:" + store.port + "/x"},
		"a host parameter":       {"STORE=postgres://localhost/x?host=localhost.&port=" + store.port},
		"PGHOST":                 {"STORE=postgres:///x", "PGHOST=localhost.", "PGPORT=" + store.port},
		"Redis":                  {"STORE=redis://localhost.:" + store.port},
	} {
		t.Run(name, func(t *testing.T) {
			for _, more := range [][]string{nil, {"-tables"}, {"-anyone-may-be-alice"}} {
				mustRefuseAlice(t, append(env, "ADDR=localhost:0"), append(more, "-demo")...)
			}
		})
	}
	if calls := store.count.Load(); calls > 0 {
		t.Errorf("%d calls were made before the refusal", calls)
	}
}

// TestNoDemoUserInDeployedTables is the command that wrote her into a deployed users
// table: make run in a shell that has the names of the tables.
func TestNoDemoUserInDeployedTables(t *testing.T) {
	t.Parallel()
	endpoint, tables := dynamotest.Endpoint(t), dynamotest.Tables(t)
	host := strings.NewReplacer("127.0.0.1", "localhost.", "localhost", "localhost.").Replace(endpoint)
	mustRefuseAlice(t, []string{
		"ADDR=localhost:0", "STORE=dynamodb", "AWS_ENDPOINT_URL_DYNAMODB=" + host, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"SESSIONS_TABLE=" + tables["SessionsTable"], "USERS_TABLE=" + tables["UsersTable"], "ATTEMPTS_TABLE=" + tables["AttemptsTable"],
	}, "-demo", "-tables")
	users := dynamoaccounts.New(dynamotest.Client(t, endpoint), tables["UsersTable"])
	if _, err := users.Get(t.Context(), demoUser); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("the table has her: %v", err)
	}
}

// TestNoDemoUserForOthers: a server that others may reach has no demo user, in whatever
// store, unless a flag says so. It is refused before anything is written.
func TestNoDemoUserForOthers(t *testing.T) {
	t.Parallel()
	addresses := []string{":0", "0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"}
	for _, host := range otherAddresses(t) {
		if !net.ParseIP(host).IsLoopback() {
			addresses = append(addresses, net.JoinHostPort(host, "0"))
		}
	}
	for _, addr := range addresses {
		t.Run(addr, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "coatcheck.db")
			mustRefuseAlice(t, []string{"ADDR=" + addr})
			mustRefuseAlice(t, []string{"ADDR=" + addr}, "-demo")
			mustRefuseAlice(t, []string{"ADDR=" + addr, "STORE=sqlite:" + file}, "-demo", "-tables")
			if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file was made: %v", err)
			}
			for _, store := range []string{"memory", "sqlite:" + file} {
				p := start(t, []string{"ADDR=" + addr, "STORE=" + store}, "-demo", "-tables", "-anyone-may-be-alice")
				if got := signIn(t, newBrowser(t), p.url, demoPassword); got.status != 200 {
					t.Errorf("with the flag: %d at %s", got.status, got.path)
				}
				p.stop(t, os.Interrupt)
			}
		})
	}
}

// TestNoDemoUserBehindAProxy: a server at localhost has no demo user if a proxy may pass
// on to it what others send. The variables for one say so.
func TestNoDemoUserBehindAProxy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "coatcheck.db")
	for _, env := range [][]string{
		{"TRUSTED_PROXIES=127.0.0.1", "PUBLIC_ORIGIN=https://app.example.com"},
		{"TRUSTED_PROXIES=127.0.0.1"},
		{"PROXY_SECRETS=an-example-of-a-secret-of-a-proxy-1"},
		{"PUBLIC_ORIGIN=https://app.example.com"},
	} {
		env = append(env, "ADDR=localhost:0")
		mustRefuseAlice(t, env)
		mustRefuseAlice(t, append(env, "STORE=sqlite:"+file), "-demo", "-tables")
		start(t, env, "-anyone-may-be-alice")
		start(t, append(env, "STORE=sqlite:"+filepath.Join(t.TempDir(), "other.db")), "-tables")
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
}

// TestDemoUserOfAnEarlierDemo: a server that others may reach, or whose store may be on
// another machine, does not start while its store has the demo user, until an operator
// has changed that.
func TestDemoUserOfAnEarlierDemo(t *testing.T) {
	t.Parallel()
	file := "STORE=sqlite:" + filepath.Join(t.TempDir(), "coatcheck.db")
	start(t, []string{file}, "-demo", "-tables").stop(t, os.Interrupt)
	// Calls to 0.0.0.0 reach this machine, but it does not count as loopback.
	elsewhere := deployed(t, strings.NewReplacer("127.0.0.1", "0.0.0.0", "localhost", "0.0.0.0").Replace(dynamotest.Endpoint(t)))
	refused := [][]string{
		{file, "ADDR=0.0.0.0:0"},
		{file, "ADDR=localhost:0", "TRUSTED_PROXIES=127.0.0.1"},
		{file, "ADDR=localhost:0", "PUBLIC_ORIGIN=https://app.example.com"},
		append(elsewhere, "ADDR=localhost:0"),
	}
	for _, env := range refused {
		code, message := runFailing(t, env)
		if code != 1 || strings.Count(message, "\n") != 1 || !strings.Contains(message, "users passwd alice") || !strings.Contains(message, "users delete alice") ||
			!strings.Contains(message, `the store has the demo user "alice", whose password is public`) {
			t.Errorf("%q: exit code %d, %q", env, code, message)
		}
	}
	start(t, []string{file}).stop(t, os.Interrupt)
	if code, message := runFailing(t, append(elsewhere, "ADDR=localhost:0"), "-anyone-may-be-alice"); code != 1 || !strings.Contains(message, demoUser) {
		t.Errorf("the flag overrides the store's half: exit code %d, %s", code, message)
	}
	start(t, []string{file, "ADDR=0.0.0.0:0"}, "-anyone-may-be-alice").stop(t, os.Interrupt)

	cmd := exec.CommandContext(t.Context(), "go", "run", "../coatcheck", "users", "passwd", "alice")
	cmd.Env, cmd.Stdin = append(os.Environ(), file), strings.NewReader("an orchid, a tram and rain")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	again := start(t, []string{file}, "-demo")
	again.stop(t, os.Interrupt)
	if said := again.stdout.String(); strings.Contains(said, demoPassword) || !strings.Contains(said, `a user "alice" already`) {
		t.Errorf("with a password of her own: %s", said)
	}
	p := start(t, []string{file, "ADDR=0.0.0.0:0"})
	if got := signIn(t, newBrowser(t), p.url, demoPassword); got.status != 401 {
		t.Errorf("alice signs in: %d at %s", got.status, got.path)
	}
}

// TestDemoUserOnRequest: without -demo a store has no demo user, and tables are made
// only on request.
func TestDemoUserOnRequest(t *testing.T) {
	t.Parallel()
	store := "STORE=sqlite:" + filepath.Join(t.TempDir(), "coatcheck.db")
	p := start(t, []string{store, "ADDR=0.0.0.0:0"}, "-tables")
	if said := p.stdout.String(); strings.Contains(said, "alice") {
		t.Errorf("it says %s", said)
	}
	if got := signIn(t, newBrowser(t), p.url, demoPassword); got.status != 401 {
		t.Errorf("alice signs in: %d at %s", got.status, got.path)
	}
	p.stop(t, os.Interrupt)
	journey(t, start(t, []string{store}, "-demo").url)
}
