// Package middleware_test tests the middleware of each framework in its real framework, with
// one table for all.
package middleware_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestMiddleware(t *testing.T) {
	for _, framework := range frameworks {
		t.Run(framework.name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range []string{"also", "only"} {
				t.Run(mode, func(t *testing.T) {
					m := start(t, framework.command(t), mode)
					for _, c := range cases {
						t.Run(c.name, func(t *testing.T) { c.run(m.on(t)) })
					}
				})
			}
		})
	}
}

// cases are what is asked of every framework, in both modes.
var cases = []struct {
	name string
	run  func(m *monolith)
}{
	{"who", who},
	{"who, signed in at the monolith", whoWithOwn},
	{"requests without our cookie", withoutOurs},
	{"malformed cookies", malformed},
	{"two cookies", twoCookies},
	{"similar cookies", similar},
	{"what is sent", sent},
	{"hidden", hidden},
	{"headers", headers},
	{"headers of an outage", outageHeaders},
	{"sign-in", signIn},
	{"sign-in, refused", signInRefused},
	{"sign-in in an outage", signInOutage},
	{"stamp", stamp},
	{"logout", logout},
	{"logout in an outage", logoutOutage},
	{"logout of ours alone", logoutAlone},
	{"logout, spelled otherwise", logoutSpelled},
	{"login page", loginPage},
	{"connection refused", refused}, // last: it stops the fake
}

// answers are the tokens of each answer, and what they make of a request that has no session
// of the monolith's.
var answers = []struct{ token, want string }{
	{"200-42", "42"},
	{"200-43", "43"},
	{"200-unknown", "nobody"},
	{"200-042", "nobody"}, // a database finds 42 by it
	{"200-42x", "nobody"},
	{"401", "nobody"},
	{"204", outage},
	{"400", outage},
	{"403", outage},
	{"404", outage},
	{"429", outage},
	{"500", outage},
	{"503", outage},
	{"201", outage},
	{"redirect", outage},
	{"hang", outage},
	{"drip", outage},
	{"reset", outage},
	{"cut", outage},
	{"garbage", outage},
	{"empty", outage},
	{"list", outage},
	{"text", outage},
	{"nothing", outage},
	{"noid", outage},
	{"emptyid", outage},
	{"number", outage},
	{"nested", outage},
	{"huge", outage},
}

const outage = "503 Service Unavailable"

func who(m *monolith) {
	for _, a := range answers {
		tok := token(a.token)
		if got := status(m.with(tok).get("/me")); got != a.want {
			m.t.Errorf("%s: %s, not %s", a.token, got, a.want)
		}
		// Java's client repeats a GET whose connection was closed.
		if got := slices.Compact(m.fake.whats(tok)); !slices.Equal(got, []string{"GET /whoami"}) || len(m.fake.whats(tok)) > 1 && a.token != "reset" {
			m.t.Errorf("%s: asked %q", a.token, m.fake.whats(tok))
		}
	}
}

// status returns who is signed in. Some frameworks give 503 another reason phrase or none.
func status(a answer) string {
	if a.StatusCode == http.StatusServiceUnavailable {
		return outage
	}
	return a.who()
}

// whoWithOwn: in mode also ours goes first, and then the monolith's own session counts.
func whoWithOwn(m *monolith) {
	own := m.browser().signedIn("43")
	for _, a := range answers {
		want := a.want
		if m.mode == "also" && a.token == "401" {
			want = "43"
		}
		if slices.Contains([]string{"hang", "drip"}, a.token) {
			continue // who has tried these, and they take long
		}
		own.ours = cookieName + "=" + token(a.token)
		if got := status(own.get("/me")); got != want {
			m.t.Errorf("%s: %s, not %s", a.token, got, want)
		}
	}
	own.ours = ""
	if got := status(own.get("/me")); got != m.ownOnly("43") {
		m.t.Errorf("without ours: %s", got)
	}
}

// ownOnly returns who is signed in by the session of the monolith's user alone.
func (m *monolith) ownOnly(user string) string {
	if m.mode == "also" {
		return user
	}
	return "nobody"
}

func withoutOurs(m *monolith) {
	before := m.fake.count()
	for range 2 {
		b := m.browser()
		if got := status(b.get("/me")); got != "nobody" {
			m.t.Errorf("got %s", got)
		}
		b.signedIn("42")
		b.get("/me")
		b.post("/write")
		b.post("/signout")
		b.own["theme"] = "dark"
		b.get("/me")
	}
	if after := m.fake.count(); after != before {
		m.t.Errorf("asked %d times", after-before)
	}
}

func malformed(m *monolith) {
	good := token("200-42")
	own := m.browser().signedIn("43")
	before := m.fake.count()
	for _, value := range []string{
		"", "x", good[1:], good + "x", "x" + good, good + ".", good + "." + good[:21], good + "." + good[:22] + ".x", `"` + good + `"`, " " + good,
		good[:10] + "+" + good[11:], good[:10] + "%5F" + good[11:], good + "%0A", good + "%0a", good + "%20", good + "=", good[:88] + "=", good + "\xc3\xa9",
		good[:40] + " " + good[41:], good[:40] + "\t" + good[41:], good + ",x", strings.ReplaceAll(good, ".", "%2E"), strings.Repeat("x", 5000),
	} {
		if got := status(m.with(value).get("/me")); got != "nobody" {
			m.t.Errorf("%.100q: %s", value, got)
		}
		own.ours = cookieName + "=" + value
		if got := status(own.get("/me")); got != m.ownOnly("43") {
			m.t.Errorf("%.100q, signed in at the monolith: %s", value, got)
		}
	}
	if after := m.fake.count(); after != before {
		m.t.Errorf("asked %d times", after-before)
	}
	signed := good + "." + good[:22]
	if got := status(m.with(signed).get("/me")); got != "42" {
		m.t.Errorf("a signed token: %s", got)
	}
}

