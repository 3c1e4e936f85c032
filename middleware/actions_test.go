package middleware_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func headers(m *monolith) {
	anonymous, alice, unknown := m.browser(), m.with(token("200-42")), m.with(token("401"))
	for _, c := range []struct {
		who                  *browser
		query, vary, control string
	}{
		{anonymous, "", "Cookie", ""},
		{unknown, "", "Cookie", ""},
		{unknown, "?cc=public%2C+max-age%3D60", "Cookie", "public, max-age=60"},
		{anonymous, "?vary=Accept&cc=public%2C+max-age%3D60", "Accept, Cookie", "public, max-age=60"},
		{anonymous, "?vary=Accept%2C+Cookie", "Accept, Cookie", ""},
		{anonymous, "?vary=*", "*", ""},
		{alice, "", "Cookie", "private"},
		{alice, "?vary=Accept", "Accept, Cookie", "private"},
		{alice, "?vary=accept%2C+cookie", "accept, cookie", "private"},
		{alice, "?cc=max-age%3D60", "Cookie", "private, max-age=60"},
		{alice, "?cc=public%2C+max-age%3D60", "Cookie", "private, max-age=60"},
		{alice, "?cc=Public", "Cookie", "private"},
		{alice, "?cc=public%2C+private", "Cookie", "private"},
		{alice, "?cc=public%2C+no-store", "Cookie", "no-store"},
		{alice, "?cc=private%2C+max-age%3D60", "Cookie", "private, max-age=60"},
		{alice, "?cc=no-store", "Cookie", "no-store"},
	} {
		a := c.who.get("/me" + c.query)
		if got := a.field("Vary"); !hasAll(got, c.vary) {
			m.t.Errorf("%s: Vary is %q, not %q", c.query, got, c.vary)
		}
		if got := a.field("Cache-Control"); c.control != "" && !hasAll(got, c.control) || hasAll(got, "public") != hasAll(c.control, "public") {
			m.t.Errorf("%s: Cache-Control is %q, not %q", c.query, got, c.control)
		}
	}
	for _, b := range []*browser{anonymous, alice} {
		if got := b.get("/no-such-page"); got.StatusCode != http.StatusNotFound || !strings.Contains(got.field("Vary"), "Cookie") {
			m.t.Errorf("an unknown page: %s, Vary is %q", got.Status, got.field("Vary"))
		}
	}
}

// directives returns the parts of a header field, in lower case and sorted.
func directives(field string) []string {
	parts := strings.Split(strings.ToLower(strings.ReplaceAll(field, " ", "")), ",")
	slices.Sort(parts)
	return slices.Compact(parts)
}

// hasAll reports whether a header field has all that it must; frameworks add more.
func hasAll(got, want string) bool {
	has := directives(got)
	return !slices.ContainsFunc(directives(want), func(directive string) bool { return !slices.Contains(has, directive) })
}

func outageHeaders(m *monolith) {
	for _, answer := range []string{"500", "429", "redirect", "garbage"} {
		a := m.with(token(answer)).get("/me?cc=public&vary=Accept")
		if seconds, err := strconv.Atoi(a.field("Retry-After")); err != nil || seconds < 1 || a.StatusCode != http.StatusServiceUnavailable {
			m.t.Errorf("%s: %s, Retry-After is %q", answer, a.Status, a.field("Retry-After"))
		}
		if !strings.Contains(a.field("Vary"), "Cookie") || !strings.Contains(a.field("Cache-Control"), "no-store") {
			m.t.Errorf("%s: Vary is %q, Cache-Control is %q", answer, a.field("Vary"), a.field("Cache-Control"))
		}
		if a.clears() {
			m.t.Errorf("%s: our cookie is cleared", answer)
		}
	}
}

// signIn: a sign-in at the monolith ends ours, so that two people never mix.
func signIn(m *monolith) {
	for _, answer := range []string{"200-42", "200-43", "401"} {
		tok := token(answer)
		b := m.with(tok)
		a := b.signIn("43")
		if a.StatusCode >= 400 || !a.clears() {
			m.t.Errorf("%s: %s, Set-Cookie %q", answer, a.Status, a.Header["Set-Cookie"])
		}
		if got := m.fake.whats(tok); !slices.Equal(got, []string{"GET /whoami", "POST /logout"}) {
			m.t.Errorf("%s: asked %q", answer, got)
		}
		b.ours = ""
		if got := status(b.get("/me")); got != m.ownOnly("43") {
			m.t.Errorf("%s: then %s is signed in", answer, got)
		}
	}
	// All tokens are ended, whichever the browser would have shown elsewhere.
	one, two := token("200-42"), token("200-43")
	b := m.browser()
	b.ours = cookieName + "=" + one + "; " + cookieName + "=x; " + cookieName + "=" + two
	if a := b.signIn("43"); !a.clears() || !slices.Equal(m.fake.whats(one), []string{"POST /logout"}) || len(m.fake.about(two)) != 1 {
		m.t.Errorf("two cookies: %s, asked %q and %q", a.Status, m.fake.whats(one), m.fake.whats(two))
	}
	b.ours = cookieName + "=malformed"
	if a := b.signIn("43"); a.StatusCode >= 400 || !a.clears() {
		m.t.Errorf("a malformed cookie: %s, Set-Cookie %q", a.Status, a.Header["Set-Cookie"])
	}
}

