package main

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/signin/oidc/dynamolinks"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

// atProvider starts a server whose users sign in at an issuer in this process.
func atProvider(t *testing.T, env []string, args ...string) (*process, *oidctest.Issuer) {
	t.Helper()
	issuer := oidctest.NewIssuer(t)
	address := httptest.NewServer(issuer)
	t.Cleanup(address.Close)
	issuer.URL = address.URL
	issuer.User = map[string]any{"sub": "user-1", "name": "Carol Canetti", "sid": "first", "groups": []string{"admins", "others"}}
	port := testenv.FreePort(t)
	return start(t, append([]string{
		"ADDR=localhost:" + port, "PUBLIC_ORIGIN=http://localhost:" + port, "OIDC_NAME=Example ID", "OIDC_ISSUER=" + issuer.URL, "OIDC_CLIENT_ID=" + issuer.ClientID,
		"OIDC_CLIENT_SECRET=" + issuer.ClientSecret, "OIDC_KEYS=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "OIDC_ROLES_CLAIM=groups", "OIDC_ROLES=admins=admin",
	}, env...), args...), issuer
}

// TestProvider signs in at a provider, in each kind of store. What the provider has ended is
// over here at once, and does not begin again. In the stores a sign-in with a password is as
// before.
func TestProvider(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]func(*testing.T) []string{
		"memory": func(*testing.T) []string { return nil },
		"SQLite": func(t *testing.T) []string {
			return []string{"STORE=sqlite:" + filepath.Join(t.TempDir(), "store.db")}
		},
		"PostgreSQL": func(t *testing.T) []string { return []string{"STORE=" + postgrestest.DSN(t)} },
		"Redis":      func(t *testing.T) []string { return []string{"STORE=redis://" + redistest.Start(t).Options().Addr} },
		"DynamoDB": func(t *testing.T) []string {
			table := "links-" + strings.ReplaceAll(t.Name(), "/", "-")
			client := dynamotest.Client(t, dynamotest.Endpoint(t))
			if _, err := client.CreateTable(t.Context(), dynamolinks.CreateTableInput(table)); err != nil {
				t.Fatal(err)
			}
			return append(deployed(t, dynamotest.Endpoint(t)), "OIDC_TABLE="+table)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, issuer := atProvider(t, env(t), "-tables", "-demo")
			b := newBrowser(t)
			got := b.get(p.url + "/sso?next=/profile")
			if got.status != http.StatusOK || got.path != "/profile" || !strings.Contains(got.body, "Carol Canetti") || !strings.Contains(got.body, "admin") || strings.Contains(got.body, "others") {
				t.Fatalf("the sign-in ends at %s with %d:\n%s", got.path, got.status, got.body)
			}
			cookie := sessionOf(b, p.url)
			if status := statusWith(t, p.url, cookie); status != http.StatusOK {
				t.Fatalf("the session: %d", status)
			}
			if status := notify(t, issuer, p.url, "first"); status != http.StatusOK {
				t.Errorf("the notice: %d", status)
			}
			if status := statusWith(t, p.url, cookie); status != http.StatusUnauthorized {
				t.Errorf("after the notice: %d", status)
			}
			if got := newBrowser(t).get(p.url + "/sso"); got.status < 400 || got.status >= 500 {
				t.Errorf("a sign-in by what has ended: %d at %s", got.status, got.path)
			}
			issuer.User = maps.Clone(issuer.User)
			issuer.User["sid"] = "second"
			if got := newBrowser(t).get(p.url + "/sso"); got.status != http.StatusOK || got.path != "/profile" {
				t.Errorf("the next sign-in ends at %s with %d", got.path, got.status)
			}
			journey(t, p.url)
		})
	}
}

// sessionOf returns the Cookie header with the browser's session alone.
func sessionOf(b *browser, address string) string {
	for pair := range strings.SplitSeq(b.cookie(address), "; ") {
		if strings.HasPrefix(pair, "__Host-SESSIONID=") {
			return pair
		}
	}
	return ""
}

