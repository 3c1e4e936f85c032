package functions_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	hashes "example.com/coatcheck/pkg/accounts/password"
)

var setCookie = regexp.MustCompile(`^__Host-SESSIONID=[\w-]{22}\.[\w-]{22}\.[\w-]{43}; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax$`)

const clearCookie = "__Host-SESSIONID=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure; SameSite=Lax"

func wantStatus(t *testing.T, r reply, want int) {
	t.Helper()
	if r.status != want {
		t.Fatalf("status %d, want %d; body %s", r.status, want, r.body)
	}
}

// TestJourney takes a user through the real binaries and compares the cost of each step
// with the operation budget.
func TestJourney(t *testing.T) {
	s := newStack(t, nil)

	r := s.wantCost(t, request{method: "GET", path: "/profile"}, budget{})
	wantStatus(t, r, http.StatusUnauthorized)

	r = s.wantCost(t, request{method: "GET", path: "/profile", accept: "text/html"}, budget{})
	wantStatus(t, r, http.StatusSeeOther)
	if to := r.header.Get("Location"); to != "/login?next=%2Fprofile" {
		t.Errorf("a browser is sent to %q", to)
	}

	r = s.wantCost(t, login("not the password, surely"), refusalCost)
	wantStatus(t, r, http.StatusUnauthorized)
	if got := r.header.Values("Set-Cookie"); len(got) > 0 {
		t.Errorf("a failed sign-in sets %q", got)
	}

	r = s.wantCost(t, login(password), afterFailureCost.ofTheDay())
	wantStatus(t, r, http.StatusOK)
	if got := r.header.Values("Set-Cookie"); len(got) != 1 || !setCookie.MatchString(got[0]) {
		t.Errorf("Set-Cookie: %q", got)
	}
	cookie, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")

	r = s.wantCost(t, profile(cookie), loadCost)
	wantStatus(t, r, http.StatusOK)
	var shown struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal([]byte(r.body), &shown); err != nil || shown.UserID != s.userID {
		t.Errorf("profile: %s (%v), want user %s", r.body, err, s.userID)
	}

	r = s.do(t, request{method: "GET", path: "/profile", cookie: cookie, accept: "text/html"})
	wantStatus(t, r, http.StatusOK)
	if !strings.Contains(r.body, "Welcome to your profile, Alice!") || !strings.Contains(r.body, "from 192.0.2.7") {
		t.Errorf("the page does not greet Alice or name her address:\n%s", r.body)
	}

	s.askWho(t, cookie)
	r = s.wantCost(t, request{method: "POST", path: "/logout", cookie: cookie}, oneEnd)
	wantStatus(t, r, http.StatusNoContent)
	if got := r.header.Values("Set-Cookie"); len(got) != 1 || got[0] != clearCookie {
		t.Errorf("Set-Cookie: %q, want %q", got, clearCookie)
	}

	wantStatus(t, s.wantCost(t, profile(cookie), loadCost), http.StatusUnauthorized)
	wantStatus(t, s.wantCost(t, whoami(cookie), loadCost), http.StatusUnauthorized)
}

// A sign-in ends the session whose cookie the browser sent, at the cost of one more call.
func TestSignInAgain(t *testing.T) {
	s := newStack(t, nil)
	first := s.signIn(t)
	again := login(password)
	again.cookie = first
	wantStatus(t, s.wantCost(t, again, endingSignInCost), http.StatusOK)
	wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: first}), http.StatusUnauthorized)
}

