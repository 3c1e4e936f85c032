package signin

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/coatcheck/pkg/accounts"
)

// TestJourney requests the profile without a session, signs in with a wrong password
// and then with the right one, requests the profile, and signs out. After that the
// old cookie no longer works. It does this as pages and as JSON, on both servers.
func TestJourney(t *testing.T) {
	for server, transport := range map[string]func(*testing.T, http.Handler, *http.Request) response{"net/http": directly, "Lambda": behindGateway} {
		for _, page := range []bool{true, false} {
			r := newFixture(t)
			step := func(req *http.Request, cookie string, program, people int) response {
				t.Helper()
				want := program
				if page {
					fromBrowser(req)
					want = people
				}
				if cookie != "" {
					req.Header.Set("Cookie", cookie)
				}
				resp := r.send(transport, req)
				if resp.status != want {
					t.Fatalf("%s, page %v: %s %s: %d, want %d", server, page, req.Method, req.URL, resp.status, want)
				}
				return resp
			}
			step(get("/profile"), "", 401, 303)
			step(post("/login", asForm, wrongForm), "", 401, 401)
			cookie := cookieOf(step(post("/login", asForm, rightForm), "", 200, 200))
			step(get("/profile"), cookie, 200, 200)
			step(post("/logout", "", ""), cookie, 204, 303)
			step(get("/profile"), cookie, 401, 303)
			step(post("/logout", "", ""), cookie, 204, 303)
		}
	}
}

// TestLoginReplacesTheSession: a login makes a new token and ends the session of the
// request's cookie (ASVS 7.2.4).
func TestLoginReplacesTheSession(t *testing.T) {
	r := newFixture(t)
	first := r.signIn()
	resp := r.do(with(post("/login", asJSON, rightJSON), "Cookie", first))
	second := cookieOf(resp)
	for part, of := range strings.Split(first, ".")[1:] {
		if strings.Split(second, ".")[1:][part] == of {
			t.Errorf("part %d of the token is the old one", part+1)
		}
	}
	if old, now := r.profileStatus(first), r.profileStatus(second); old != 401 || now != 200 || r.live() != 1 {
		t.Errorf("old %d, new %d, %d live sessions", old, now, r.live())
	}
}

// TestPlantedToken: a token that an attacker planted is never accepted, and never
// repeated in an answer.
func TestPlantedToken(t *testing.T) {
	r := newFixture(t)
	own := strings.TrimPrefix(r.signIn(), "__Host-SESSIONID=")
	owner, rest, _ := strings.Cut(own, ".")
	id, _, _ := strings.Cut(rest, ".")
	for name, token := range map[string]string{
		"random":             strings.Repeat("Q", 22) + "." + strings.Repeat("Q", 22) + "." + strings.Repeat("Q", 42) + "A",
		"alice's owner":      owner + "." + strings.Repeat("Q", 22) + "." + strings.Repeat("Q", 42) + "A",
		"alice's session ID": owner + "." + id + "." + strings.Repeat("Q", 42) + "A",
	} {
		planted := "__Host-SESSIONID=" + token
		if status := r.profileStatus(planted); status != 401 || r.recordedCalls() != "sessions.Get" {
			t.Errorf("%s: before the login %d, calls %q", name, status, r.recordedCalls())
		}
		resp := r.do(with(post("/login", asJSON, rightJSON), "Cookie", planted))
		if resp.status != 200 || cookieOf(resp) == planted || strings.Contains(resp.body, token[46:]) {
			t.Errorf("%s: %d %v %s", name, resp.status, resp.cookies(), resp.body)
		}
		if old, now := r.profileStatus(planted), r.profileStatus(cookieOf(resp)); old != 401 || now != 200 {
			t.Errorf("%s: planted %d, issued %d", name, old, now)
		}
		if status := r.profileStatus("__Host-SESSIONID=" + own); status != 200 {
			t.Errorf("%s: the login ended a session that it did not prove: %d", name, status)
		}
	}
}

