package signin

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
)

const (
	signInFirst = "Sign in first."
	refused     = "The username or password is wrong."
	outage      = "We cannot reach our records just now. Nothing is lost; try again in a moment."
	foreign     = "This request came from another site. Open the page here and try again."

	newCookie     = "__Host-SESSIONID=<token>; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"
	clearedCookie = "__Host-SESSIONID=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure; SameSite=Lax"

	// The calls that count an attempt to sign in, by its outcome. If the account or the
	// network's counter cannot be read, the attempt is not counted for the name.
	failed    = "Count Count"
	succeeded = "Clear Clear Count Count Withdraw"
	withdrawn = "Count Count Withdraw Withdraw"
	unread    = "Count Withdraw"

	// The same for a user who is signed in.
	failedAgain    = "Count"
	succeededAgain = "Clear Count"
	withdrawnAgain = "Count Withdraw"

	signedInJSON = `{"user":{"user_id":"alice-id","username":"Alice","display_name":"Alice Liddell","roles":["member"]},` +
		`"session":{"id":"<id>","signed_in_at":"2000-01-01T00:00:00Z","expires_at":"2000-01-01T00:30:00Z"}}`
	profileJSON = `{"user_id":"alice-id","username":"Alice","display_name":"Alice Liddell","roles":["member"],"preferences":{},` +
		`"signed_in_at":"2000-01-01T00:00:00Z","expires_at":"2000-01-01T00:30:00Z"}`
)

// states are the states for which every route must have a row. Each function creates
// the state and returns the Cookie header to send.
var states = map[string]func(*fixture) string{
	"no session": func(*fixture) string { return "" },
	"signed in":  (*fixture).signIn,
	"dead session": func(r *fixture) string {
		cookie := r.signIn()
		r.advance(30 * time.Minute)
		return cookie
	},
	"different cookies": func(r *fixture) string {
		return r.signIn() + "; " + r.signIn()
	},
	"malformed cookie": func(r *fixture) string { return r.signIn() + "A" },
	"session store down": func(r *fixture) string {
		cookie := r.signIn()
		r.breakStore("sessions")
		return cookie
	},
	"account store down": func(r *fixture) string {
		cookie := r.signIn()
		r.breakStore("accounts")
		return cookie
	},
}

// row is one outcome of one route: the request, the answers to people and to
// programs, and the calls to the stores. If kind is empty, form and json have their
// own content type. A row runs in a bubble and on real servers, so only
// fixture.advance may let time pass.
type row struct {
	route, outcome string
	given          func(*fixture) string // nil: the state with the name in outcome
	query          string
	form, json     string
	kind           string
	change         func(*http.Request)
	page, program  answer
	calls          string
	attempts       string // calls to the store of attempts, sorted
}