// A name that has another key by the rule of earlier accounts costs one read more, whoever
// has it: nobody, an account of today, or an earlier one.
func TestNameOfTwoKeys(t *testing.T) {
	s := newStack(t, nil)
	signIn := budget{slices.Concat([]string{"GetItem GetItem UpdateItem"}, signInCost.waves[1:]), signInCost.read + 1, signInCost.write}
	preferences := budget{[]string{"GetItem", "GetItem", "UpdateItem", "UpdateItem"}, 2, 2}
	other := budget{slices.Concat([]string{"GetItem"}, preferences.waves), 3, 2} // under the first key nobody has the user ID
	hash := hashes.Hasher{}.Hash(password)
	for key, cost := range map[string]budget{"größe": preferences, "strasse": other} {
		name := map[string]string{"größe": "GRÖßE", "strasse": "Straße"}[key]
		a := &accounts.Account{Name: key, Username: name, UserID: "id of " + key, PasswordHash: hash, Version: 1, Revision: "1"}
		if err := s.users(t).Create(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		r := s.wantCost(t, loginAs(name, password), signIn.ofTheDay())
		wantStatus(t, r, http.StatusOK)
		wantStatus(t, s.wantCost(t, request{method: "POST", path: "/preferences", cookie: r.cookie(), contentType: "application/json", body: `{"theme":"dark"}`}, cost), http.StatusNoContent)
		if got, err := s.users(t).Get(t.Context(), key); err != nil || got.Preferences["theme"] != "dark" {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
		wantStatus(t, s.do(t, request{method: "POST", path: "/reauthenticate", cookie: r.cookie(), contentType: "application/json", body: `{"password":"` + password + `"}`}), http.StatusNoContent)
	}
	refused := budget{[]string{"GetItem GetItem UpdateItem", "UpdateItem"}, 2, 2}
	for _, name := range []string{"GRÖßE", "Straße", "Außer"} {
		wantStatus(t, s.wantCost(t, loginAs(name, "wrong"), refused), http.StatusUnauthorized)
	}
}

// A claim is nobody who signs in, and costs no more than nobody.
func TestClaimsSignNobodyIn(t *testing.T) {
	s := newStack(t, nil)
	if err := s.users(t).Claim(t.Context(), "strasse", "straße"); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, s.wantCost(t, loginAs("strasse", password), refusalCost), http.StatusUnauthorized)
}

// A sign-in on a known device does not count for the network, so it costs two calls
// less. After a change of the password the device is a stranger.
func TestSignInOnAKnownDevice(t *testing.T) {
	s := newStack(t, map[string]string{"SESSION_KEYS": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})
	first := s.wantCost(t, login(password), signInCost.ofTheDay())
	wantStatus(t, first, http.StatusOK)
	known := func(password string) request {
		in := login(password)
		in.cookie = first.device()
		return in
	}
	wantStatus(t, s.wantCost(t, known(password), knownSignInCost), http.StatusOK)
	wantStatus(t, s.wantCost(t, known("wrong"), budget{[]string{"GetItem", "UpdateItem"}, 1, 1}), http.StatusUnauthorized)

	changed := s.do(t, changePassword(first.cookie(), password, nextPassword))
	wantStatus(t, changed, http.StatusNoContent)
	stale := budget{slices.Concat([]string{"GetItem", "UpdateItem"}, signInCost.waves[1:]), signInCost.read, signInCost.write}
	wantStatus(t, s.wantCost(t, known(nextPassword), stale), http.StatusOK)
	first = changed
	wantStatus(t, s.wantCost(t, known(nextPassword), knownSignInCost), http.StatusOK)
}

// A network that is stopped costs no call for the name.
func TestStoppedNetwork(t *testing.T) {
	s := newStack(t, map[string]string{"ATTEMPTS_PER_NETWORK": perNetwork(2)})
	for range 2 {
		wantStatus(t, s.wantCost(t, login("wrong"), refusalCost), http.StatusUnauthorized)
	}
	for _, name := range []string{username, "nobody"} {
		r := s.wantCost(t, loginAs(name, password), budget{[]string{"GetItem UpdateItem"}, 1, 0})
		wantStatus(t, r, http.StatusTooManyRequests)
	}
}

// The first sign-in of a user whose hash another framework made costs one more write. It
// replaces that hash with ours, which uses the configured pepper.
func TestForeignHash(t *testing.T) {
	s := newStack(t, map[string]string{"PASSWORD_PEPPERS": "2026:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})
	s.addForeignUser(t)
	wantStatus(t, s.do(t, loginAs(foreignUser, password)), http.StatusUnauthorized)
	first := budget{slices.Insert(slices.Clone(afterFailureCost.waves), 2, "UpdateItem"), afterFailureCost.read, afterFailureCost.write + 1}.ofTheDay()
	wantStatus(t, s.wantCost(t, loginAs(foreignUser, foreignPassword), first), http.StatusOK)
	wantStatus(t, s.wantCost(t, loginAs(foreignUser, foreignPassword), afterFailureCost), http.StatusOK)
	account, err := s.users(t).Get(t.Context(), foreignUser)
	if err != nil || !strings.HasPrefix(account.PasswordHash, "$argon2id$") || !strings.Contains(account.PasswordHash, ",keyid=2026$") {
		t.Errorf("stored: %.50s, %v; want a hash of ours with the pepper 2026", account.PasswordHash, err)
	}
}

// If the new hash cannot be stored, the old one stays and the sign-in succeeds.
func TestForeignHashInAnOutage(t *testing.T) {
	s := newStack(t, nil)
	s.addForeignUser(t)
	s.proxy.Fail("UpdateItem "+s.tables["UsersTable"], dynamotest.Refuse, dynamotest.Refuse, dynamotest.Refuse)
	wantStatus(t, s.do(t, loginAs(foreignUser, foreignPassword)), http.StatusOK)
	if account, err := s.users(t).Get(t.Context(), foreignUser); err != nil || account.PasswordHash != foreignHash {
		t.Errorf("stored: %.50s, %v; want the foreign hash", account.PasswordHash, err)
	}
	if log := s.functions["LoginFunction"].log.String(); !strings.Contains(log, "password_rehash_failed") || strings.Contains(log, foreignHash) {
		t.Errorf("the log:\n%s", log)
	}
}

// If the pepper of a hash is missing, the sign-in is an outage, not a refusal.
func TestMissingPepper(t *testing.T) {
	s := newStack(t, nil)
	pepper := hashes.Pepper{ID: "2025", Key: []byte("an example of a key of 32 bytes!")}
	err := s.users(t).Create(t.Context(), &accounts.Account{Name: "bob", UserID: "bob-id", Version: 1,
		PasswordHash: hashes.Hasher{Peppers: []hashes.Pepper{pepper}}.Hash(password)})
	if err != nil {
		t.Fatal(err)
	}
	r := s.wantCost(t, loginAs("bob", password), refusalCost.and(budget{[]string{"DeleteItem DeleteItem"}, 0, 2}))
	wantStatus(t, r, http.StatusServiceUnavailable)
}

// TestForm signs in with a form, like a browser. The gateway passes forms on in base64.
func TestForm(t *testing.T) {
	s := newStack(t, nil)
	r := s.do(t, request{method: "POST", path: "/login", accept: "text/html", contentType: "application/x-www-form-urlencoded",
		body: "username=ALICE&password=an+example+of+a+long+password&next=%2Fprofile%3Fa%3Db"})
	wantStatus(t, r, http.StatusOK)
	if !setCookie.MatchString(r.header.Get("Set-Cookie")) {
		t.Errorf("Set-Cookie %q", r.header.Get("Set-Cookie"))
	}
	to, _ := strings.CutPrefix(r.header.Get("Refresh"), "0; url=")
	path, query, _ := strings.Cut(to, "?")
	if values, err := url.ParseQuery(query); path != "/login" || values.Get("next") != "/profile?a=b" || err != nil {
		t.Fatalf("Refresh %q", r.header.Get("Refresh"))
	}

	// A browser that keeps the cookie costs no call. The session of one that does not is
	// ended.
	kept := s.wantCost(t, request{method: "GET", path: to, cookie: r.cookie(), accept: "text/html"}, budget{})
	wantStatus(t, kept, http.StatusSeeOther)
	if to := kept.header.Get("Location"); to != "/profile?a=b" {
		t.Errorf("Location %q", to)
	}
	lost := s.wantCost(t, request{method: "GET", path: to, accept: "text/html"}, oneEnd)
	wantStatus(t, lost, http.StatusOK)
	if !strings.Contains(lost.body, "did not keep our cookie") {
		t.Errorf("the page does not say what is wrong:\n%s", lost.body)
	}
	wantStatus(t, s.do(t, profile(r.cookie())), http.StatusUnauthorized)
}

// A Touch is due after a tenth of the idle timeout. Four minutes are more than that.
func TestTouch(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	wantStatus(t, s.wantCost(t, profile(cookie), loadCost), http.StatusOK)
	s.moveBack(t, "SessionsTable", "last_seen_at", 4*60)
	wantStatus(t, s.wantCost(t, profile(cookie), touchedCost), http.StatusOK)
	wantStatus(t, s.wantCost(t, profile(cookie), loadCost), http.StatusOK)
}

// Cookies that cannot be valid cost no call.
func TestWorthlessCookies(t *testing.T) {
	s := newStack(t, map[string]string{"SESSION_KEYS": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})
	cookie := s.signIn(t)
	unsigned := cookie[:strings.LastIndex(cookie, ".")]
	last := cookie[len(cookie)-2]
	forged := cookie[:len(cookie)-2] + string(rune('A'+(last-'A'+1)%26)) + cookie[len(cookie)-1:]
	for name, header := range map[string]string{
		"malformed":  "__Host-SESSIONID=coat",
		"different":  cookie + "; " + cookie[:len(cookie)-1],
		"unsigned":   unsigned,
		"forged MAC": forged,
		"lower case": strings.ToLower(cookie),
		"other name": strings.TrimPrefix(cookie, "__Host-"),
	} {
		r := s.do(t, request{method: "GET", path: "/profile", cookie: header})
		if r.status != http.StatusUnauthorized || len(r.calls) > 0 {
			t.Errorf("%s: status %d, %d calls; want 401 and none", name, r.status, len(r.calls))
		}
	}
	wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: cookie}), http.StatusOK)
}