// notify posts a notice that a session at the provider has ended, and returns the status.
func notify(t *testing.T, issuer *oidctest.Issuer, address, sid string) int {
	t.Helper()
	notice := issuer.Notice(address+"/sso/ended", map[string]any{"sid": sid, "sub": "user-1"})
	body, err := io.ReadAll(notice.Body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(address+"/sso/ended", notice.Header.Get("Content-Type"), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// TestProviderAlone: without passwords there are no routes that take one, and no demo user.
func TestProviderAlone(t *testing.T) {
	t.Parallel()
	p, _ := atProvider(t, []string{"PASSWORD_SIGN_IN=false"}, "-demo")
	if said := p.stdout.String(); strings.Contains(said, demoPassword) {
		t.Errorf("it tells a password: %s", said)
	}
	b := newBrowser(t)
	if got := b.get(p.url + "/login"); got.status != http.StatusOK || strings.Contains(got.body, `type="password"`) || !strings.Contains(got.body, "Sign in with Example ID") {
		t.Errorf("the login page: %d\n%s", got.status, got.body)
	}
	if got := b.post(p.url+"/login", url.Values{"username": {demoUser}, "password": {demoPassword}}); got.status != http.StatusMethodNotAllowed {
		t.Errorf("a password: %d", got.status)
	}
	if got := b.get(p.url + "/sso?next=/profile"); got.path != "/profile" || got.status != http.StatusOK {
		t.Errorf("the sign-in ends at %s with %d", got.path, got.status)
	}
	if got := b.get(p.url + "/password"); got.status != http.StatusNotFound {
		t.Errorf("/password: %d", got.status)
	}
}

// TestPasswordsTurnedOff: a session that a password has made goes on when passwords are turned
// off, and no page of it leads to one that is not there any more.
func TestPasswordsTurnedOff(t *testing.T) {
	t.Parallel()
	store := "STORE=sqlite:" + filepath.Join(t.TempDir(), "store.db")
	before, _ := atProvider(t, []string{store}, "-tables", "-demo")
	b := newBrowser(t)
	if got := signIn(t, b, before.url, demoPassword); got.path != "/profile" || !strings.Contains(got.body, `href="/password"`) {
		t.Fatalf("%d at %s: %s", got.status, got.path, got.body)
	}
	before.stop(t, os.Interrupt)
	after, _ := atProvider(t, []string{store, "PASSWORD_SIGN_IN=false"})
	if got := b.get(after.url + "/profile"); got.status != http.StatusOK || got.path != "/profile" || strings.Contains(got.body, "/password") {
		t.Errorf("%d at %s: %s", got.status, got.path, got.body)
	}
}

// TestProviderVariables: what is missing for a provider is told at the start.
func TestProviderVariables(t *testing.T) {
	t.Parallel()
	all := map[string]string{
		"PUBLIC_ORIGIN": "http://localhost:1", "OIDC_NAME": "Example ID", "OIDC_ISSUER": "https://id.example.com", "OIDC_CLIENT_ID": "shop",
		"OIDC_KEYS": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
	}
	for name := range all {
		var env []string
		for other, value := range all {
			if other != name {
				env = append(env, other+"="+value)
			}
		}
		if code, said := runFailing(t, env); code != 1 || !strings.Contains(said, name) {
			t.Errorf("without %s: %d, %s", name, code, said)
		}
	}
	if code, said := runFailing(t, []string{"PASSWORD_SIGN_IN=false"}); code != 1 || !strings.Contains(said, "PASSWORD_SIGN_IN") || !strings.Contains(said, "OIDC_NAME") {
		t.Errorf("nobody can sign in: %d, %s", code, said)
	}
	file := filepath.Join(t.TempDir(), "store.db")
	if p := start(t, []string{"STORE=sqlite:" + file}, "-tables"); p.url == "" {
		t.Fatal("no server")
	}
	env := []string{"STORE=sqlite:" + file}
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	if code, said := runFailing(t, env); code != 1 || !strings.Contains(said, "coatcheck_oidc_links") || !strings.Contains(said, "tables create") {
		t.Errorf("without the table: %d, %s", code, said)
	}
}
