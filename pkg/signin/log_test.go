package signin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
)

var randomID = regexp.MustCompile(`session_id=[\w-]{22}$`)

// events returns the logged lines. Each is its level, its name and its fields, sorted
// by their names. The time is left out, and the session's ID is masked.
func (r *fixture) events() (events []string) {
	r.t.Helper()
	for _, line := range r.takeLog() {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			r.t.Fatalf("%v: %s", err, line)
		}
		event := fmt.Sprint(fields["level"], " ", fields["msg"])
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if !slices.Contains([]string{"time", "level", "msg", "stack"}, name) {
				event += randomID.ReplaceAllString(fmt.Sprintf(" %s=%v", name, fields[name]), "session_id=<id>")
			}
		}
		events = append(events, event)
	}
	return events
}

// TestEvents lists what each kind of request logs: one line for each event, in the
// words of OWASP's Logging Vocabulary.
func TestEvents(t *testing.T) {
	const created = "INFO session_created ip=192.0.2.1 session_id=<id> user_agent=Firefox user_id=alice-id"
	const success = "INFO authn_login_success failures=0 ip=192.0.2.1 new_device=false session_id=<id> user_agent=Firefox user_id=alice-id"
	const replaced = "INFO session_ended by_session_id=<id> ip=192.0.2.1 reason=replaced session_id=<id> user_agent=Firefox user_id=alice-id"
	fail := func(method, path, reason, user string) string {
		return "WARN authn_login_fail ip=192.0.2.1 method=" + method + " path=" + path + " reason=" + reason + " user_agent=Firefox" + user
	}
	const alice, dora = " user_id=alice-id", " user_id=dora-id"
	const aliceSignedIn = "ip=192.0.2.1 method=%s path=%s session_id=<id> status=%d user_agent=Firefox user_id=alice-id"
	for name, tt := range map[string]struct {
		given  func(*fixture) string
		req    *http.Request
		events []string
	}{
		"login":               {nil, post("/login", asJSON, rightJSON), []string{created, success}},
		"login again":         {(*fixture).signIn, post("/login", asJSON, rightJSON), []string{replaced, created, success}},
		"wrong password":      {nil, post("/login", asJSON, wrongJSON), []string{fail("POST", "/login", "password", alice)}},
		"unknown user":        {nil, post("/login", asJSON, `{"username":"correct horse battery staple","password":"x"}`), []string{fail("POST", "/login", "unknown", "")}},
		"disabled user":       {nil, post("/login", asJSON, strings.Replace(rightJSON, "alice", "dora", 1)), []string{fail("POST", "/login", "disabled", dora)}},
		"disabled on the way": {disableAfterCreate, post("/login", asJSON, rightJSON), []string{fail("POST", "/login", "changed", alice)}},
		"login page":          {nil, get("/login"), nil},
		"profile":             {(*fixture).signIn, get("/profile"), nil},
		"no session":          {nil, get("/profile"), nil},
		"wrong password again": {(*fixture).signIn, post("/reauthenticate", asJSON, `{"password":"x"}`), []string{
			"WARN authn_login_fail ip=192.0.2.1 method=POST path=/reauthenticate reason=password session_id=<id> user_agent=Firefox user_id=alice-id"}},
		"malformed, signed in": {(*fixture).signIn, post("/reauthenticate", asJSON, "{"), []string{
			"INFO input_validation_fail " + fmt.Sprintf(aliceSignedIn, "POST", "/reauthenticate", 400)}},
		"a revoked device": {(*fixture).signIn, post("/sessions/revoke-all", asJSON, "{}"), []string{
			"INFO session_ended by_session_id=<id> ip=192.0.2.1 reason=revoked session_id=<id> user_agent=Firefox user_id=alice-id"}},

		"different cookies":  {states["different cookies"], get("/profile"), []string{"WARN session_cookies_differ ip=192.0.2.1 user_agent=Firefox"}},
		"one cookie twice":   {cookieTwice, get("/profile"), nil},
		"sent twice at once": {(*fixture).signInAndRenewMeanwhile, post("/reauthenticate", asJSON, `{"password":"correct horse battery staple"}`), []string{"INFO session_renewed session_id=<id> user_id=alice-id"}},
		"no preferences": {func(r *fixture) string {
			cookie := r.signIn()
			r.accounts.edit = func(a *accounts.Account) { a.UserID = "another-id" }
			return cookie
		}, post("/preferences", asJSON, `{"theme":"dark"}`), nil},
		"logout":           {(*fixture).signIn, post("/logout", "", ""), []string{"INFO session_ended ip=192.0.2.1 reason=logout session_id=<id> user_agent=Firefox user_id=alice-id"}},
		"logout of nobody": {nil, post("/logout", "", ""), nil},
		"unknown path":     {nil, get("/nothing"), nil},
		"wrong method":     {nil, get("/logout"), nil},
		"from elsewhere": {(*fixture).signIn, with(post("/logout", "", ""), "Sec-Fetch-Site", "cross-site"),
			[]string{"WARN malicious_cors error=cross-origin request detected from Sec-Fetch-Site header ip=192.0.2.1 method=POST path=/logout user_agent=Firefox"}},
		"malformed":    {nil, post("/login", asJSON, "{"), []string{"INFO input_validation_fail ip=192.0.2.1 method=POST path=/login status=400 user_agent=Firefox"}},
		"header twice": {nil, post("/login", asJSON+","+asJSON, "{"), []string{"INFO input_validation_fail ip=192.0.2.1 method=POST path=/login status=400 user_agent=Firefox"}},
		"too large":    {nil, post("/login", asJSON, strings.Repeat(" ", 9000)), []string{"INFO input_validation_fail ip=192.0.2.1 method=POST path=/login status=413 user_agent=Firefox"}},
		"wrong type":   {nil, post("/login", "text/plain", "{"), []string{"INFO input_validation_fail ip=192.0.2.1 method=POST path=/login status=415 user_agent=Firefox"}},
		"outage": {states["session store down"], get("/profile"),
			[]string{"ERROR sys_failure error=connection refused ip=192.0.2.1 method=GET path=/profile status=503 user_agent=Firefox"}},
		"outage of the accounts": {states["account store down"], post("/login", asJSON, rightJSON),
			[]string{"ERROR sys_failure error=reading the account: connection refused ip=192.0.2.1 method=POST path=/login status=503 user_agent=Firefox"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			req := with(tt.req, "User-Agent", "Firefox")
			if tt.given != nil {
				req.Header.Set("Cookie", tt.given(r))
			}
			r.takeLog()
			r.do(req)
			got := slices.DeleteFunc(r.events(), func(e string) bool { return strings.Contains(e, " session_client_changed ") })
			if !slices.Equal(got, tt.events) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.events, "\n\t"))
			}
		})
	}
}

