package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
)

// signIn does what a user does who wants to see their profile.
func signIn(t *testing.T, b *browser, address, password string) answer {
	t.Helper()
	if asked := b.get(address + "/"); asked.status != 200 || asked.path != "/login" {
		t.Fatalf("the way in ends at %s with %d", asked.path, asked.status)
	}
	return b.post(address+"/login", url.Values{"username": {demoUser}, "password": {password}, "next": {"/profile"}})
}

// journey tests these steps of a user: a wrong password, the right password, the
// profile, and the logout. After the logout, the old cookie must not work.
func journey(t *testing.T, address string) {
	t.Helper()
	b := newBrowser(t)
	if got := signIn(t, b, address, "incorrect horse battery staple"); got.status != 401 || got.path != "/login" || b.cookie(address) != "" {
		t.Errorf("wrong password: %d at %s with %q", got.status, got.path, b.cookie(address))
	}
	got := signIn(t, b, address, demoPassword)
	if got.status != 200 || got.path != "/profile" || !strings.Contains(got.body, "Welcome to your profile, Alice!") {
		t.Fatalf("right password: %d at %s: %s", got.status, got.path, got.body)
	}
	cookie := b.cookie(address)
	if !strings.HasPrefix(cookie, "__Host-SESSIONID=") || statusWith(t, address, cookie) != 200 {
		t.Fatalf("the browser keeps %q", cookie)
	}
	if got := b.post(address+"/logout", nil); got.status != 200 || got.path != "/login" || b.cookie(address) != "" {
		t.Errorf("logout: %d at %s, the browser keeps %q", got.status, got.path, b.cookie(address))
	}
	if status := statusWith(t, address, cookie); status != 401 {
		t.Errorf("the old cookie: %d", status)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	journey(t, p.url)
	said := p.stdout.String()
	for _, part := range []string{"Coatcheck is at http://localhost:", `"alice"`, `"correct horse battery staple"`} {
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %s: %s", part, said)
		}
	}
}

// deployed creates tables with the demo user, and returns the environment variables for
// a server that uses them.
func deployed(t *testing.T, endpoint string) []string {
	t.Helper()
	tables := dynamotest.Tables(t)
	client, table := dynamotest.Client(t, dynamotest.Endpoint(t)), tables["UsersTable"]
	directory := accounts.NewRegistrar(dynamoaccounts.New(client, table), accounts.Config{})
	if err := demo.AddUser(t.Context(), directory, dynamoaccounts.All(t.Context(), client, table)); err != nil {
		t.Fatal(err)
	}
	return []string{
		"STORE=dynamodb", "SESSIONS_TABLE=" + tables["SessionsTable"], "USERS_TABLE=" + tables["UsersTable"], "ATTEMPTS_TABLE=" + tables["AttemptsTable"],
		"AWS_ENDPOINT_URL_DYNAMODB=" + endpoint, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}
}

func TestDynamoDB(t *testing.T) {
	t.Parallel()
	env := deployed(t, dynamotest.Endpoint(t))
	p := start(t, env)
	journey(t, p.url)
	if strings.Contains(p.stdout.String(), demoPassword) {
		t.Error("it names a demo user that the tables need not have")
	}

	// A session still exists after the process that created it has ended.
	b := newBrowser(t)
	signIn(t, b, p.url, demoPassword)
	if code := p.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	again := start(t, env)
	if got := b.get(again.url + "/profile"); got.status != 200 || got.path != "/profile" {
		t.Errorf("after the restart: %d at %s", got.status, got.path)
	}
	cookie := b.cookie(again.url)
	b.post(again.url+"/logout", nil)
	if status := statusWith(t, again.url, cookie); status != 401 {
		t.Errorf("the old cookie: %d", status)
	}
}

// TestStores tests the journey with the other stores. They must keep sessions when the
// server restarts.
func TestStores(t *testing.T) {
	file := filepath.Join(t.TempDir(), "100%25 #1?.db") // the name of the file must be exactly this
	t.Cleanup(func() {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file that holds password hashes: %v, %v", info, err)
		}
	})
	for name, address := range map[string]string{
		"SQLite":     "sqlite:" + file,
		"PostgreSQL": postgrestest.DSN(t),
		"Redis":      "redis://" + redistest.Start(t).Options().Addr,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{"STORE=" + address}
			p := start(t, env, "-demo", "-tables")
			journey(t, p.url)
			b := newBrowser(t)
			signIn(t, b, p.url, demoPassword)
			p.stop(t, syscall.SIGTERM)
			again := start(t, env, "-demo")
			if got := b.get(again.url + "/profile"); got.status != 200 || got.path != "/profile" {
				t.Errorf("after the restart: %d at %s", got.status, got.path)
			}
		})
	}
}

// TestOutage tests the server while it cannot reach DynamoDB. Every request must fail,
// and no session may be lost.
func TestOutage(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t)
	p := start(t, deployed(t, proxy.URL))
	b := newBrowser(t)
	signIn(t, b, p.url, demoPassword)
	cookie := b.cookie(p.url)

	proxy.FailAll(dynamotest.Refuse)
	for what, got := range map[string]answer{
		"profile": b.get(p.url + "/profile"),
		"login":   b.post(p.url+"/login", url.Values{"username": {demoUser}, "password": {demoPassword}}),
		"logout":  b.post(p.url+"/logout", nil),
	} {
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("Set-Cookie") != "" || !strings.Contains(got.body, "try again") {
			t.Errorf("%s: %d %v %s", what, got.status, got.header, got.body)
		}
	}
	if after := b.cookie(p.url); after != cookie {
		t.Errorf("the browser kept %q, not its cookie", after)
	}

	proxy.FailAll(dynamotest.None)
	if got := b.get(p.url + "/profile"); got.status != 200 || got.path != "/profile" {
		t.Errorf("after the outage: %d at %s", got.status, got.path)
	}
}

// TestMemoryForgets tests that sessions in memory end with the process. The browser's
// old cookie must not cause an error after the restart.
func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	b := newBrowser(t)
	signIn(t, b, p.url, demoPassword)
	p.stop(t, os.Interrupt)
	again := start(t, nil)
	if got := b.get(again.url + "/profile"); got.status != 200 || got.path != "/login" {
		t.Errorf("after the restart: %d at %s", got.status, got.path)
	}
	if got := signIn(t, b, again.url, demoPassword); got.path != "/profile" {
		t.Errorf("signing in again: %d at %s", got.status, got.path)
	}
}