// signInRefused: a wrong password signs nobody in and nobody out.
func signInRefused(m *monolith) {
	tok := token("200-42")
	b := m.with(tok)
	a := b.send("POST", "/signin-elsewhere", url.Values{"user": {"43"}, "password": {"wrong"}}, nil)
	if a.StatusCode != http.StatusUnauthorized || a.clears() || !slices.Equal(m.fake.whats(tok), []string{"GET /whoami"}) {
		m.t.Errorf("%s, asked %q", a.Status, m.fake.whats(tok))
	}
	if got := status(b.get("/me")); got != "42" {
		m.t.Errorf("then %s is signed in", got)
	}
}

func signInOutage(m *monolith) {
	for _, answer := range []string{"200-42-503", "200-42-401", "200-42-429", "200-42-200", "200-42-redirect", "200-42-reset", "401--500"} {
		tok := token(answer)
		b := m.with(tok)
		a := b.signIn("43")
		if status(a) != outage || a.field("Retry-After") == "" || a.clears() {
			m.t.Errorf("%s: %s, Set-Cookie %q", answer, a.Status, a.Header["Set-Cookie"])
		}
		b.ours = ""
		if a := b.get("/me"); status(a) != "nobody" || a.me.Stamp != nil {
			m.t.Errorf("%s: then %s is signed in, with the stamp %v", answer, status(a), a.me.Stamp)
		}
	}
}

// stampShape is that of a stamp: a random ID and the time.
var stampShape = regexp.MustCompile(`\A[A-Za-z0-9_-]{22}\.([1-9][0-9]{9})\z`)

// stamp: it is set at a sign-in, and never at another time.
func stamp(m *monolith) {
	b := m.browser()
	of := func() string {
		if s := b.get("/me").me.Stamp; s != nil {
			return *s
		}
		return ""
	}
	b.post("/write")
	if got := of(); got != "" {
		m.t.Errorf("nobody has signed in, and the stamp is %q", got)
	}
	before := time.Now().Unix()
	first := func() string { b.signedIn("43"); return of() }()
	parts := stampShape.FindStringSubmatch(first)
	if parts == nil {
		m.t.Fatalf("the stamp is %q", first)
	}
	if at, _ := strconv.ParseInt(parts[1], 10, 64); at < before || at > time.Now().Unix() {
		m.t.Errorf("the stamp %q is not of now, %d", first, before)
	}
	b.post("/write")
	b.ours = cookieName + "=" + token("200-42")
	b.post("/write")
	b.send("POST", "/signin-elsewhere", url.Values{"user": {"43"}, "password": {"wrong"}}, nil)
	b.ours = ""
	if got := of(); got != first {
		m.t.Errorf("the stamp has changed from %q to %q", first, got)
	}
	b.signedIn("43")
	if got := of(); got == first || !stampShape.MatchString(got) {
		m.t.Errorf("after another sign-in the stamp is %q, before it was %q", got, first)
	}
}

func logout(m *monolith) {
	for _, answer := range []string{"200-42", "401"} {
		tok := token(answer)
		b := m.browser().signedIn("43")
		b.ours = cookieName + "=" + tok
		a := b.post("/signout")
		if a.StatusCode >= 400 || !a.clears() {
			m.t.Errorf("%s: %s, Set-Cookie %q", answer, a.Status, a.Header["Set-Cookie"])
		}
		if got := m.fake.whats(tok); !slices.Equal(got, []string{"GET /whoami", "POST /logout"}) {
			m.t.Errorf("%s: asked %q", answer, got)
		}
		if !strings.Contains(a.field("Vary"), "Cookie") || !strings.Contains(a.field("Cache-Control"), "private") && !strings.Contains(a.field("Cache-Control"), "no-store") {
			m.t.Errorf("%s: Vary is %q, Cache-Control is %q", answer, a.field("Vary"), a.field("Cache-Control"))
		}
		b.ours = ""
		if got := status(b.get("/me")); got != "nobody" {
			m.t.Errorf("%s: then %s is signed in", answer, got)
		}
	}
}

// logoutAlone: who has only our session signs out of it at the monolith.
func logoutAlone(m *monolith) {
	tok := token("200-42")
	if a := m.with(tok).post("/signout"); a.StatusCode >= 400 || !a.clears() || !slices.Equal(m.fake.whats(tok), []string{"GET /whoami", "POST /logout"}) {
		m.t.Errorf("%s, Set-Cookie %q, asked %q", a.Status, a.Header["Set-Cookie"], m.fake.whats(tok))
	}
	one, two := token("200-42"), token("200-43")
	b := m.browser()
	b.ours = cookieName + "=" + one + "; " + cookieName + "=" + two
	if a := b.post("/signout"); !a.clears() || !slices.Equal(m.fake.whats(one), []string{"POST /logout"}) || len(m.fake.about(two)) != 1 {
		m.t.Errorf("two cookies: %s, asked %q and %q", a.Status, m.fake.whats(one), m.fake.whats(two))
	}
	for path, method := range map[string]string{"/signout": "OPTIONS", "/me": "PUT"} { // the application has no such route
		tok := token("200-42")
		if a := m.with(tok).send(method, path, nil, nil); a.clears() || slices.Contains(m.fake.whats(tok), "POST /logout") {
			m.t.Errorf("%s %s: our session has ended", method, path)
		}
	}
}