// TestTokenOutsideTheCookie: a token is accepted only in the cookie (ASVS 14.2.1).
func TestTokenOutsideTheCookie(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	token := strings.TrimPrefix(cookie, "__Host-SESSIONID=")
	requests := map[string]*http.Request{
		"query":         get("/profile?__Host-SESSIONID=" + token + "&token=" + token),
		"Authorization": with(get("/profile"), "Authorization", "Bearer "+token),
		"X-Session":     with(get("/profile"), "X-Session-Id", token),
		"another name":  with(get("/profile"), "Cookie", "SESSIONID="+token),
		"another case":  with(get("/profile"), "Cookie", strings.ToLower("__Host-SESSIONID")+"="+token),
		"body":          httptest.NewRequest("GET", "/profile", strings.NewReader(cookie)),
		"X-User":        with(with(get("/profile?user_id=alice-id"), "X-User-Id", "alice-id"), "X-Amzn-Oidc-Identity", "alice-id"),
	}
	for name, req := range requests {
		same(t, r.do(req), problemAnswer(401, signInFirst))
		if calls := r.recordedCalls(); calls != "" {
			t.Errorf("%s: calls: %s", name, calls)
		}
	}
}

// TestFailedLoginLeavesTheSession: a failed login does not end the session of the
// request's cookie, and sets no cookie.
func TestFailedLoginLeavesTheSession(t *testing.T) {
	for name, tt := range map[string]struct {
		body   string
		change func(*fixture, *http.Request)
		status int
	}{
		"wrong password":     {wrongJSON, nil, 401},
		"unknown user":       {`{"username":"nobody","password":"x"}`, nil, 401},
		"malformed":          {"{", nil, 400},
		"wrong type":         {rightJSON, func(_ *fixture, req *http.Request) { req.Header.Set("Content-Type", "text/plain") }, 415},
		"cross-site":         {rightJSON, func(_ *fixture, req *http.Request) { crossSite(req) }, 403},
		"accounts down":      {rightJSON, func(r *fixture, _ *http.Request) { r.breakStore("accounts") }, 503},
		"sessions down":      {rightJSON, func(r *fixture, _ *http.Request) { r.breakStore("sessions") }, 503},
		"cannot be replaced": {rightJSON, func(r *fixture, _ *http.Request) { r.hooks["sessions.Delete"] = down }, 503},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			cookie := r.signIn()
			req := with(post("/login", asJSON, tt.body), "Cookie", cookie)
			if tt.change != nil {
				tt.change(r, req)
			}
			resp := r.do(req)
			if resp.status != tt.status || len(resp.cookies()) > 0 {
				t.Errorf("%d %v %s", resp.status, resp.cookies(), resp.body)
			}
			r.repair()
			if status := r.profileStatus(cookie); status != 200 {
				t.Errorf("the session now answers %d", status)
			}
		})
	}
}

// TestDisabledDuringLogin: a user who is disabled while their password is being
// hashed gets no session.
func TestDisabledDuringLogin(t *testing.T) {
	r := newFixture(t)
	disableAfterCreate(r)
	resp := r.do(post("/login", asJSON, rightJSON))
	same(t, resp, problemAnswer(401, refused))
	if r.live() != 0 {
		t.Errorf("%d sessions are left", r.live())
	}
}

