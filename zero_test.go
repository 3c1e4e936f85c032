package coatcheck_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin"
)

const zeroPassword = "an orchid, a tram and rain"

// zero is a program that was given nothing but zero options: no keys, no limits, no brand.
type zero struct {
	sessions *session.Manager
	users    *memaccounts.Store
	http.Handler
}

func newZero(t *testing.T) zero {
	t.Helper()
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	users := memaccounts.New()
	registrar := accounts.NewRegistrar(users, accounts.Config{})
	if err := registrar.Prepare(t.Context(), users.All(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := registrar.Register(t.Context(), "alice", "", nil, zeroPassword); err != nil {
		t.Fatal(err)
	}
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := signin.NewPages(signin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	authenticator := accounts.NewAuthenticator(registrar.Directory, limiter)
	return zero{sessions, users, pages.Handler(signin.Login(sessions, authenticator, signin.Options{}), signin.Profile(sessions), signin.Password(sessions, authenticator))}
}

// login sends a form of the site itself, unless a header says otherwise.
func (z zero) login(password string, header ...string) *http.Response {
	r := httptest.NewRequest("POST", "https://shop.example/login", strings.NewReader(url.Values{"username": {"alice"}, "password": {password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	z.ServeHTTP(w, r)
	return w.Result()
}

// TestZeroOptions: the zero options of sessions, users, attempts and pages are ready for
// production. Each guarantee here is one that SECURITY.md gives by its default.
func TestZeroOptions(t *testing.T) {
	z := newZero(t)
	answer := z.login(zeroPassword)
	if answer.StatusCode != http.StatusOK || len(answer.Cookies()) != 1 {
		t.Fatalf("alice signs in: %s, %v", answer.Status, answer.Header)
	}
	cookie := answer.Header.Get("Set-Cookie")
	for _, attribute := range []string{"__Host-SESSIONID=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(cookie, attribute) || strings.Contains(cookie, "Domain") {
			t.Errorf("the cookie is %s", cookie)
		}
	}
	for name, want := range map[string]string{
		"Strict-Transport-Security": `^max-age=31536000`,
		"Content-Security-Policy":   `default-src 'none'.*frame-ancestors 'none'`,
		"Cache-Control":             `no-store`,
		"X-Content-Type-Options":    `^nosniff$`,
	} {
		if got := answer.Header.Get(name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	live, err := z.sessions.List(t.Context(), z.userID(t))
	if err != nil || len(live) != 1 {
		t.Fatal(live, err)
	}
	if idle := live[0].ExpiresAt.Sub(live[0].LastSeenAt); idle != 30*time.Minute || live[0].Persistent {
		t.Errorf("the idle timeout is %v, persistent %t", idle, live[0].Persistent)
	}
	for range 10 { // ten sessions a user
		if _, err := z.sessions.Create(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), session.User{ID: z.userID(t)}); err != nil {
			t.Fatal(err)
		}
	}
	if live, err = z.sessions.List(t.Context(), z.userID(t)); len(live) != 10 || err != nil {
		t.Errorf("a user has %d sessions, %v", len(live), err)
	}
	if account, _ := z.users.Get(t.Context(), "alice"); !strings.HasPrefix(account.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %.30s…", account.PasswordHash)
	}
}

func (z zero) userID(t *testing.T) string {
	t.Helper()
	account, err := z.users.Get(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	return account.UserID
}

// TestZeroOptionsRefuse: what may not get in does not, either: another site, weak new
// passwords, and who guesses.
func TestZeroOptionsRefuse(t *testing.T) {
	z := newZero(t)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}} {
		if answer := z.login(zeroPassword, header...); answer.StatusCode != http.StatusForbidden || len(answer.Cookies()) > 0 {
			t.Errorf("%q: %s, %v", header, answer.Status, answer.Cookies())
		}
	}
	registrar := accounts.NewRegistrar(z.users, accounts.Config{})
	for _, weak := range []string{"short", "passwordpassword", "correct horse battery staple"} {
		if _, err := registrar.Register(t.Context(), "bob", "", nil, weak); err == nil {
			t.Errorf("bob may have the password %q", weak)
		}
	}
	var statuses []string
	for range 12 {
		statuses = append(statuses, fmt.Sprint(z.login("not her password").StatusCode))
	}
	if got, want := strings.Join(statuses, " "), strings.Repeat("401 ", 10)+"429 429"; got != want {
		t.Errorf("guesses are answered %s, want %s", got, want)
	}
	if answer := z.login(zeroPassword); answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a right guess after them: %s", answer.Status)
	}
}

// TestSessionsAreStandardLibrary: a program that imports pkg/session and memstore compiles
// these two packages, and no other that is not in the standard library.
func TestSessionsAreStandardLibrary(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./pkg/session/memstore").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(strings.Fields(string(out)), " "), module+"/pkg/session "+module+"/pkg/session/memstore"; got != want {
		t.Errorf("it compiles %s, want %s", got, want)
	}
}
