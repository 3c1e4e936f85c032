package signin

import (
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/texts"
)

// What the login page says if the browser did not keep the cookie.
var (
	noCookie     = texts.Default.English().Text("login.no_cookie")
	noCookieHere = texts.Default.English().Text("login.no_cookie_here")
)

// TestNoRedirectSetsACookie: no redirect sets a cookie, on any route. A page that does
// shows nothing but a link to where it leads.
func TestNoRedirectSetsACookie(t *testing.T) {
	pages := 0
	for _, x := range rows() {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			resp := r.do(x.request(r, true))
			switch {
			case !slices.ContainsFunc(resp.header["Set-Cookie"], keepsCookie):
				if to := resp.header.Get("Refresh"); to != "" && !strings.Contains(to, "https://id.example/") { // another site
					t.Errorf("%s, %s: no cookie, but Refresh: %s", x.route, x.outcome, to)
				}
			case resp.status != 200:
				t.Errorf("%s, %s: %d sets a cookie", x.route, x.outcome, resp.status)
			default:
				pages++
				tree := parsePage(t, resp.body)
				links := tree.all("a")
				if to := "0; url=" + links[len(links)-1].attr["href"]; len(links) != 2 || resp.header.Get("Refresh") != to {
					t.Errorf("%s, %s: Refresh: %s; %d links, the last one to %s", x.route, x.outcome, resp.header.Get("Refresh"), len(links), to)
				}
				if len(tree.all("form"))+len(tree.all("nav")) > 0 || strings.Contains(resp.body, "Alice") {
					t.Errorf("%s, %s: the page is\n%s", x.route, x.outcome, resp.body)
				}
			}
		})
	}
	if pages == 0 {
		t.Error("no page sets a cookie")
	}
}

// TestRedirectPageHasTheTheme: the page on the way to the next one does not flash.
func TestRedirectPageHasTheTheme(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	r.do(with(post("/preferences", asForm, "theme=dark"), "Cookie", cookie))
	resp := r.do(fromBrowser(with(post("/reauthenticate", asForm, "password=correct+horse+battery+staple"), "Cookie", cookie)))
	if theme := parsePage(t, resp.body).all("html")[0].attr["data-theme"]; theme != "dark" {
		t.Errorf("the theme is %q", theme)
	}
}

// landing signs in with a browser that sends the Cookie header, and returns the path that
// the answer leads to and the session cookie.
func (r *fixture) landing(cookie, next string) (to, session string) {
	r.t.Helper()
	req := fromBrowser(post("/login", asForm, rightForm+"&"+url.Values{"next": {next}}.Encode()))
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp := r.do(req)
	to, ok := strings.CutPrefix(resp.header.Get("Refresh"), "0; url=")
	if !ok || LocalPath(to) != to {
		r.t.Fatalf("%d, Refresh %q", resp.status, resp.header.Get("Refresh"))
	}
	return to, cookieOf(resp)
}

// TestCookieIsNotKept: whoever signs in with a browser that keeps no cookie is told what
// is wrong, and no session is left.
func TestCookieIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		to, cookie := r.landing("", "/sessions?a=b")
		for range 2 { // as on a reload
			resp := r.do(fromBrowser(get(to)))
			same(t, resp, pageAnswer(200, "Sign in", noCookie))
			tree := parsePage(t, resp.body)
			if next := tree.one(t, "input", "name", "next").attr["value"]; next != "/sessions?a=b" {
				t.Errorf("the form leads to %q", next)
			}
			for _, name := range []string{"username", "password"} {
				if field := tree.one(t, "input", "name", name); field.attr["aria-invalid"] != "" || field.attr["aria-describedby"] != "" {
					t.Errorf("the field is %v, although nothing is wrong with it", field.attr)
				}
			}
			if calls := r.recordedCalls(); calls != "sessions.Delete" || r.live() != 0 {
				t.Errorf("calls: %s; %d sessions are left", calls, r.live())
			}
		}
		if status := r.profileStatus(cookie); status != 401 {
			t.Errorf("the session answers %d", status)
		}
	})
}

// TestCookieIsKept: whoever keeps the cookie is led on at once, without a call. Once more
// on that way, also much later, ends no session.
func TestCookieIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		to, first := r.landing("", "/sessions?a=b")
		_, second := r.landing(first, "")
		for name, cookie := range map[string]string{
			"its own": first, "another session's": second, "both": first + "; " + second, "with the device's": "__Host-DEVICE=x; " + second,
		} {
			same(t, r.do(fromBrowser(with(get(to), "Cookie", cookie))), redirectAnswer("/sessions?a=b"))
			if calls := r.recordedCalls(); calls != "" {
				t.Errorf("%s: calls: %s", name, calls)
			}
		}
		r.advance(time.Minute + time.Second)
		same(t, r.do(fromBrowser(get(to))), pageAnswer(200, "Sign in"))
		if calls := r.recordedCalls(); calls != "" || r.profileStatus(second) != 200 {
			t.Errorf("an old receipt: calls: %s", calls)
		}
	})
}