// TestRefusalsAreIdentical: the answers for an unknown name, a wrong password and a
// disabled account are the same in every byte (ASVS 6.3.8).
func TestRefusalsAreIdentical(t *testing.T) {
	for _, page := range []bool{true, false} {
		var answers []response
		for _, make := range []func(*accounts.Account){
			func(a *accounts.Account) {}, // wrong password
			func(a *accounts.Account) { a.Name = "somebody-else" },
			func(a *accounts.Account) { a.Disabled = true },
		} {
			r := newFixture(t)
			bob := &accounts.Account{Name: "bob", Username: "Bob", UserID: "bob-id"}
			make(bob)
			r.addAccount(bob)
			pw := wrongPhrase
			if bob.Disabled {
				pw = phrase
			}
			req := post("/login", asForm, url.Values{"username": {"bob"}, "password": {pw}}.Encode())
			if page {
				fromBrowser(req)
			}
			answers = append(answers, r.do(req))
			if calls := r.recordedCalls(); calls != "accounts.Get" {
				t.Errorf("calls: %s", calls)
			}
		}
		for _, other := range answers[1:] {
			if other.status != 401 || !reflect.DeepEqual(other, answers[0]) {
				t.Errorf("page %v: differ:\n%v\n%v", page, answers[0], other)
			}
		}
	}
}

// TestSessionHoldsTheProfile: the session gets the fields that the profile shows, and
// no other field of the account.
func TestSessionHoldsTheProfile(t *testing.T) {
	r := newFixture(t)
	r.addAccount(&accounts.Account{Name: "eve", Username: "Eve", UserID: "eve-id", DisplayName: "Eve Moneypenny", Roles: []string{"admin", "member"},
		Preferences: map[string]string{"theme": "dark", "language": "pt-BR", "unknown": "x"}})
	req := post("/login", asJSON, strings.Replace(rightJSON, "alice", " EVE ", 1))
	req.Header.Set("User-Agent", "Mozilla/5.0")
	if resp := r.do(req); resp.status != 200 {
		t.Fatalf("%d %s", resp.status, resp.body)
	}
	all, err := r.sessions.List(context.Background(), "eve-id")
	if err != nil || len(all) != 1 {
		t.Fatalf("%d sessions, %v", len(all), err)
	}
	s := all[0]
	want := map[string]string{"username": "Eve", "display_name": "Eve Moneypenny", "theme": "dark", "language": "pt-BR"}
	if !maps.Equal(s.Values, want) || !slices.Equal(s.Roles, []string{"admin", "member"}) {
		t.Errorf("values %q, roles %q", s.Values, s.Roles)
	}
	if s.IP != "192.0.2.1" || s.UserAgent != "Mozilla/5.0" {
		t.Errorf("from %q with %q", s.IP, s.UserAgent)
	}
}

