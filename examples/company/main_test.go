package main

import (
	"bufio"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/pkg/lambdahttp/lambdahttptest"
)

const everybodysPassword = "seven quiet umbrellas"

// TestPortal walks users through the program, as one process and as a Lambda function.
func TestPortal(t *testing.T) {
	program := filepath.Join(t.TempDir(), "portal")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("one process", func(t *testing.T) {
		database, address := newDatabase(t), freeAddress(t)
		startServer(t, command(program, database, "http://"+address, "ADDR="+address), address)
		walk(t, database, "http://"+address, nil)
	})
	t.Run("Lambda", func(t *testing.T) {
		const origin = "https://portal.example"
		database := newDatabase(t)
		function := lambdahttptest.Start(t, command(program, database, origin))
		walk(t, database, origin, lambdahttptest.HTTPAPI.Transport(function.Invoke))
	})
}

func walk(t *testing.T, database, origin string, transport http.RoundTripper) {
	ada, bruno := newClient(t, origin, transport), newClient(t, origin, transport)
	ada.wants("GET", "/invoices", nil, 401, "Sign in first.")
	ada.wants("POST", "/login", signIn("ada@example.com", "seven loud umbrellas"), 401, "The e-mail address or the password is wrong.")
	ada.wants("POST", "/login", signIn("carla@example.com", everybodysPassword), 401, "wrong") // she is not active
	ada.wants("POST", "/login", signIn("ada@example.com", everybodysPassword), 200, `"roles":["accounting"]`)
	bruno.wants("POST", "/login", signIn("Bruno@Example.com", everybodysPassword), 200, `"user_id":"2"`)
	ada.wants("GET", "/invoices", nil, 200, `{"tenant":"Quayside Bakery","invoices":[{"number":"2026-0117","amount":"1284.00","due":"2026-11-30"},{"number":"2026-0142",`)
	bruno.wants("GET", "/invoices", nil, 200, `{"tenant":"Lantern Books","invoices":[{"number":"2026-0125",`)

	// The page, in the language of the browser and in that of the user, in the company's layout.
	ada.accept = "text/html"
	ada.wants("GET", "/invoices", nil, 200, "What Quayside Bakery owes")
	ada.wants("GET", "/invoices", nil, 200, `<a href="/invoices" aria-current="page">Invoices</a>`)
	ada.wants("GET", "/profile", nil, 200, `<footer>Questions?`)
	ada.wants("POST", "/preferences", map[string]string{"language": "de"}, 303, "")
	ada.wants("GET", "/invoices", nil, 200, "Was Quayside Bakery zu zahlen hat")
	ada.wants("GET", "/login", nil, 200, "Blue Harbour")

	// A password that is changed here is changed in the company's table, and one that is
	// changed there is changed here.
	ada.accept = "application/json"
	ada.wants("POST", "/password", map[string]string{"current_password": everybodysPassword, "new_password": "blueharbourblueharbour"}, 400, "")
	const better = "nine cold harbours at dawn"
	ada.wants("POST", "/password", map[string]string{"current_password": everybodysPassword, "new_password": better}, 204, "")
	ada.wants("POST", "/logout", nil, 204, "")
	ada.wants("POST", "/login", signIn("ada@example.com", everybodysPassword), 401, "")
	ada.wants("POST", "/login", signIn("ada@example.com", better), 200, "")
	if hash := read(t, database, `SELECT password FROM users WHERE email = 'ada@example.com'`); !strings.HasPrefix(hash, "$2a$10$") {
		t.Errorf("the company's other programs cannot read the hash %s", hash)
	}
	// Who is here for no customer does not get in, and who may not sign in any more does not.
	execute(t, database, `UPDATE users SET tenant = '' WHERE email = 'bruno@example.com'`)
	bruno.wants("POST", "/login", signIn("bruno@example.com", everybodysPassword), 401, "")
	execute(t, database, `UPDATE users SET tenant = 'Lantern Books' WHERE email = 'bruno@example.com'`)
	bruno.wants("POST", "/login", signIn("bruno@example.com", everybodysPassword), 200, "")
	execute(t, database, `UPDATE users SET active = false WHERE email = 'bruno@example.com'`)
	bruno.wants("POST", "/login", signIn("bruno@example.com", everybodysPassword), 401, "")

	// An outage of the page's table is a 503, and signs nobody out.
	execute(t, database, `ALTER TABLE invoices RENAME TO gone`)
	ada.wants("GET", "/invoices", nil, 503, "Nothing is lost")
	execute(t, database, `ALTER TABLE gone RENAME TO invoices`)
	ada.wants("GET", "/invoices", nil, 200, "Quayside")
}

func signIn(name, given string) map[string]string {
	return map[string]string{"username": name, "password": given}
}

// newDatabase returns the address of a copy of the company's tables, with what the portal
// adds.
func newDatabase(t *testing.T) string {
	t.Helper()
	server := os.Getenv("DATABASE_URL")
	if server == "" {
		t.Fatal("DATABASE_URL is not set: set it to the address of a PostgreSQL, or run this test as README.md says")
	}
	schema := "test_" + strings.ToLower(rand.Text())
	execute(t, server, `CREATE SCHEMA `+schema)
	t.Cleanup(func() { execute(t, server, `DROP SCHEMA `+schema+` CASCADE`) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	for _, file := range []string{"schema.sql", "portal.sql"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		execute(t, u.String(), string(text))
	}
	return u.String()
}

func execute(t *testing.T, address, statements string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// read returns the one value that the query finds.
func read(t *testing.T, address, query string) (value string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// command returns the command that runs the program. The provider is away: it is asked for
// nothing before somebody wants to sign in there.
func command(program, database, origin string, more ...string) *exec.Cmd {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), append(more, "DATABASE_URL="+database, "PUBLIC_ORIGIN="+origin, "OIDC_NAME=Example ID", "OIDC_ISSUER=http://127.0.0.1:1",
		"OIDC_CLIENT_ID=portal", "OIDC_CLIENT_SECRET=invented-secret", "OIDC_KEYS=QW4gaW52ZW50ZWQga2V5IGZvciBvbmUgbWFjaGluZS4=")...)
	return cmd
}

// startServer starts the program, and returns when it listens at the address.
func startServer(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "The portal is at http://"+address+"\n" {
		t.Fatalf("the program prints %q: %v", line, err)
	}
	go io.Copy(io.Discard, lines)
}

// freeAddress returns an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// client is a browser, or a program, that keeps cookies.
type client struct {
	t              *testing.T
	origin, accept string
	http           *http.Client
}

func newClient(t *testing.T, origin string, transport http.RoundTripper) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, origin, "application/json", &http.Client{
		Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// wants sends a request, with the fields as JSON, and checks the answer's status and that
// the text is in it.
func (c *client) wants(method, path string, fields map[string]string, status int, text string) {
	c.t.Helper()
	var body io.Reader
	if fields != nil {
		encoded, err := json.Marshal(fields)
		if err != nil {
			c.t.Fatal(err)
		}
		body = strings.NewReader(string(encoded))
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.origin+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", c.accept)
	if fields != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != status || !strings.Contains(string(answer), text) {
		c.t.Errorf("%s %s: %d\n%s\nwant %d and %q", method, path, response.StatusCode, answer, status, text)
	}
}