// TestLandingOfAKnownBrowser: a browser that sends a cookie of ours keeps them, so it is
// led to the next page directly.
func TestLandingOfAKnownBrowser(t *testing.T) {
	for name, cookie := range states {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t)
			sent := cookie(r)
			r.repair()
			if to, _ := r.landing(sent, "/sessions"); (to == "/sessions") != (sent != "") {
				t.Errorf("%s: to %s", name, to)
			}
		})
	}
	for cookie, known := range map[string]bool{"__Host-DEVICE=x": true, "__Host-DEVICE=x; __Host-DEVICE=y": true, "other=x": false} {
		r := newFixture(t)
		if to, _ := r.landing(cookie, "/sessions"); (to == "/sessions") != known {
			t.Errorf("%s: to %s", cookie, to)
		}
	}
}

// TestWorthlessReceipts: what is no receipt gets the login page, and ends nothing.
func TestWorthlessReceipts(t *testing.T) {
	r := newFixture(t)
	to, cookie := r.landing("", "/sessions")
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	receipt := u.Query().Get("kept")
	for name, worthless := range map[string]string{
		"empty": "", "garbled": "%", "cut": receipt[:len(receipt)-12], "a token": strings.TrimPrefix(cookie, "__Host-SESSIONID="), "long": strings.Repeat(receipt, 50),
	} {
		same(t, r.do(fromBrowser(get("/login?"+url.Values{"kept": {worthless}}.Encode()))), pageAnswer(200, "Sign in"))
		if calls := r.recordedCalls(); calls != "" || r.profileStatus(cookie) != 200 {
			t.Errorf("%s: calls: %s", name, calls)
		}
	}
	forged := unknownID + receipt[len(unknownID):]
	r.do(fromBrowser(get("/login?" + url.Values{"kept": {forged}}.Encode())))
	if status := r.profileStatus(cookie); status != 200 {
		t.Errorf("a forged receipt has ended a session: %d", status)
	}
}

// TestForgedReceiptWithKeys: with signing keys a forged receipt does not reach the store,
// and gets the login page.
func TestForgedReceiptWithKeys(t *testing.T) {
	r := newFixture(t)
	var err error
	r.sessions, err = session.New(sessionStore{r.stores.sessions, &r.callRecorder}, session.Config{ErrorHandler: r.fail, SigningKeys: [][]byte{[]byte("an example of a key of 32 bytes!")}})
	if err != nil {
		t.Fatal(err)
	}
	r.serveAt("")
	to, cookie := r.landing("", "/sessions")
	same(t, r.do(fromBrowser(get(strings.Replace(to, "kept=", "kept="+unknownID, 1)))), pageAnswer(200, "Sign in"))
	forged := "kept=" + unknownID + to[strings.Index(to, "kept=")+len("kept=")+len(unknownID):]
	same(t, r.do(fromBrowser(get("/login?"+forged))), pageAnswer(200, "Sign in"))
	if calls := r.recordedCalls(); calls != "" || r.profileStatus(cookie) != 200 {
		t.Errorf("calls: %s", calls)
	}
}

// TestReceiptInAnOutage: if the session cannot be ended, the answer says so, and the
// same address works later.
func TestReceiptInAnOutage(t *testing.T) {
	r := newFixture(t)
	to, _ := r.landing("", "/sessions")
	r.breakStore("sessions")
	same(t, r.do(fromBrowser(get(to))), downPage())
	r.repair()
	same(t, r.do(fromBrowser(get(to))), pageAnswer(200, "Sign in", noCookie))
	if r.live() != 0 {
		t.Errorf("%d sessions are left", r.live())
	}
}

// TestCookieIsNotKeptHere: on this machine the page names the address that works.
func TestCookieIsNotKeptHere(t *testing.T) {
	for _, tt := range []struct{ origin, host, want string }{
		{"", "localhost:8080", noCookieHere},
		{"", "LocalHost", noCookieHere},
		{"", "127.0.0.1:8080", noCookieHere},
		{"", "127.0.0.2", noCookieHere},
		{"", "[::1]:8080", noCookieHere},
		{"http://localhost:8080", "localhost:8080", noCookieHere},
		{"https://app.example", "localhost:8080", noCookie},
		{"", "app.example", noCookie},
		{"", "192.0.2.1:8080", noCookie},
		{"", "localhost.example", noCookie},
		{"", "localhost:x", noCookie},
		{"", "", noCookie},
	} {
		r := newFixture(t)
		r.serveAt(tt.origin)
		to, _ := r.landing("", "/profile")
		req := fromBrowser(get(to))
		req.Host = tt.host
		if resp := r.do(req); resp.status != 200 || !strings.Contains(resp.body, html.EscapeString(tt.want)) {
			t.Errorf("origin %q, host %q: %d, %s", tt.origin, tt.host, resp.status, resp.body)
		}
	}
}

// TestProgramsGetNoReceipt: the answer to a program does not depend on its cookies.
func TestProgramsGetNoReceipt(t *testing.T) {
	r := newFixture(t)
	resp := r.do(post("/login", asJSON, rightJSON))
	if resp.status != http.StatusOK || resp.header.Get("Refresh") != "" || strings.Contains(resp.body, "kept") {
		t.Errorf("%d, Refresh %q, %s", resp.status, resp.header.Get("Refresh"), resp.body)
	}
}
