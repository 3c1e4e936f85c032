package signin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// patterns returns the patterns of all routes, sorted.
func (r *fixture) patterns() (patterns []string) {
	for _, routes := range r.routes() {
		patterns = slices.AppendSeq(patterns, maps.Keys(routes))
	}
	slices.Sort(patterns)
	return patterns
}

// pathOf returns a path that the pattern matches.
func pathOf(pattern string) string {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.ReplaceAll(strings.TrimSuffix(path, "{$}"), "{id}", unknownID)
}

func TestWrongMethod(t *testing.T) {
	allow := map[string]string{
		"/":               "GET, HEAD",
		"/login":          "GET, HEAD, POST",
		"/reauthenticate": "GET, HEAD, POST",
		"/profile":        "GET, HEAD",
		"/logout":         "POST",
		"/password":       "GET, HEAD, POST",
		"/preferences":    "POST",
		"/whoami":         "GET, HEAD",
		"/activity":       "GET, HEAD",

		"/.well-known/change-password": "GET, HEAD",

		"/convert":     "GET, HEAD, POST",
		"/convert/end": "POST",

		"/sso":          "GET, HEAD",
		"/sso/callback": "GET, HEAD",
		"/sso/again":    "GET, HEAD",
		"/sso/logout":   "GET, HEAD",
		"/sso/ended":    "POST",

		"/sessions":                          "GET, HEAD",
		"/sessions/" + unknownID + "/revoke": "POST",
		"/sessions/revoke-others":            "POST",
		"/sessions/revoke-all":               "POST",
	}
	r := newFixture(t)
	for _, pattern := range r.patterns() {
		if allow[pathOf(pattern)] == "" {
			t.Errorf("no row for %s", pattern)
		}
	}
	cookie := r.signIn()
	for path, allowed := range allow {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get"} {
			if slices.Contains(strings.Split(allowed, ", "), method) {
				continue
			}
			detail := fmt.Sprintf("%s does not work here; allowed: %s.", method, allowed)
			req := func() *http.Request {
				req := with(httptest.NewRequest("GET", path, nil), "Cookie", cookie)
				req.Method = method
				return req
			}
			t.Run(method+" "+path, func(t *testing.T) {
				same(t, r.do(req()), problemAnswer(405, detail).with("Allow", allowed))
				same(t, r.do(fromBrowser(req())), problemPage(405, detail).with("Allow", allowed))
				if calls := r.recordedCalls(); calls != "" {
					t.Errorf("calls: %s", calls)
				}
			})
		}
	}
	if status := r.profileStatus(cookie); status != 200 {
		t.Errorf("after all that the session answers %d", status)
	}
}

// TestPreflight: the answer to a preflight request has no header that would allow
// another origin (ASVS 3.4.2).
func TestPreflight(t *testing.T) {
	r := newFixture(t)
	for _, origin := range []string{"https://evil.example", "null", "http://example.com"} {
		req := with(httptest.NewRequest("OPTIONS", "/profile", nil), "Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		same(t, r.do(req), problemAnswer(405, "OPTIONS does not work here; allowed: GET, HEAD.").with("Allow", "GET, HEAD"))
	}
}

// TestMethodOverride: no header or field changes the method (ASVS 4.1.4).
func TestMethodOverride(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		req := with(with(get("/logout?_method=POST"), "Cookie", cookie), name, "POST")
		if resp := r.do(req); resp.status != 405 || r.recordedCalls() != "" {
			t.Errorf("%s: %d, calls %q", name, resp.status, r.recordedCalls())
		}
	}
}

func TestUnknownPath(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	for _, path := range []string{
		"/nothing", "/favicon.ico", "/profile/x", "/profilex", "/login/x",
		"//", "//profile", "///profile", "/profile/", "/profile//", "/login/", "/logout/",
		"/sessions/", "/sessions/x", "/sessions/revoke", "/sessions//revoke", "/sessions/x/revoke/", "/sessions/x/y/revoke", "/sessions/../revoke",
		"/PROFILE", "/Profile", "/./profile", "/profile/.", "/x/../profile", "/profile/..", "/..", "/.",
		"/%2e", "/%2e%2e", "/%2e/profile", "/x/%2e%2e/profile", "/%2fprofile", "/profile%2f", "/profile%2f.", "/profile%00", "/profile%20", "/profile%0d%0a",
		"/profile;x", "/profile%3fx", "/profile%23x", `/\profile`, "/%5cprofile", "/profile%252f", "/profile.json", "/profile%ff",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			t.Run(method+" "+path, func(t *testing.T) {
				req := func() *http.Request { return with(httptest.NewRequest(method, path, nil), "Cookie", cookie) }
				same(t, r.do(req()), problemAnswer(404, "There is nothing at this address."))
				same(t, r.do(fromBrowser(req())), problemPage(404, "There is nothing at this address."))
				if calls := r.recordedCalls(); calls != "" {
					t.Errorf("calls: %s", calls)
				}
			})
		}
	}
}

