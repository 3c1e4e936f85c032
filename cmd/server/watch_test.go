package main

import (
	"database/sql"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/openapi"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/testenv"
)

// watched starts a server that is watched, and returns the URL for those who run it.
func watched(t *testing.T, env []string, args ...string) (p *process, at string) {
	t.Helper()
	addr := "localhost:" + testenv.FreePort(t)
	return start(t, append(env, "METRICS_ADDR="+addr), args...), "http://" + addr
}

// ask returns the status and the text that the server gives those who run it.
func ask(t *testing.T, address string) (status int, text string) {
	t.Helper()
	var resp *http.Response
	var err error
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if resp, err = http.Get(address); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openapi.Read("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range d.Operations("operators") {
		if op.Path != resp.Request.URL.Path {
			continue
		}
		if err := op.CheckAnswer(resp.StatusCode, resp.Header, body, false); err != nil {
			t.Errorf("docs/openapi.yaml: %v", err)
		}
	}
	return resp.StatusCode, string(body)
}

// await waits until the server answers with the status, and returns the text.
func await(t *testing.T, address string, status int) string {
	t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got, text := ask(t, address); got == status {
			return text
		}
	}
	t.Fatalf("%s never answers %d", address, status)
	return ""
}

// TestMetrics: what happens on the real server is counted, at an address of its own, and
// tells nothing of anybody.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p, at := watched(t, nil)
	b := newBrowser(t)
	signIn(t, b, p.url, "a wrong password")
	signIn(t, b, p.url, demoPassword)
	b.get(p.url + "/profile")
	b.get(p.url + "/" + canary)
	b.post(p.url+"/logout", nil)
	status, text := ask(t, at+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	for _, line := range []string{
		`coatcheck_events_total{event="authn_login_fail",reason="password"} 1`,
		`coatcheck_events_total{event="authn_login_success",reason=""} 1`,
		`coatcheck_events_total{event="session_created",reason=""} 1`,
		`coatcheck_events_total{event="session_ended",reason="logout"} 1`,
		`coatcheck_events_total{event="session_ended",reason="limit"} 0`,
		`coatcheck_request_duration_seconds_count{route="POST /login",status="401"} 1`,
		`coatcheck_request_duration_seconds_count{route="POST /login",status="200"} 1`,
		`coatcheck_request_duration_seconds_count{route="none",status="404"} 1`,
		`coatcheck_session_store_duration_seconds_count{call="Create",failed="false"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
	for _, hidden := range []string{demoUser, canary, b.cookie(p.url)} {
		if hidden != "" && strings.Contains(text, hidden) {
			t.Errorf("%q is in\n%s", hidden, text)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if got := b.get(p.url + path); got.status != http.StatusNotFound {
			t.Errorf("users reach %s: %d", path, got.status)
		}
	}
	if status, _ := ask(t, at+"/profile"); status != http.StatusNotFound {
		t.Errorf("the address for those who run the server has /profile: %d", status)
	}
}

// TestReady: a server whose store is away lives, and is not ready until the store is back. It
// says in one line what is wrong, and nothing of the store's address.
func TestReady(t *testing.T) {
	t.Parallel()
	proxy := postgrestest.NewProxy(t, postgrestest.DSN(t))
	u, err := url.Parse(proxy.DSN)
	if err != nil {
		t.Fatal(err)
	}
	_, at := watched(t, []string{"STORE=" + postgrestest.With(proxy.DSN, "password", canary)}, "-tables")
	if text := await(t, at+"/readyz", http.StatusOK); text != "ready\n" {
		t.Errorf("it says %q", text)
	}
	proxy.FailAll(postgrestest.Refuse)
	text := await(t, at+"/readyz", http.StatusServiceUnavailable)
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "PostgreSQL") {
		t.Errorf("it says %q", text)
	}
	for _, hidden := range []string{canary, u.Query().Get("host"), "user=", "database="} {
		if strings.Contains(text, hidden) {
			t.Errorf("it says %q: %q", hidden, text)
		}
	}
	if status, text := ask(t, at+"/healthz"); status != http.StatusOK || text != "ok\n" {
		t.Errorf("healthz: %d %q", status, text)
	}
	proxy.FailAll(postgrestest.None)
	await(t, at+"/readyz", http.StatusOK)
}

// TestReadyOnNewerTables: a server that runs goes on, and stays ready, when a newer release
// updates the SQL tables: otherwise a balancer would send requests to none.
func TestReadyOnNewerTables(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "coatcheck.db")
	_, at := watched(t, []string{"STORE=sqlite:" + file}, "-tables")
	await(t, at+"/readyz", http.StatusOK)
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, part := range []string{"sessions", "accounts", "audit"} {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO coatcheck_"+part+"_schema (version) VALUES (99)"); err != nil {
			t.Fatal(err)
		}
	}
	if status, text := ask(t, at+"/readyz"); status != http.StatusOK {
		t.Errorf("on newer tables: %d %q", status, text)
	}
	if _, err := db.ExecContext(t.Context(), "DELETE FROM coatcheck_sessions_schema"); err != nil {
		t.Fatal(err)
	}
	if status, text := ask(t, at+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "tables create") {
		t.Errorf("without tables: %d %q", status, text)
	}
}

// TestRollingRestart: two servers share a store, and a balancer sends requests to one that is
// ready. One is told to end, goes on while the balancer may not have noticed, and no request
// fails. It ends when its time is over, or at once by a second signal.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	store := "STORE=sqlite:" + filepath.Join(t.TempDir(), "coatcheck.db")
	old, oldAt := watched(t, []string{store}, "-demo", "-tables", "-drain=1h")
	next, nextAt := watched(t, []string{store}, "-demo", "-tables", "-drain=1ms")
	await(t, oldAt+"/readyz", http.StatusOK)
	await(t, nextAt+"/readyz", http.StatusOK)
	b := newBrowser(t)
	signIn(t, b, old.url, demoPassword)
	cookie := b.cookie(old.url)
	if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if text := await(t, oldAt+"/readyz", http.StatusServiceUnavailable); !strings.Contains(text, "about to end") {
		t.Errorf("it says %q", text)
	}
	if status, _ := ask(t, oldAt+"/healthz"); status != http.StatusOK {
		t.Errorf("while it ends, healthz says %d", status)
	}
	for name, p := range map[string]*process{"the old server": old, "the next server": next} {
		if status := statusWith(t, p.url, cookie); status != http.StatusOK {
			t.Errorf("%s answers %d", name, status)
		}
	}
	old.stop(t, syscall.SIGTERM)
	if status := statusWith(t, next.url, cookie); status != http.StatusOK {
		t.Errorf("after the old server has ended: %d", status)
	}
	if code := next.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, next.stderr)
	}
}

// TestMetricsAddressTaken: an address that another program has is an error that says what to
// change.
func TestMetricsAddressTaken(t *testing.T) {
	t.Parallel()
	_, port := start(t, nil).hostPort(t)
	if code, message := runFailing(t, []string{"METRICS_ADDR=localhost:" + port}); code != 1 || !strings.Contains(message, "METRICS_ADDR=host:port") {
		t.Errorf("exit code %d, %s", code, message)
	}
}
