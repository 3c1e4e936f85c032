package signin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// moving is a site to which the sessions of a monolith move.
var moving = site.Site{LegacyCookies: []site.LegacyCookie{{Name: "legacy", Path: "/"}, {Name: "legacy.sig", Path: "/shop", Domain: "example.org"}}}

const (
	clearedLegacy = "legacy=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; SameSite=Lax && " +
		"legacy.sig=; Path=/shop; Domain=example.org; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; SameSite=Lax"

	noClaim    = "No session of the old system is there that could continue here. Sign in at /login."
	moved      = "The session of the old system has continued here before, and cannot do so again. Sign in at /login."
	converting = "Another request is moving this session just now. Try again in a second."

	sentenceMoved = "This site has moved since you signed in, and your earlier sign-in works only once. Please sign in again."
	sentenceAgain = "Your earlier sign-in is not valid on this page. Please sign in again."
)

// testConverter answers by what the cookie "legacy" says. The rules of a real one have
// their own tests; here every answer is wanted.
type testConverter struct {
	sessions *session.Manager
	*callRecorder
	spent map[string]time.Time // by the value of the cookie
}

func (c *testConverter) Convert(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	if err := c.record("converter.Convert"); err != nil {
		return nil, err
	}
	cookies := r.CookiesNamed("legacy")
	if len(cookies) != 1 {
		return nil, authn.ErrNoClaim
	}
	value := cookies[0].Value
	at, spent := c.spent[value]
	switch {
	case value == "busy":
		return nil, authn.ErrBusy
	case value == "down":
		return nil, errDown
	case value == "visitor":
		return nil, authn.ErrNobody
	case value == "old", spent && time.Since(at) >= 10*time.Second:
		return nil, authn.ErrConverted
	case value == "young" && !spent:
		c.spent[value] = time.Now()
		return nil, authn.ErrConverting
	case spent:
		return nil, authn.ErrConverting
	case !strings.HasPrefix(value, "good"):
		return nil, authn.ErrNoClaim // rejected, sealed, of a user who is closed here, or after the end of the bridge
	}
	c.spent[value] = time.Now()
	user, err := authn.User{ID: "alice-id", Username: "Alice", DisplayName: "Alice Liddell", Roles: []string{"member"}, AuthenticatedAt: time.Unix(0, 0)}.SessionUser(r, nil)
	if err != nil {
		return nil, err
	}
	return c.sessions.Create(w, r, user)
}

func (c *testConverter) End(r *http.Request) error {
	if err := c.record("converter.End"); err != nil {
		return err
	}
	for _, cookie := range r.CookiesNamed("legacy") {
		if cookie.Value == "down" {
			return errDown
		}
		c.spent[cookie.Value] = time.Time{}
	}
	return nil
}