// logoutSpelled: a path that the framework takes for the logout is one for the middleware too.
func logoutSpelled(m *monolith) {
	for _, path := range []string{"/signout/", "/sign%6Fut", "/signout;a=b", "/SIGNOUT", "/signout?next=/", "//signout", "/./signout", "/signout.json"} {
		b := m.browser().signedIn("43")
		stamp := func() bool { return b.get("/me").me.Stamp != nil }
		if !stamp() {
			m.t.Fatal("the monolith's session has no stamp")
		}
		tok := token("200-42")
		b.ours = cookieName + "=" + tok
		a := b.post(path)
		ended := slices.Contains(m.fake.whats(tok), "POST /logout")
		b.ours = ""
		if !stamp() && !ended {
			m.t.Errorf("%s: %s, the monolith's session has ended and ours has not", path, a.Status)
		}
		if ended != a.clears() {
			m.t.Errorf("%s: ended: %t, cookie cleared: %t", path, ended, a.clears())
		}
	}
}

func logoutOutage(m *monolith) {
	for _, answer := range []string{"500", "200-42-503", "200-42-500", "200-42-429", "200-42-401", "200-42-403", "200-42-200", "200-42-redirect", "200-42-reset", "200-42-hang", "401--500"} {
		b := m.browser().signedIn("43")
		b.ours = cookieName + "=" + token(answer)
		a := b.post("/signout")
		if status(a) != outage || a.field("Retry-After") == "" || a.clears() {
			m.t.Errorf("%s: %s, Set-Cookie %q", answer, a.Status, a.Header["Set-Cookie"])
		}
		b.ours = ""
		a = b.get("/me")
		if got := status(a); got != m.ownOnly("43") || a.me.Stamp == nil {
			m.t.Errorf("%s: then %s is signed in, with the stamp %v", answer, got, a.me.Stamp)
		}
	}
}

// loginPage: once login has moved, the monolith's login page leads to ours.
func loginPage(m *monolith) {
	for query, want := range map[string]string{
		"":                               "/login",
		"?next=%2Fcart%3Fa%3D1%26b%3D2":  "/login?next=%2Fcart%3Fa%3D1%26b%3D2",
		"?next=/":                        "/login?next=%2F",
		"?next=%2F%2Fevil.example.org":   "/login",
		"?next=%2F%5Cevil.example.org":   "/login",
		"?next=%2Fa%5Cevil":              "/login",
		"?next=https%3A%2F%2Fevil.org":   "/login",
		"?next=javascript%3Aalert(1)":    "/login",
		"?next=cart":                     "/login",
		"?next=%2Fa%0A%2Fb":              "/login",
		"?next=%2F%09%2Fevil.example":    "/login",
		"?next=":                         "/login",
		"?next%5B%5D=/cart":              "/login",
		"?next=%2Fcart%0A":               "/login",
		"?other=/cart":                   "/login",
		"?next=%2Fcart%2F%C3%BC%3Fq%3D+": "/login",
	} {
		for _, b := range []*browser{m.browser(), m.with(token("200-42"))} {
			a := b.get("/signin" + query)
			switch {
			case m.mode == "also" && (a.StatusCode != http.StatusOK || a.body != "the login page"):
				m.t.Errorf("%s: %s %s", query, a.Status, a.body)
			case m.mode == "only" && (a.StatusCode != http.StatusSeeOther && a.StatusCode != http.StatusFound || !samePage(a.field("Location"), want)):
				m.t.Errorf("%s: %s to %q, not to %q", query, a.Status, a.field("Location"), want)
			}
		}
	}
	if m.mode == "also" {
		return
	}
	b := m.browser()
	a := b.send("POST", "/signin", url.Values{"user": {"43"}, "password": {"right"}}, nil)
	if a.StatusCode != http.StatusSeeOther || a.field("Location") != "/login" {
		m.t.Errorf("POST: %s to %q", a.Status, a.field("Location"))
	}
}

// samePage: languages escape a path in a query each in its own way.
func samePage(got, want string) bool {
	a, errA := url.Parse(got)
	b, errB := url.Parse(want)
	return errA == nil && errB == nil && a.Path == b.Path && a.Host == b.Host && a.Scheme == b.Scheme && a.Query().Encode() == b.Query().Encode()
}

func refused(m *monolith) {
	m.fake.stop()
	if got := status(m.with(token("200-42")).get("/me")); got != outage {
		m.t.Errorf("got %s", got)
	}
	if got := status(m.browser().get("/me")); got != "nobody" {
		m.t.Errorf("without our cookie: %s", got)
	}
}