// TestEachFunctionServesItsOwnPaths: a function serves only its own paths. Together
// the functions serve all paths.
func TestEachFunctionServesItsOwnPaths(t *testing.T) {
	r := newFixture(t)
	r.ownAnswers = true // to a function alone most paths are unknown
	for constructor, routes := range r.routes() {
		r.handler = r.pages.Handler(routes)
		for _, pattern := range r.patterns() {
			method, _, _ := strings.Cut(pattern, " ")
			_, own := routes[pattern]
			resp := r.do(httptest.NewRequest(method, pathOf(pattern), nil))
			if !own && hasPath(routes, pathOf(pattern)) {
				continue // this function serves the path with another method
			}
			if own == (resp.status == 404) {
				t.Errorf("%s alone answers %s with %d", constructor, pattern, resp.status)
			}
		}
	}
}

func hasPath(routes Routes, path string) bool {
	for pattern := range routes {
		if pathOf(pattern) == path {
			return true
		}
	}
	return false
}

func TestPanic(t *testing.T) {
	r := newFixture(t)
	r.handler = r.pages.Handler(Routes{
		"GET /panic": func(w http.ResponseWriter, req *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "__Host-SESSIONID", Value: "half-done"})
			w.Header().Set("Location", "/half-done")
			w.Header().Set("Clear-Site-Data", "half-done")
			panic(errors.New("boom"))
		},
		"GET /fine": func(w http.ResponseWriter, req *http.Request) { Redirect(w, req, homePath) },
	})
	const detail = "Something went wrong on our side. Try again in a moment."
	same(t, r.do(get("/panic")), problemAnswer(500, detail))
	same(t, r.do(fromBrowser(get("/panic"))), problemPage(500, detail))
	same(t, r.do(get("/fine")), redirectAnswer("/profile"))

	server := httptest.NewServer(r.handler)
	defer server.Close()
	for path, want := range map[string]int{"/panic": 500, "/fine": 303} {
		if resp := overTheWire(t, "GET", server.URL+path); resp.status != want {
			t.Errorf("%s: %d, want %d", path, resp.status, want)
		}
	}

	lines := r.takeLog()
	if len(lines) != 3 {
		t.Fatalf("%d lines logged for 3 panics: %s", len(lines), lines)
	}
	for _, line := range lines {
		for _, part := range []string{`"level":"ERROR"`, `"msg":"sys_crash"`, `"panic":"boom"`, "TestPanic"} {
			if !strings.Contains(line, part) {
				t.Errorf("no %s in %s", part, line)
			}
		}
	}
}

func overTheWire(t *testing.T, method, url string, headers ...string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return roundTrip(t, req)
}

// roundTrip follows no redirects and removes the headers that net/http's server adds.
func roundTrip(t *testing.T, req *http.Request) response {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Header.Del("Date")
	resp.Header.Del("Content-Length")
	return response{resp.StatusCode, resp.Header, string(body)}
}

// TestHead: the answer to HEAD is the answer to GET without the body, for every GET
// route and every state.
func TestHead(t *testing.T) {
	for _, x := range rows() {
		if !strings.HasPrefix(x.route, "GET ") || strings.HasPrefix(x.outcome, "idle") || x.outcome == "dead session" {
			continue // this state needs the clock of the matrix
		}
		if strings.HasPrefix(x.route, "GET /sso") && x.route != "GET /sso/logout" {
			continue // HEAD begins no sign-in, and uses none up: see TestWhatTravels
		}
		for _, accept := range []string{"text/html", "application/json"} {
			t.Run(strings.Join([]string{x.route, x.outcome, accept}, ", "), func(t *testing.T) {
				r := newFixture(t)
				server := httptest.NewServer(r.handler)
				defer server.Close()
				req := x.request(r, accept == "text/html")
				cookie, target := req.Header.Get("Cookie"), server.URL+req.URL.RequestURI()
				get := overTheWire(t, "GET", target, "Accept", accept, "Cookie", cookie)
				head := overTheWire(t, "HEAD", target, "Accept", accept, "Cookie", cookie)
				if head.body != "" || head.status != get.status || !maps.EqualFunc(head.header, get.header, slices.Equal) {
					t.Errorf("HEAD%s\nGET%s", head.answer(), get.answer())
				}
			})
		}
	}
}