// TestLogInjection: a client's input can neither forge a log line nor break one (ASVS
// 16.4.1). A name is not logged at all, because it may be a password in the wrong
// field.
func TestLogInjection(t *testing.T) {
	const forged = "\r\n" + `{"time":"x","level":"INFO","msg":"authn_login_success","user_id":"root"}` + "\r\n\x1b[2J\u2028\u202e"
	name, err := json.Marshal(map[string]string{"username": forged, "password": forged})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(map[string]string{"username": `x"}{"msg":"authn_login_success"}`, "password": "x"})
	if err != nil {
		t.Fatal(err)
	}
	path := get("/login")
	path.Method, path.URL.Path = "POST", "/"+forged
	path.Header.Set("Sec-Fetch-Site", "cross-site")
	agent := post("/login", asJSON, rightJSON)
	agent.Header.Set("User-Agent", forged)
	origin := httptest.NewRequest("POST", "/login", nil)
	origin.Header.Set("Origin", "https://"+strings.ReplaceAll(forged, ",", ";"))
	for what, req := range map[string]*http.Request{
		"name":       post("/login", asJSON, string(name)),
		"plain name": post("/login", asJSON, string(plain)),
		"path":       path,
		"user agent": agent,
		"origin":     origin,
	} {
		r := newFixture(t)
		r.serveAt("https://shop.example")
		r.do(req)
		lines := r.takeLog() // takeLog checks that each line is JSON
		want := 1
		if what == "user agent" {
			want = 2 // session_created and authn_login_success
		}
		if len(lines) != want {
			t.Errorf("%s: %d lines: %q", what, len(lines), lines)
		}
		for _, line := range lines {
			if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\r\n\x1b") {
				t.Errorf("%s: a raw control character in %q", what, line)
			}
			if strings.HasSuffix(what, "name") && strings.Contains(line, "authn_login_success") {
				t.Errorf("%s: the name is logged: %q", what, line)
			}
		}
	}
}
