package main_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestBookshop walks a user through the shop twice: as it is, with sessions in memory, and
// with the one line of main.go changed, so that they are in SQLite. What differs is what a
// restart leaves.
func TestBookshop(t *testing.T) {
	for _, store := range []struct {
		line, name string
		survives   bool
	}{
		{"inMemory()", "memory", false},
		{`inSQLite("bookshop.db")`, "SQLite", true},
	} {
		t.Run(store.name, func(t *testing.T) {
			t.Parallel()
			program, folder := build(t, store.line), t.TempDir()
			ada := &browser{t: t, shop: start(t, program, folder)}
			ada.walk()
			ada.restart(program, folder)
			if !store.survives {
				ada.wants("GET", "/cart", nil, http.StatusUnauthorized, "")
				return
			}
			ada.wants("GET", "/cart", nil, http.StatusOK, "<li>The Cloakroom<li>A Coat for Winter</ul>")
			stolen := ada.cookie
			ada.wants("POST", "/logout", nil, http.StatusOK, "")
			if ada.cookie != "" {
				t.Error("after the logout the browser has the cookie still")
			}
			ada.cookie = stolen
			ada.wants("GET", "/cart", nil, http.StatusUnauthorized, "")
			ada.restart(program, folder)
			ada.wants("GET", "/cart", nil, http.StatusUnauthorized, "")
			breakTable(t, filepath.Join(folder, "bookshop.db"))
			for _, path := range []string{"/cart", "/logout"} {
				ada.wants("POST", path, url.Values{"book": {"1"}}, http.StatusServiceUnavailable, "Try again")
			}
			if ada.cookie != stolen {
				t.Error("the outage has changed the cookie")
			}
		})
	}
}

// breakTable makes an outage: the table of sessions gets another name.
func breakTable(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE coatcheck_sessions RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
}

// walk signs in, with a wrong password first, and puts two books into the cart. Pages of
// other sites can do neither.
func (b *browser) walk() {
	b.t.Helper()
	b.wants("GET", "/", nil, http.StatusOK, "Sign in")
	b.wants("GET", "/cart", nil, http.StatusUnauthorized, "")
	b.wants("POST", "/login", url.Values{"user": {"ada"}, "password": {"seven loud umbrellas"}}, http.StatusUnauthorized, "")
	b.wants("POST", "/login", url.Values{"user": {"bob"}, "password": {"seven quiet umbrellas"}}, http.StatusUnauthorized, "")
	right := url.Values{"user": {"ada"}, "password": {"seven quiet umbrellas"}}
	long := url.Values{"user": {"ada"}, "password": {"seven quiet umbrellas"}, "more": {strings.Repeat("a", 8<<10)}}
	b.wants("POST", "/login", long, http.StatusBadRequest, "too long")
	b.site = "https://other.example"
	b.wants("POST", "/login", right, http.StatusForbidden, "")
	b.site = ""
	if b.cookie != "" {
		b.t.Error("there is a session before anybody has signed in")
	}
	b.wants("POST", "/login", right, http.StatusOK, "Go on")
	b.wants("GET", "/", nil, http.StatusOK, "Hello, ada!")
	b.wants("POST", "/cart", url.Values{"book": {"1"}}, http.StatusSeeOther, "")
	b.wants("POST", "/cart", url.Values{"book": {"3"}}, http.StatusBadRequest, "")
	b.site = "https://other.example"
	b.wants("POST", "/cart", url.Values{"book": {"1"}}, http.StatusForbidden, "")
	b.wants("POST", "/logout", nil, http.StatusForbidden, "")
	b.site = ""
	b.wants("POST", "/cart", url.Values{"book": {"2"}}, http.StatusSeeOther, "")
	b.wants("GET", "/cart", nil, http.StatusOK, "<li>The Cloakroom<li>A Coat for Winter</ul>")
}

// build builds the shop with another line in the place of main.go's inMemory(), and
// returns the program's path.
func build(t *testing.T, line string) string {
	t.Helper()
	folder := t.TempDir()
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), ":= inMemory()"); n != 1 {
		t.Fatalf("main.go has %d lines that choose the store, want 1", n)
	}
	main, err := filepath.Abs("main.go")
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(folder, "main.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{main: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"main.go": strings.Replace(string(source), ":= inMemory()", ":= "+line, 1), "overlay.json": string(overlay),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(folder, "bookshop")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// shop is a running program.
type shop struct {
	address string
	stop    func()
}

func start(t *testing.T, program, folder string) shop {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "ADDR=127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop := func() {
		if !ended {
			ended = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	line, err := bufio.NewReader(log).ReadString('\n')
	address := regexp.MustCompile(`http://(\S+) is open`).FindStringSubmatch(line)
	if address == nil {
		t.Fatalf("the shop does not open: %s%v", line, err)
	}
	go io.Copy(io.Discard, log)
	return shop{address[1], stop}
}

// browser keeps the shop's cookie. It sends it by http too, as browsers do on localhost.
type browser struct {
	t      *testing.T
	shop   shop
	cookie string
	site   string // that its forms are on, if it is another
}

func (b *browser) restart(program, folder string) {
	b.t.Helper()
	b.shop.stop()
	b.shop = start(b.t, program, folder)
}

// wants sends a request, and a form if there is one, and checks the answer.
func (b *browser) wants(method, path string, form url.Values, status int, text string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.shop.address+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.cookie != "" {
		r.Header.Set("Cookie", b.cookie)
	}
	if r.Header.Set("Sec-Fetch-Site", "same-origin"); b.site != "" {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", b.site)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || !strings.Contains(string(body), text) {
		b.t.Errorf("%s %s: %s, %v; want %d and %q:\n%s", method, path, resp.Status, err, status, text, body)
	}
	for _, c := range resp.Cookies() {
		if b.cookie = c.Name + "=" + c.Value; c.MaxAge < 0 {
			b.cookie = ""
		}
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly {
			b.t.Errorf("%s %s sets the cookie %v", method, path, c)
		}
	}
}