// While DynamoDB cannot be reached, every function answers with 503 and sets no cookie.
// Afterwards the same cookie is valid.
func TestOutage(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	for name, fault := range map[string]dynamotest.Fault{"refused": dynamotest.Refuse, "hung": dynamotest.Hang} {
		s.proxy.FailAll(fault)
		if fault == dynamotest.Hang {
			s.setTimeout(2 * time.Second)
		}
		for _, in := range []request{
			login(password),
			{method: "GET", path: "/profile", cookie: cookie},
			{method: "POST", path: "/logout", cookie: cookie},
			{method: "GET", path: "/sessions", cookie: cookie},
			{method: "POST", path: "/sessions/revoke-all", cookie: cookie},
		} {
			r := s.do(t, in)
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.header.Get("Set-Cookie") != "" {
				t.Errorf("%s, %s %s: status %d, Retry-After %q, Set-Cookie %q; want 503, some, none",
					name, in.method, in.path, r.status, r.header.Get("Retry-After"), r.header.Get("Set-Cookie"))
			}
		}
		s.proxy.FailAll(dynamotest.None)
		s.setTimeout(testTimeout)
		wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: cookie}), http.StatusOK)
	}
}

// Before its first event, each function makes one call that its policy allows. So no
// user waits for the first TLS handshake.
func TestWarmUp(t *testing.T) {
	for id, function := range readTemplate(t).Functions {
		s := &stack{tables: dynamotest.Tables(t, hasBridge, hasProvider), proxy: dynamotest.NewProxy(t)}
		l := start(t, binary(function), s.environment(function, nil))
		l.waitUntilReady(t)
		calls := s.proxy.Take()
		if want := min(1, len(function.Access)); len(calls) != want {
			t.Fatalf("%s makes %d calls to warm up, want %d", id, len(calls), want)
		}
		for _, use := range dynamotest.Uses(calls, s.tables) {
			if !slices.Contains(function.Access, use) {
				t.Errorf("%s warms up with %v; template.yaml allows %v", id, use, function.Access)
			}
		}
	}
}