// The rows of the matrix have no cookie of a monolith, which makes no difference to the
// other routes then.
func convertPageRows() (all []row) {
	toProfile, ask := redirectAnswer("/profile"), pageAnswer(200, "Continue here")
	wantsPOST := problemAnswer(405, "GET does not work here; allowed: POST.").with("Allow", "POST")
	down := row{page: problemPage(503, outage).with("Retry-After", "5"), program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Get"}
	here := row{page: toProfile, program: jsonAnswer(signedInJSON), calls: "sessions.Get"}
	for outcome, x := range map[string]row{
		"no session": {page: ask, program: wantsPOST}, "different cookies": {page: ask, program: wantsPOST}, "malformed cookie": {page: ask, program: wantsPOST},
		"dead session": {page: ask, program: wantsPOST, calls: "sessions.Get"},
		"signed in":    here, "account store down": here, "session store down": down,
	} {
		x.route, x.outcome = "GET /convert", outcome
		all = append(all, x)
	}
	return all
}

func convertRows() (all []row) {
	toLogin, refused := redirectAnswer("/login?why=again&next=%2Fprofile"), problemAnswer(401, noClaim)
	nobody := row{page: toLogin, program: refused, calls: "converter.Convert"}
	dead := row{page: toLogin, program: refused, calls: "sessions.Get converter.Convert"}
	for _, x := range convertPageRows() {
		answers, ok := map[string]row{"no session": nobody, "different cookies": nobody, "malformed cookie": nobody, "dead session": dead}[x.outcome]
		if !ok {
			answers = x
		}
		answers.route, answers.outcome = "POST /convert", x.outcome
		all = append(all, answers)
	}
	return append(all, row{route: "POST /convert", outcome: "cross-site", given: states["no session"], change: crossSite,
		page: problemPage(403, foreign), program: problemAnswer(403, foreign)})
}

func endConvertRows() (all []row) {
	for outcome := range states {
		all = append(all, row{route: "POST /convert/end", outcome: outcome, page: redirectAnswer("/login"), program: newAnswer(204, ""), calls: "converter.End"})
	}
	return append(all, row{route: "POST /convert/end", outcome: "cross-site", given: states["no session"], change: crossSite,
		page: problemPage(403, foreign), program: problemAnswer(403, foreign)})
}

// navigation makes a request one that a browser makes for a window.
func navigation(req *http.Request) *http.Request {
	return fromBrowser(with(with(req, "Sec-Fetch-Mode", "navigate"), "Sec-Fetch-Dest", "document"))
}

// newMoving returns a fixture whose site takes sessions from a monolith.
func newMoving(t *testing.T) *fixture {
	r := newFixture(t)
	r.serveSite(moving)
	return r
}

// TestConvert has each answer to each outcome of a conversion, to browsers and programs.
func TestConvert(t *testing.T) {
	outagePage, outageProgram := problemPage(503, outage).with("Retry-After", "5"), problemAnswer(503, outage).with("Retry-After", "5")
	busyText := "This account is being changed just now. Try again in a moment."
	retry := pageAnswer(200, "One moment").with("Refresh", "1; url=/convert?next=%2Fsessions%3Fa%3Db")
	unknown := strings.Replace(signedInJSON, `"2000-01-01T00:00:00Z"`, "null", 1)
	for legacy, want := range map[string]struct{ page, program answer }{
		"good":          {refreshAnswer("/sessions?a=b", newCookie+" && "+clearedLegacy), jsonAnswer(unknown).with("Set-Cookie", newCookie+" && "+clearedLegacy)},
		"young":         {retry, problemAnswer(409, converting).with("Retry-After", "1")},
		"old":           {redirectAnswer("/login?why=moved&next=%2Fsessions%3Fa%3Db").with("Set-Cookie", clearedLegacy), problemAnswer(401, moved).with("Set-Cookie", clearedLegacy)},
		"rejected":      {redirectAnswer("/login?why=again&next=%2Fsessions%3Fa%3Db"), problemAnswer(401, noClaim)},
		"visitor":       {redirectAnswer("/login?why=new&next=%2Fsessions%3Fa%3Db"), problemAnswer(401, noClaim)},
		"one; legacy=2": {redirectAnswer("/login?why=again&next=%2Fsessions%3Fa%3Db"), problemAnswer(401, noClaim)},
		"busy":          {problemPage(503, busyText).with("Retry-After", "5"), problemAnswer(503, busyText).with("Retry-After", "5")},
		"down":          {outagePage, outageProgram},
	} {
		for name, tt := range map[string]struct {
			req  *http.Request
			want answer
		}{
			"navigation": {navigation(get("/convert?next=/sessions%3Fa%3Db")), want.page},
			"form":       {fromBrowser(post("/convert?next=/sessions%3Fa%3Db", asForm, "")), want.page},
			"program":    {post("/convert?next=/sessions%3Fa%3Db", "", ""), want.program},
		} {
			for server, transport := range transports {
				t.Run(legacy+", "+name+", "+server, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := newMoving(t)
						req := tt.req.Clone(t.Context())
						same(t, r.send(transport, with(req, "Cookie", "legacy="+legacy)), tt.want)
					})
				})
			}
		}
	}
}