// TestProfileJSON: in JSON, a list or a map that the account does not have is [] or
// {}.
func TestProfileJSON(t *testing.T) {
	for name, tt := range map[string]struct {
		account             accounts.Account
		roles, preferences  string
		display, jsonString string
	}{
		"nothing":     {accounts.Account{}, `[]`, `{}`, "", `""`},
		"theme":       {accounts.Account{DisplayName: "Eve", Preferences: map[string]string{"theme": "light"}}, `[]`, `{"theme":"light"}`, "Eve", `"Eve"`},
		"everything":  {accounts.Account{DisplayName: "Eve", Roles: []string{"b", "a"}, Preferences: map[string]string{"theme": "dark", "language": "de"}}, `["b","a"]`, `{"language":"de","theme":"dark"}`, "Eve", `"Eve"`},
		"HTML":        {accounts.Account{DisplayName: "<b>&"}, `[]`, `{}`, "<b>&", `"\u003cb\u003e\u0026"`},
		"line breaks": {accounts.Account{DisplayName: "\u2028"}, `[]`, `{}`, "\u2028", `"\u2028"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				a := tt.account
				a.Name, a.Username, a.UserID = "eve", "Eve", "eve-id"
				r.addAccount(&a)
				resp := r.do(post("/login", asJSON, strings.Replace(rightJSON, "alice", "eve", 1)))
				const times = `"signed_in_at":"2000-01-01T00:00:00Z","expires_at":"2000-01-01T00:30:00Z"}`
				user := `{"user_id":"eve-id","username":"Eve","display_name":` + tt.jsonString + `,"roles":` + tt.roles
				same(t, resp, jsonAnswer(`{"user":`+user+`},"session":{"id":"<id>",`+times+`}`).with("Set-Cookie", newCookie))
				profile := r.do(with(get("/profile"), "Cookie", cookieOf(resp)))
				same(t, profile, jsonAnswer(user+`,"preferences":`+tt.preferences+`,`+times))
			})
		})
	}
}

// TestTooMuchForASession: if the values are too large for a session, this is our
// mistake. The answer says so, and no session is left.
func TestTooMuchForASession(t *testing.T) {
	r := newFixture(t)
	r.addAccount(&accounts.Account{Name: "eve", Username: "Eve", UserID: "eve-id", Roles: []string{strings.Repeat("x", 5000)}})
	resp := r.do(post("/login", asJSON, strings.Replace(rightJSON, "alice", "eve", 1)))
	same(t, resp, problemAnswer(500, "Something went wrong on our side. Try again in a moment."))
	if calls := r.recordedCalls(); calls != "accounts.Get" {
		t.Errorf("calls: %s", calls)
	}
}

// TestLogoutInAnOutage: if the store fails, a logout keeps the cookie. The user can
// try again, and then it works.
func TestLogoutInAnOutage(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	r.breakStore("sessions")
	for range 2 {
		same(t, r.do(with(post("/logout", "", ""), "Cookie", cookie)), problemAnswer(503, outage).with("Retry-After", "5"))
	}
	r.repair()
	if status := r.profileStatus(cookie); status != 200 {
		t.Errorf("after the outage the session answers %d", status)
	}
	if resp := r.do(with(post("/logout", "", ""), "Cookie", cookie)); resp.status != 204 || r.live() != 0 {
		t.Errorf("tried again: %d, %d sessions live", resp.status, r.live())
	}
}

// TestAnswersHoldNothingInternal: answers contain no token, and error answers contain
// nothing internal (ASVS 13.4.6).
func TestAnswersHoldNothingInternal(t *testing.T) {
	for _, x := range rows() {
		for _, page := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				req := x.request(r, page)
				resp := r.do(req)
				for _, mainFunc := range append([]string{errDown.Error(), "$argon2id$", "goroutine", ".go:", phrase, wrongPhrase, "sessions:", "accounts"}, r.secrets...) {
					if strings.Contains(resp.body, mainFunc) {
						t.Errorf("%s, %s: the body holds %q", x.route, x.outcome, mainFunc)
					}
				}
				if resp.status >= 400 && slices.ContainsFunc(resp.cookies(), keepsCookie) {
					t.Errorf("%s, %s: %d with a cookie", x.route, x.outcome, resp.status)
				}
			})
		}
	}
}

func TestNextAfterLogin(t *testing.T) {
	r := newFixture(t)
	for next, want := range map[string]string{
		"/sessions?a=b": "/sessions?a=b", "//evil.example": "/profile", `/\evil.example`: "/profile", "https:evil.example": "/profile", "/%2f%2fevil.example": "/profile", "": "/profile",
	} {
		form := url.Values{"username": {"alice"}, "password": {phrase}, "next": {next}}
		same(t, r.do(fromBrowser(post("/login", asForm, form.Encode()))), receiptAnswer(want))

		// The page puts it into the form, and the form keeps it after a refusal.
		form.Set("password", wrongPhrase)
		for _, resp := range []response{
			r.do(get("/login?" + url.Values{"next": {next}}.Encode())),
			r.do(fromBrowser(post("/login", asForm, form.Encode()))),
		} {
			hidden := parsePage(t, resp.body).one(t, "input", "name", "next")
			if hidden.attr["value"] != want || hidden.attr["type"] != "hidden" {
				t.Errorf("next=%q: the form has %v", next, hidden.attr)
			}
		}
	}
	// In the query of the POST it has no effect, because the form contains the next
	// page.
	resp := r.do(fromBrowser(post("/login?next=/elsewhere", asForm, rightForm)))
	same(t, resp, receiptAnswer("/profile"))
}