// If a variable is missing, the function exits when it starts and names the variable.
func TestMissingVariables(t *testing.T) {
	for id, function := range readTemplate(t).Functions {
		for _, name := range []string{"SESSIONS_TABLE", "USERS_TABLE", "ATTEMPTS_TABLE", "BRIDGE_ENDS_AT", "LEGACY_SOURCES", "OIDC_TABLE", "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_KEYS"} {
			if declared, ok := function.Environment[name]; !ok || declared == "" && bridgeVariables[name] == "" && providerVariables[name] == "" {
				continue
			}
			s := &stack{tables: dynamotest.Tables(t, hasBridge, hasProvider), proxy: dynamotest.NewProxy(t)}
			l := start(t, binary(function), s.environment(function, map[string]string{name: ""}))
			select {
			case <-l.exited:
			case <-l.ready:
				t.Errorf("%s starts without %s", id, name)
			}
			if !strings.Contains(l.log.String(), name) {
				t.Errorf("%s without %s logs\n%s", id, name, l.log.String())
			}
		}
	}
}

// Our own code answers requests that a function does not serve.
func TestRoutes(t *testing.T) {
	s := newStack(t, nil)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", http.StatusSeeOther, ""},
		{"GET", "/login", http.StatusOK, ""},
		{"DELETE", "/login", http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		{"POST", "/profile", http.StatusMethodNotAllowed, "GET, HEAD"},
		{"GET", "/logout", http.StatusMethodNotAllowed, "POST"},
		{"GET", "/sessions", http.StatusUnauthorized, ""},
		{"GET", "/sessions/revoke-all", http.StatusMethodNotAllowed, "POST"},
		{"GET", "/sessions/revoke-others", http.StatusMethodNotAllowed, "POST"},
		{"GET", "/sessions/AAAAAAAAAAAAAAAAAAAAAA/revoke", http.StatusMethodNotAllowed, "POST"},
		{"POST", "/sessions/AAAAAAAAAAAAAAAAAAAAAA/revoke", http.StatusUnauthorized, ""},
		{"POST", "/sessions/AAAAAAAAAAAAAAAAAAAAAA", http.StatusNotFound, ""},
		{"GET", "/.well-known/change-password", http.StatusSeeOther, ""},
		{"POST", "/.well-known/change-password", http.StatusMethodNotAllowed, "GET, HEAD"},
		{"GET", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", http.StatusNotFound, ""},
		{"GET", "/nowhere", http.StatusNotFound, ""},
		{"GET", "/profile/", http.StatusNotFound, ""},
		{"GET", "/PROFILE", http.StatusNotFound, ""},
	} {
		r := s.do(t, request{method: tt.method, path: tt.path})
		if r.status != tt.status || r.header.Get("Allow") != tt.allow || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d, Allow %q, headers %v; want %d, %q, and ours", tt.method, tt.path, r.status, r.header.Get("Allow"), r.header, tt.status, tt.allow)
		}
	}
}