// Only who wants it converts: no image, no frame, nothing that is fetched before anybody
// clicks, and no browser that does not say what the request is for.
func TestWhatConverts(t *testing.T) {
	for name, tt := range map[string]struct {
		method   string
		headers  string
		converts bool
	}{
		"a link here":              {"GET", "Sec-Fetch-Site=same-origin Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", true},
		"a link in a mail":         {"GET", "Sec-Fetch-Site=none Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", true},
		"a link on another site":   {"GET", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", true},
		"an image":                 {"GET", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=no-cors Sec-Fetch-Dest=image", false},
		"a frame":                  {"GET", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=navigate Sec-Fetch-Dest=iframe", false},
		"an object":                {"GET", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=navigate Sec-Fetch-Dest=object", false},
		"a script's fetch":         {"GET", "Sec-Fetch-Site=same-origin Sec-Fetch-Mode=cors Sec-Fetch-Dest=empty", false},
		"a prefetch":               {"GET", "Sec-Fetch-Site=same-origin Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document Sec-Purpose=prefetch", false},
		"a prerendering":           {"GET", "Sec-Fetch-Site=none Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document Sec-Purpose=prefetch;prerender", false},
		"a prefetch of old":        {"GET", "Sec-Fetch-Site=none Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document Purpose=prefetch", false},
		"an old browser":           {"GET", "", false},
		"half of the headers":      {"GET", "Sec-Fetch-Mode=navigate", false},
		"headers that came twice":  {"GET", "Sec-Fetch-Mode=navigate,navigate Sec-Fetch-Dest=document", false},
		"HEAD":                     {"HEAD", "Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", false},
		"a form here":              {"POST", "Sec-Fetch-Site=same-origin Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", true},
		"a form of an old browser": {"POST", "Origin=http://example.com", true},
		"a form on another site":   {"POST", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", false},
		"a subdomain's form":       {"POST", "Sec-Fetch-Site=same-site Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", false},
		"another site's old form":  {"POST", "Origin=https://evil.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newMoving(t)
			req := fromBrowser(with(httptest.NewRequest(tt.method, "/convert?next=/sessions", nil), "Cookie", "legacy=good"))
			for header := range strings.FieldsSeq(tt.headers) {
				name, value, _ := strings.Cut(header, "=")
				req.Header.Set(name, value)
			}
			resp := r.do(req)
			if converted := len(resp.cookies()) > 0 && r.live() == 1; converted != tt.converts {
				t.Errorf("converted: %t, want %t; %d, cookies %q", converted, tt.converts, resp.status, resp.cookies())
			}
			if !tt.converts && tt.method == "GET" && (resp.status != 200 || !strings.Contains(resp.body, `<form method="post" action="/convert?next=%2Fsessions">`)) {
				t.Errorf("%d, no button to convert:\n%s", resp.status, resp.body)
			}
		})
	}
}

// A session whose user gave the password at a time that nobody knows says so: null for
// programs, and nothing on the page.
func TestUnknownSignInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMoving(t)
		resp := r.do(with(post("/convert", "", ""), "Cookie", "legacy=good"))
		cookie := cookieOf(resp)
		same(t, r.do(with(get("/profile"), "Cookie", cookie)), jsonAnswer(strings.Replace(profileJSON, `"signed_in_at":"2000-01-01T00:00:00Z"`, `"signed_in_at":null`, 1)))
		page := r.do(fromBrowser(with(get("/profile"), "Cookie", cookie)))
		if page.status != 200 || strings.Contains(page.body, "1970") || strings.Contains(page.body, "Signed in") {
			t.Errorf("%d:\n%s", page.status, page.body)
		}
		if resp := r.do(fromBrowser(with(post("/sessions/revoke-all", asForm, ""), "Cookie", cookie))); resp.header.Get("Location") != "/reauthenticate?next=%2Fsessions" {
			t.Errorf("a password that was given nobody knows when counts as given lately: %d %v", resp.status, resp.header)
		}
	})
}

// What ends the session of a user ends the one at the monolith too, by the function that
// can read its cookie. Nothing is cleared before that has answered.
func TestLogoutOfBoth(t *testing.T) {
	onward := newAnswer(307, "").with("Location", "/convert/end")
	for _, path := range []string{"/logout", "/sessions/revoke-all", "/sessions/{id}/revoke"} {
		for _, reader := range []func(*http.Request) *http.Request{fromBrowser, func(r *http.Request) *http.Request { return r }} {
			synctest.Test(t, func(t *testing.T) {
				r := newMoving(t)
				cookie := r.signIn()
				path := strings.ReplaceAll(path, "{id}", r.newest("alice-id").ID)
				same(t, r.do(with(reader(post(path, "", "")), "Cookie", cookie+"; legacy=good")), onward.with("Set-Cookie", clearedCookie))
				if r.live() != 0 {
					t.Error("our session lives on")
				}
				resp := r.do(with(reader(post("/convert/end", "", "")), "Cookie", "legacy=good"))
				if resp.answer().header["Set-Cookie"] != clearedLegacy || resp.status != 303 && resp.status != 204 || resp.status == 303 && resp.header.Get("Location") != "/login" {
					t.Errorf("%d %v", resp.status, resp.header)
				}
				if calls := r.recordedCalls(); calls != "converter.End" {
					t.Errorf("calls %q", calls)
				}
				// Without the monolith's cookie, and without a session, all is as it always was.
				if resp := r.do(reader(post("/logout", "", ""))); resp.status == 307 {
					t.Errorf("a logout without the monolith's cookie answers %d", resp.status)
				}
				same(t, r.do(with(reader(post("/logout", "", "")), "Cookie", "legacy=good")), onward.with("Set-Cookie", clearedCookie))
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := newMoving(t)
		cookie := r.signIn()
		time.Sleep(time.Second) // of two sessions of one moment, either may count as the newest
		r.signIn()
		id := r.newest("alice-id").ID
		same(t, r.do(with(fromBrowser(post("/sessions/"+id+"/revoke", "", "")), "Cookie", cookie+"; legacy=good")), redirectAnswer("/sessions"))
		same(t, r.do(with(fromBrowser(post("/sessions/revoke-others", "", "")), "Cookie", cookie+"; legacy=good")), redirectAnswer("/sessions"))
		r.breakStore("sessions")
		down := problemPage(503, outage).with("Retry-After", "5")
		same(t, r.do(with(fromBrowser(post("/logout", "", "")), "Cookie", cookie+"; legacy=good")), down)
		r.repair()
		same(t, r.do(with(fromBrowser(post("/convert/end", "", "")), "Cookie", "legacy=down")), down)
	})
}

// Whoever signs in here is alone in the browser: the monolith's cookies, which may be
// another user's, are gone.
func TestSignInClearsLegacyCookies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMoving(t)
		for name, tt := range map[string]struct {
			req    *http.Request
			status int
		}{
			"page": {fromBrowser(post("/login", asForm, rightForm)), 200}, "program": {post("/login", asJSON, rightJSON), 200},
			"wrong": {post("/login", asJSON, wrongJSON), 401}, "outage": {post("/login", asJSON, rightJSON), 503},
		} {
			if tt.status == 503 {
				r.breakStore("sessions")
			}
			resp := r.do(with(tt.req, "Cookie", "legacy=good"))
			r.repair()
			if cleared := strings.Contains(resp.answer().header["Set-Cookie"], clearedLegacy); resp.status != tt.status || cleared != (tt.status == 200) {
				t.Errorf("%s: %d, Set-Cookie %q", name, resp.status, resp.cookies())
			}
		}
	})
}

// The login page says one sentence of ours, and nothing that a link could make it say.
func TestLoginSaysWhy(t *testing.T) {
	r := newMoving(t)
	for query, want := range map[string]answer{
		"?why=moved&next=/sessions": pageAnswer(200, "Sign in", sentenceMoved),
		"?why=again":                pageAnswer(200, "Sign in", sentenceAgain),
		"?why=":                     pageAnswer(200, "Sign in"),
		"?why=login.no_cookie":      pageAnswer(200, "Sign in"),
		"?why=<script>":             pageAnswer(200, "Sign in"),
	} {
		resp := r.do(with(fromBrowser(get("/login"+query)), "Cookie", "legacy=good"))
		same(t, resp, want)
		if strings.Contains(resp.body, "<script>") {
			t.Errorf("%s is on the page", query)
		}
	}
	for language, sentence := range map[string]string{"de": "gilt nur einmal", "fr": "ne vaut qu’une fois", "es": "solo vale una vez", "ja": "一度しか使えません"} {
		if resp := r.do(with(fromBrowser(get("/login?why=moved")), "Accept-Language", language)); !strings.Contains(resp.body, sentence) {
			t.Errorf("%s does not say %q", language, sentence)
		}
	}
}