func twoCookies(m *monolith) {
	a, b := token("200-42"), token("200-42")
	one := cookieName + "="
	own := m.browser().signedIn("43")
	before := m.fake.count()
	for _, ours := range []string{
		one + a + "; " + one + b, one + a + "; " + one, one + "; " + one + a, one + "x; " + one + a, one + a + "; " + one + "x", one + a + "; theme=dark; " + one + b,
		one + a + ";" + one + b, one + a + "; " + one + `"` + a + `"`,
	} {
		browser := m.browser()
		browser.ours = ours
		if got := status(browser.get("/me")); got != "nobody" {
			m.t.Errorf("%q: %s", ours, got)
		}
		own.ours = ours
		if got := status(own.get("/me")); got != m.ownOnly("43") {
			m.t.Errorf("%q, signed in at the monolith: %s", ours, got)
		}
	}
	if after := m.fake.count(); after != before {
		m.t.Errorf("asked %d times", after-before)
	}
	browser := m.browser()
	browser.ours = one + a + "; " + one + a
	if got := status(browser.get("/me")); got != "42" || len(m.fake.about(a)) != 1 {
		m.t.Errorf("equal cookies: %s, asked %d times", got, len(m.fake.about(a)))
	}
}

// similar: other cookies are not ours, and stay where they are.
func similar(m *monolith) {
	tok := token("200-42")
	for _, name := range []string{strings.ToLower(cookieName), cookieName + "2", "_" + cookieName, cookieName + "[]", cookieName + "[x]", "%5F_Host-SESSIONID", cookieName + " ", "SESSIONID"} {
		b := m.browser()
		b.ours = name + "=" + tok
		a := b.get("/me")
		if got := status(a); got != "nobody" || len(m.fake.about(tok)) > 0 {
			m.t.Errorf("%q: %s, asked %q", name, got, m.fake.whats(tok))
		}
		if strings.TrimSpace(a.me.Cookie) != b.ours {
			m.t.Errorf("%q: the application sees %q", name, a.me.Cookie)
		}
	}
}

// sent: Coatcheck gets our cookie, and nothing else of the request.
func sent(m *monolith) {
	tok := token("200-42")
	b := m.with(tok)
	b.own["theme"] = "dark"
	header := http.Header{}
	for _, name := range []string{
		"Authorization", "Origin", "Referer", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip",
		"Forwarded", "Accept-Language", "X-Request-Id", "Traceparent", "If-None-Match", "X-Secret",
	} {
		header.Set(name, "secret.example.org")
	}
	header.Set("Host", "evil.example.org")
	if got := status(b.send("GET", "/me", nil, header)); got != "42" {
		m.t.Errorf("got %s", got)
	}
	b.send("POST", "/signout", url.Values{"x": {"y"}}, header)
	all := m.fake.about(tok)
	if len(all) != 3 { // whoami twice and logout
		m.t.Fatalf("asked %q", m.fake.whats(tok))
	}
	for _, a := range all {
		if a.host != strings.TrimPrefix(m.fake.URL, "http://") {
			m.t.Errorf("%s: Host is %s", a.what, a.host)
		}
		if a.header.Get("Cookie") != cookieName+"="+tok || len(a.header["Cookie"]) != 1 {
			m.t.Errorf("%s: Cookie is %q", a.what, a.header["Cookie"])
		}
		if got := fmt.Sprint(a.header); strings.Contains(got, "example.org") {
			m.t.Errorf("%s: sent %s", a.what, got)
		}
		if got := a.header.Get("Accept"); got != "application/json" {
			m.t.Errorf("%s: Accept is %q", a.what, got)
		}
		// The managed rules of a firewall refuse programs that send none.
		if got := a.header.Get("User-Agent"); got != "Coatcheck-Middleware" {
			m.t.Errorf("%s: User-Agent is %q", a.what, got)
		}
	}
}

func hidden(m *monolith) {
	tok := token("200-42")
	one := cookieName + "=" + tok
	for ours, want := range map[string]string{
		one:                                     "",
		"theme=dark; " + one + "; lang=de":      "theme=dark; lang=de",
		one + "; theme=dark":                    "theme=dark",
		"theme=dark; " + one:                    "theme=dark",
		`q="a b"; ` + one + "; e=%20+=; " + one: `q="a b"; e=%20+=`,
		cookieName + "=x; theme=dark":           "theme=dark",
		cookieName + "=x; " + one:               "",
	} {
		b := m.browser()
		b.ours = ours
		if got := b.get("/me").me.Cookie; got != want {
			m.t.Errorf("%q: the application sees %q, not %q", ours, got, want)
		}
	}
}

// TestPythonFilesAgree: what the Flask and the Django file have in common is the same.
func TestPythonFilesAgree(t *testing.T) {
	common := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut(string(text), "\n# --- From here")
		part, _, ok2 := strings.Cut(rest, "\n# --- The same")
		if !ok || !ok2 {
			t.Fatalf("%s has lost the lines that mark the common part", file)
		}
		return part
	}
	if common("coatcheck_flask.py") != common("coatcheck_django.py") {
		t.Error("the common parts of coatcheck_flask.py and coatcheck_django.py differ")
	}
}