// The log lines are JSON. They have the request ID and no secret.
func TestLogs(t *testing.T) {
	s := newStack(t, nil)
	s.startAll(t)
	s.do(t, login("a canary in a wrong password"))
	cookie := s.signIn(t)
	s.do(t, request{method: "GET", path: "/profile", cookie: cookie})
	s.do(t, request{method: "POST", path: "/logout", cookie: cookie})
	events := map[string]bool{}
	for id, l := range s.functions {
		log := l.log.String()
		testenv.CheckEvents(t, log)
		for _, secret := range []string{"canary", password, cookie[strings.LastIndex(cookie, ".")+1:], "argon2"} {
			if strings.Contains(log, secret) {
				t.Errorf("the log of %s holds %q:\n%s", id, secret, log)
			}
		}
		for line := range strings.Lines(log) {
			var fields struct{ Message, RequestID string }
			if err := json.Unmarshal([]byte(line), &fields); err != nil || fields.RequestID == "" && fields.Message != "sys_startup" {
				t.Errorf("%s logs a line without request ID (%v): %s", id, err, line)
			}
			events[fields.Message] = true
		}
	}
	for _, event := range []string{"authn_login_fail", "authn_login_success", "session_created", "session_ended"} {
		if !events[event] {
			t.Errorf("nothing logs %s", event)
		}
	}
}

// readTemplate returns the template with everything in it that a condition may add.
func readTemplate(t *testing.T) *samtemplate.Template {
	t.Helper()
	return dynamotest.Template(t, hasBridge, hasProvider)
}