func (x row) request(r *fixture, page bool) *http.Request {
	given := x.given
	if given == nil {
		given = states[x.outcome]
	}
	cookie := given(r)
	method, path, _ := strings.Cut(x.route, " ")
	path = strings.TrimSuffix(path, "{$}") + x.query
	path = strings.ReplaceAll(path, "{id}", cmp.Or(r.id, unknownID))
	req := get(path)
	if method == "POST" {
		kind, body := asJSON, x.json
		if page {
			kind, body = asForm, x.form
		}
		if x.kind != "" {
			kind = x.kind
		}
		req = post(path, kind, body)
	}
	if page {
		fromBrowser(req)
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	if x.change != nil {
		x.change(req)
	}
	return req
}

func rows() []row {
	return slices.Concat(homeRows(), changePasswordRows(), loginPageRows(), loginRows(), moreLoginRows(), profileRows(), logoutRows(),
		passwordPageRows(), reauthenticateRows(), passwordRows(), preferencesRows(),
		sessionsRows(), activityRows(), revokeRows(), revokeOthersRows(), revokeAllRows(),
		convertPageRows(), convertRows(), endConvertRows(), whoamiRows(),
		beginRows(), finishRows(), againRows(), leaveRows(), endedRows())
}

// homeRows, changePasswordRows and loginPageRows are the rows of requests to which sessions and accounts
// make no difference.
func homeRows() (all []row) {
	for outcome := range states {
		all = append(all, row{route: "GET /{$}", outcome: outcome, page: redirectAnswer("/profile"), program: redirectAnswer("/profile")})
	}
	return all
}

func changePasswordRows() (all []row) {
	for outcome := range states {
		all = append(all, row{route: "GET /.well-known/change-password", outcome: outcome, page: redirectAnswer("/password"), program: redirectAnswer("/password")})
	}
	return all
}

func loginPageRows() (all []row) {
	page := pageAnswer(200, "Sign in")
	for outcome := range states {
		all = append(all, row{route: "GET /login", outcome: outcome, page: page, program: page})
	}
	return append(all, row{route: "GET /login", outcome: "no session", query: "?next=//evil.example", page: page, program: page})
}

func loginRows() []row {
	const route = "POST /login"
	toProfile, toReceipt := refreshAnswer("/profile", newCookie), receiptAnswer("/profile")
	signedIn := jsonAnswer(signedInJSON).with("Set-Cookie", newCookie)
	downPage := problemPage(503, outage).with("Retry-After", "5")
	downProgram := problemAnswer(503, outage).with("Retry-After", "5")
	return []row{
		{route: route, outcome: "no session", form: rightForm, json: rightJSON, page: toReceipt, program: signedIn,
			calls: "accounts.Get sessions.Create accounts.Get", attempts: succeeded},
		{route: route, outcome: "signed in", form: rightForm, json: rightJSON, page: toProfile, program: signedIn,
			calls: "accounts.Get sessions.Create accounts.Get sessions.Delete", attempts: succeeded},
		{route: route, outcome: "dead session", form: rightForm, json: rightJSON,
			page: toProfile, program: jsonAnswer(strings.NewReplacer("00:30:00", "01:00:00", "00:00:00", "00:30:00").Replace(signedInJSON)).with("Set-Cookie", newCookie),
			calls: "accounts.Get sessions.Create accounts.Get sessions.Delete", attempts: succeeded},
		{route: route, outcome: "different cookies", form: rightForm, json: rightJSON, page: toProfile, program: signedIn,
			calls: "accounts.Get sessions.Create accounts.Get", attempts: succeeded},
		{route: route, outcome: "malformed cookie", form: rightForm, json: rightJSON, page: toProfile, program: signedIn,
			calls: "accounts.Get sessions.Create accounts.Get", attempts: succeeded},
		{route: route, outcome: "session store down", form: rightForm, json: rightJSON, page: downPage, program: downProgram,
			calls: "accounts.Get sessions.Create sessions.Delete sessions.Create sessions.Delete", attempts: withdrawn},
		{route: route, outcome: "account store down", form: rightForm, json: rightJSON, page: downPage, program: downProgram,
			calls: "accounts.Get", attempts: unread},
		{route: route, outcome: "attempts cannot be counted", given: func(r *fixture) string {
			r.breakStore("attempts")
			return ""
		}, form: rightForm, json: rightJSON, page: downPage, program: downProgram,
			calls: "accounts.Get", attempts: unread},
		{route: route, outcome: "old session cannot be ended", given: func(r *fixture) string {
			cookie := r.signIn()
			r.hooks["sessions.Delete"] = down
			return cookie
		}, form: rightForm, json: rightJSON, page: downPage, program: downProgram,
			calls: "accounts.Get sessions.Create accounts.Get sessions.Delete sessions.Delete", attempts: succeeded},
		{route: route, outcome: "account store down at the re-check", given: func(r *fixture) string {
			r.hooks["sessions.Create"] = func() error { r.breakStore("accounts"); return nil }
			return ""
		}, form: rightForm, json: rightJSON, page: downPage, program: downProgram,
			calls: "accounts.Get sessions.Create accounts.Get sessions.Delete", attempts: succeeded},
	}
}

func moreLoginRows() []row {
	const route = "POST /login"
	nobody := states["no session"]
	refusedPage, refusedProgram := pageAnswer(401, "Sign in", refused), problemAnswer(401, refused)
	bad := func(status int, page, program string) (answer, answer) {
		return problemPage(status, page), problemAnswer(status, program)
	}
	unknownPage, unknownProgram := bad(400, `There is a field that does not belong here; expected: ["username" "password" "stay_signed_in"].`,
		`There is a field that does not belong here; expected: ["username" "password" "stay_signed_in"].`)
	malformedPage, malformedProgram := bad(400, "The form is not correctly encoded.",
		"The body must be one JSON object whose values are strings, with no name twice.")
	kindPage, kindProgram := bad(415, "Send application/json or application/x-www-form-urlencoded, in UTF-8.",
		"Send application/json or application/x-www-form-urlencoded, in UTF-8.")
	largePage, largeProgram := bad(413, "The request is larger than 8 KB.", "The request is larger than 8 KB.")
	twicePage, twiceProgram := bad(400, "The header Origin came twice; send it once.", "The header Origin came twice; send it once.")
	return []row{
		{route: route, outcome: "next", given: nobody, form: rightForm + "&next=%2Fsessions%3Fa%3Db", json: rightJSON,
			page: receiptAnswer("/sessions?a=b"), program: jsonAnswer(signedInJSON).with("Set-Cookie", newCookie),
			calls: "accounts.Get sessions.Create accounts.Get", attempts: succeeded},
		{route: route, outcome: "wrong password", given: nobody, form: wrongForm, json: wrongJSON,
			page: refusedPage, program: refusedProgram, calls: "accounts.Get", attempts: failed},
		{route: route, outcome: "unknown user", given: nobody, form: "username=nobody&password=x", json: `{"username":"nobody","password":"x"}`,
			page: refusedPage, program: refusedProgram, calls: "accounts.Get", attempts: failed},
		{route: route, outcome: "disabled user", given: nobody, form: strings.Replace(rightForm, "alice", "dora", 1),
			json: strings.Replace(rightJSON, "alice", "dora", 1), page: refusedPage, program: refusedProgram, calls: "accounts.Get", attempts: failed},
		{route: route, outcome: "disabled during the login", given: disableAfterCreate, form: rightForm, json: rightJSON,
			page: refusedPage, program: refusedProgram, calls: "accounts.Get sessions.Create accounts.Get sessions.Delete", attempts: succeeded},
		{route: route, outcome: "impossible name", given: nobody, form: "username=%0D%0A&password=x", json: `{"username":"\r\n","password":"x"}`,
			page: refusedPage, program: refusedProgram},
		{route: route, outcome: "password over 1,024 bytes", given: nobody, form: "username=alice&password=" + strings.Repeat("x", 1025),
			json: `{"username":"alice","password":"` + strings.Repeat("x", 1025) + `"}`, page: refusedPage, program: refusedProgram},
		{route: route, outcome: "unknown field", given: states["signed in"], form: rightForm + "&admin=1", json: strings.Replace(rightJSON, "{", `{"admin":"1",`, 1),
			page: unknownPage, program: unknownProgram},
		{route: route, outcome: "malformed body", given: states["signed in"], form: "username=%zz", json: `{"username":`,
			page: malformedPage, program: malformedProgram},
		{route: route, outcome: "wrong type", given: states["signed in"], kind: "text/plain", form: rightForm, json: rightJSON,
			page: kindPage, program: kindProgram},
		{route: route, outcome: "too large", given: states["signed in"], form: rightForm + strings.Repeat("&", 8<<10), json: rightJSON + strings.Repeat(" ", 8<<10),
			page: largePage, program: largeProgram},
		{route: route, outcome: "cross-site", given: states["signed in"], change: crossSite, form: rightForm, json: rightJSON,
			page: problemPage(403, foreign), program: problemAnswer(403, foreign)},
		{route: route, outcome: "header twice", given: states["signed in"], change: originTwice, form: rightForm, json: rightJSON,
			page: twicePage, program: twiceProgram},
	}
}

func profileRows() []row {
	const route = "GET /profile"
	signInPage, signInProgram := redirectAnswer("/login?next=%2Fprofile"), problemAnswer(401, signInFirst)
	page, program := pageAnswer(200, "Welcome to your profile, Alice Liddell!"), jsonAnswer(profileJSON)
	return []row{
		{route: route, outcome: "no session", page: signInPage, program: signInProgram},
		{route: route, outcome: "signed in", page: page, program: program, calls: "sessions.Get"},
		{route: route, outcome: "dead session", page: signInPage, program: signInProgram, calls: "sessions.Get"},
		{route: route, outcome: "different cookies", page: signInPage, program: signInProgram},
		{route: route, outcome: "one cookie twice", given: cookieTwice, page: page, program: program, calls: "sessions.Get"},
		{route: route, outcome: "malformed cookie", page: signInPage, program: signInProgram},
		{route: route, outcome: "session store down", page: problemPage(503, outage).with("Retry-After", "5"),
			program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Get"},
		{route: route, outcome: "account store down", page: page, program: program, calls: "sessions.Get"},
		{route: route, outcome: "logged out", given: func(r *fixture) string {
			cookie := r.signIn()
			r.do(with(post("/logout", "", ""), "Cookie", cookie))
			return cookie
		}, page: signInPage, program: signInProgram, calls: "sessions.Get"},
		{route: route, outcome: "no session, with a query", given: states["no session"], query: "?tab=a%26b",
			page: redirectAnswer("/login?next=%2Fprofile%3Ftab%3Da%2526b"), program: signInProgram},
		{route: route, outcome: "cross-site", given: states["signed in"], change: crossSite, page: page, program: program, calls: "sessions.Get"},
		{route: route, outcome: "idle for a tenth", given: func(r *fixture) string {
			cookie := r.signIn()
			r.advance(3 * time.Minute)
			return cookie
		}, page: page, program: jsonAnswer(strings.Replace(profileJSON, "00:30:00", "00:33:00", 1)), calls: "sessions.Get sessions.Touch"},
	}
}

func logoutRows() []row {
	const route = "POST /logout"
	toLogin, done := redirectAnswer("/login").with("Set-Cookie", clearedCookie), newAnswer(204, "").with("Set-Cookie", clearedCookie)
	return []row{
		{route: route, outcome: "no session", page: toLogin, program: done},
		{route: route, outcome: "signed in", page: toLogin, program: done, calls: "sessions.Delete"},
		{route: route, outcome: "dead session", page: toLogin, program: done, calls: "sessions.Delete"},
		{route: route, outcome: "different cookies", page: toLogin, program: done, calls: "sessions.Delete sessions.Delete"},
		{route: route, outcome: "one cookie twice", given: cookieTwice, page: toLogin, program: done, calls: "sessions.Delete"},
		{route: route, outcome: "five different cookies", given: func(r *fixture) string {
			cookies := []string{r.signIn()}
			for _, planted := range []string{"a", "b", "c", "d"} {
				cookies = append(cookies, "__Host-SESSIONID="+planted)
			}
			return strings.Join(cookies, "; ")
		}, page: problemPage(400, tooManyCookies), program: problemAnswer(400, tooManyCookies)},
		{route: route, outcome: "malformed cookie", page: toLogin, program: done},
		{route: route, outcome: "session store down", page: problemPage(503, outage).with("Retry-After", "5"),
			program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Delete"},
		{route: route, outcome: "account store down", page: toLogin, program: done, calls: "sessions.Delete"},
		{route: route, outcome: "cross-site", given: states["signed in"], change: crossSite,
			page: problemPage(403, foreign), program: problemAnswer(403, foreign)},
	}
}

// cookieTwice sends one cookie twice, as some ways into Lambda do.
func cookieTwice(r *fixture) string {
	cookie := r.signIn()
	return cookie + "; " + cookie
}

func crossSite(req *http.Request) { req.Header.Set("Sec-Fetch-Site", "cross-site") }
func originTwice(req *http.Request) {
	req.Header["Origin"] = []string{"http://example.com", "http://example.com"}
}

// disableAfterCreate makes the store disable alice while her new session is being
// written.
func disableAfterCreate(r *fixture) string {
	r.hooks["sessions.Create"] = func() error {
		r.accounts.edit = func(a *accounts.Account) { a.Disabled = true }
		return nil
	}
	return ""
}

// transports are the servers in front of the routes.
var transports = map[string]func(*testing.T, http.Handler, *http.Request) response{"net/http": directly, "Lambda": behindGateway}

// TestMatrix compares every complete answer, on both servers. Then every answer that
// docs/openapi.yaml has was seen.
func TestMatrix(t *testing.T) {
	var all answered
	inBubble := func(t *testing.T, check func(*fixture)) {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			check(r)
			all.merge(&r.answers)
		})
	}
	for _, x := range rows() {
		for server := range transports {
			for _, reader := range []string{"page", "program"} {
				x.run(t, reader, server, inBubble)
			}
		}
	}
	t.Run("contract", func(t *testing.T) {
		for _, send := range []func(*fixture){(*fixture).frame, (*fixture).configured, (*fixture).throttled} {
			inBubble(t, send)
		}
		compareAnswers(t, &all)
	})
}

// run sends the row's request as one kind of reader: a "page" for a browser, or a
// "program". The function test makes a new fixture and calls check with it.
func (x row) run(t *testing.T, reader, server string, test func(t *testing.T, check func(*fixture))) {
	want := map[string]answer{"page": x.page, "program": x.program}[reader]
	t.Run(strings.Join([]string{x.route, x.outcome, reader, server}, ", "), func(t *testing.T) {
		test(t, func(r *fixture) {
			resp := r.send(transports[server], x.request(r, reader == "page"))
			same(r.t, r.inBubbleTime(resp), want)
			if got := r.recordedCalls(); got != x.calls {
				r.t.Errorf("calls: %q, want %q", got, x.calls)
			}
			if got := r.recordedAttempts(); got != x.attempts {
				r.t.Errorf("calls that count attempts: %q, want %q", got, x.attempts)
			}
		})
	})
}

func TestEveryRouteHasRows(t *testing.T) {
	have := map[string]map[string]bool{}
	for _, x := range rows() {
		if have[x.route] == nil {
			have[x.route] = map[string]bool{}
		}
		have[x.route][x.outcome] = true
	}
	recordedCalls := constructors(nil, nil, nil, nil, nil, nil)
	for constructor, routes := range recordedCalls {
		for route := range routes {
			for state := range states {
				if !have[route][state] {
					t.Errorf("%s: the matrix has no row for %s, %s", constructor, route, state)
				}
			}
			delete(have, route)
		}
	}
	if len(have) > 0 {
		t.Errorf("the matrix has rows for routes that do not exist: %v", slices.Collect(maps.Keys(have)))
	}
	if declared := declaredConstructors(t); !slices.Equal(declared, slices.Sorted(maps.Keys(recordedCalls))) {
		t.Errorf("the package has the Routes %v; the tests know %v", declared, slices.Sorted(maps.Keys(recordedCalls)))
	}
}

// declaredConstructors returns the functions in the package's source that return
// Routes.
func declaredConstructors(t *testing.T) (names []string) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Type.Results == nil || len(f.Type.Results.List) != 1 || strings.HasSuffix(name, "_test.go") {
				continue
			}
			if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && result.Name == "Routes" {
				names = append(names, f.Name.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}
