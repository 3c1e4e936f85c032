package signin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/site"
)

const (
	app   = "https://app.example.com" // the Host header is example.com
	admin = "https://admin.example.com:8443"
)

// strangers are origins that are none of those above, however much they look like them.
var strangers = []string{
	"https://evil.example", "null", "", "*", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.example", "https://evil.app.example.com",
	"https://APP.example.com", "https://app.example.com/", "https://admin.example.com", "https://example.com", "https://app.example.co", "app.example.com", " https://app.example.com",
}

// allowances returns the headers of an answer that let pages of other origins do something.
func allowances(h http.Header) []string {
	var all []string
	for name, values := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Timing-Allow-Origin" {
			all = append(all, fmt.Sprint(name, ": ", strings.Join(values, " | ")))
		}
	}
	slices.Sort(all)
	return all
}

func readableBy(origin string) []string {
	return []string{"Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: " + origin, "Access-Control-Expose-Headers: Retry-After"}
}

// TestPreflights: each path answers a trusted origin with its own methods, and calls no
// store. No other origin, and no site without trusted ones, gets an allowance.
func TestPreflights(t *testing.T) {
	r := newFixture(t)
	methods := map[string][]string{}
	for _, pattern := range r.patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		methods[path] = append(methods[path], method)
		if method == "GET" {
			methods[path] = append(methods[path], "HEAD")
		}
	}
	preflight := func(path, origin string) *http.Request {
		req := httptest.NewRequest("OPTIONS", path, nil)
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "content-type,x-other")
		req.Header.Set("Access-Control-Request-Private-Network", "true")
		return with(req, "Sec-Fetch-Site", "same-site")
	}
	for path, allowed := range methods {
		slices.Sort(allowed)
		path, _, _ := strings.Cut(pathOf("GET "+path), "{$}")
		r.serveSite(site.Site{TrustedOrigins: []string{app, admin}})
		for _, origin := range []string{app, admin} {
			resp := r.do(preflight(path, origin))
			want := append(readableBy(origin), "Access-Control-Allow-Headers: Content-Type", "Access-Control-Allow-Methods: "+strings.Join(allowed, ", "), "Access-Control-Max-Age: 7200")
			slices.Sort(want)
			if got := allowances(resp.header); resp.status != http.StatusNoContent || resp.body != "" || !slices.Equal(got, want) || resp.header.Get("Vary") != "Origin" || r.recordedCalls() != "" {
				t.Errorf("%s from %s: %d %q, Vary %q, calls %q; want %q", path, origin, resp.status, got, resp.header.Get("Vary"), r.recordedCalls(), want)
			}
		}
		for _, origin := range strangers {
			resp := r.do(preflight(path, origin))
			if got := allowances(resp.header); resp.status != http.StatusMethodNotAllowed || len(got) > 0 || resp.header.Get("Vary") != "Origin" {
				t.Errorf("%s from %q: %d %q, Vary %q", path, origin, resp.status, got, resp.header.Get("Vary"))
			}
		}
		twice := preflight(path, app)
		twice.Header.Add("Origin", app)
		plain := preflight(path, app)
		plain.Header.Del("Access-Control-Request-Method")
		for status, req := range map[int]*http.Request{http.StatusBadRequest: twice, http.StatusMethodNotAllowed: plain} {
			resp := r.do(req)
			if resp.status != status || resp.header.Get("Access-Control-Allow-Methods") != "" || req == twice && len(allowances(resp.header)) > 0 {
				t.Errorf("%s with %v: %d %v", path, req.Header, resp.status, resp.header)
			}
		}
		r.serveSite(site.Site{})
		if resp := r.do(preflight(path, app)); resp.status != http.StatusMethodNotAllowed || len(allowances(resp.header)) > 0 || resp.header.Get("Vary") != "" {
			t.Errorf("%s of a site that trusts none: %d %v", path, resp.status, resp.header)
		}
	}
	r.serveSite(site.Site{TrustedOrigins: []string{app}})
	if resp := r.do(preflight("/nothing", app)); resp.status != http.StatusNotFound || resp.header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("an unknown path: %d %v", resp.status, resp.header)
	}
}

// TestPreflightsOfRoutesForEveryMethod: a route whose pattern names no method gets no
// preflight, also not one for a path of ours, and a route for OPTIONS gets its own.
func TestPreflightsOfRoutesForEveryMethod(t *testing.T) {
	r := newFixture(t)
	own := func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(http.StatusTeapot) }
	r.pages = pagesFor(t, site.Site{TrustedOrigins: []string{app}})
	r.handler = r.pages.Handler(Logout(r.sessions), Routes{"/": own, "OPTIONS /asked": own})
	for _, tt := range []struct {
		path, origin string
		status       int
	}{{"/logout", app, 204}, {"/any/thing", app, 204}, {"/asked", app, 418}, {"/any/thing", admin, 418}, {"/any/thing", "", 418}} {
		req := with(httptest.NewRequest("OPTIONS", tt.path, nil), "Access-Control-Request-Method", "DELETE")
		if tt.origin != "" {
			req.Header.Set("Origin", tt.origin)
		}
		resp := r.do(req)
		if allowed := resp.header.Get("Access-Control-Allow-Methods"); resp.status != tt.status || (allowed == "DELETE, GET, HEAD, PATCH, POST, PUT") != (tt.status == 204) {
			t.Errorf("%s from %q: %d %q", tt.path, tt.origin, resp.status, allowed)
		}
	}
}

// TestTrustedReads: each answer of each kind can be read by a page of a trusted origin, and
// by no other page, and caches are told that it depends on the origin.
func TestTrustedReads(t *testing.T) {
	r := newFixture(t)
	trusting := site.Site{TrustedOrigins: []string{app}}
	r.serveSite(trusting)
	pages := r.pages
	panics := pages.Handler(Routes{"GET /panic": func(http.ResponseWriter, *http.Request) { panic("broken") }})
	cookie := r.signIn()
	for name, tt := range map[string]struct {
		handler http.Handler
		req     func() *http.Request
		status  int
	}{
		"a profile":  {r.handler, func() *http.Request { return with(get("/profile"), "Cookie", cookie) }, 200},
		"a head":     {r.handler, func() *http.Request { return with(httptest.NewRequest("HEAD", "/profile", nil), "Cookie", cookie) }, 200},
		"a page":     {r.handler, func() *http.Request { return fromBrowser(get("/login")) }, 200},
		"a redirect": {r.handler, func() *http.Request { return get("/") }, 303},
		"nobody":     {r.handler, func() *http.Request { return get("/profile") }, 401},
		"no path":    {r.handler, func() *http.Request { return get("/nothing") }, 404},
		"a spelling": {r.handler, func() *http.Request { return get("//profile") }, 404},
		"a method":   {r.handler, func() *http.Request { return get("/logout") }, 405},
		"a panic":    {panics, func() *http.Request { return get("/panic") }, 500},
		"an outage": {r.handler, func() *http.Request {
			r.hooks["sessions.Get"] = func() error { return errDown }
			return with(get("/profile"), "Cookie", cookie)
		}, 503},
		"a wrong type":    {r.handler, func() *http.Request { return post("/login", "text/plain", "x") }, 415},
		"a large body":    {r.handler, func() *http.Request { return post("/login", asJSON, strings.Repeat("x", maxBody+1)) }, 413},
		"a role, by Fail": {http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { pages.Fail(w, req, session.ErrForbidden) }), func() *http.Request { return get("/") }, 403},
	} {
		r.handler = tt.handler
		for _, origin := range append([]string{app}, strangers...) {
			clear(r.hooks)
			req := tt.req()
			if origin != "" {
				req.Header.Set("Origin", origin)
			}
			if req.Method == "POST" && origin != app && origin != "" && origin != "https://example.com" {
				continue // refused: see TestTrustedWrites
			}
			resp := r.do(req)
			want := []string{}
			if origin == app {
				want = readableBy(app)
			}
			if got := allowances(resp.header); resp.status != tt.status || !slices.Equal(got, want) || resp.header.Get("Vary") != "Origin" || resp.header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s from %q: %d %q, want %q", name, origin, resp.status, got, want)
			}
		}
	}
}

// TestTrustedWrites: pages of a trusted origin may write on every route, in browsers old and
// new, whether or not the site knows its own origin. Those of all others are refused as
// before.
func TestTrustedWrites(t *testing.T) {
	for _, own := range []string{"", "https://example.com"} {
		for _, pattern := range newFixture(t).patterns() {
			if !strings.HasPrefix(pattern, "POST ") || formOf(pattern) == "" {
				continue
			}
			t.Run(own+" "+pattern, func(t *testing.T) {
				for _, site := range []string{"", "same-site", "cross-site"} {
					send := func(origin string) (response, string) {
						r := newFixture(t)
						cookie := r.signIn()
						r.trust(own)
						req := with(post(pathOf(pattern), asForm, formOf(pattern)), "Cookie", cookie)
						if site != "" {
							req.Header.Set("Sec-Fetch-Site", site)
						}
						if origin != "" {
							req.Header.Set("Origin", origin)
						}
						resp := r.do(req)
						return resp, r.recordedCalls()
					}
					for _, origin := range []string{app, admin} {
						if resp, calls := send(origin); resp.status >= 300 && resp.status != http.StatusNotFound || calls == "" || !slices.Equal(allowances(resp.header), readableBy(origin)) {
							t.Errorf("%q from %s: %d %s %v", site, origin, resp.status, resp.body, resp.header)
						}
					}
					for _, origin := range strangers {
						if site == "" && (origin == "" || origin == "https://example.com") {
							continue // no page of a browser, or our own
						}
						resp, calls := send(origin)
						same(t, resp, problemAnswer(403, foreign).with("Vary", "Origin"))
						if calls != "" {
							t.Errorf("%q from %q: calls %s", site, origin, calls)
						}
					}
				}
			})
		}
	}
}

// trust serves all routes of a site that trusts two origins.
func (r *fixture) trust(own string) {
	r.serveSite(site.Site{Origin: own, TrustedOrigins: []string{app, admin}})
}

// TestTrustedOriginsAreChecked: NewPages takes no origin that no browser would send.
func TestTrustedOriginsAreChecked(t *testing.T) {
	for _, origin := range []string{"*", "null", "http://app.example.com", "https://app.example.com/"} {
		if _, err := NewPages(Config{Site: site.Site{TrustedOrigins: []string{app, origin}}}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", origin)) {
			t.Errorf("%q: %v", origin, err)
		}
	}
	r := newFixture(t)
	r.serveSite(site.Site{TrustedOrigins: []string{app + ":443"}})
	if got := allowances(r.do(with(get("/profile"), "Origin", app)).header); !slices.Equal(got, readableBy(app)) {
		t.Errorf("an origin with its default port: %q", got)
	}
}

// TestNotProxiedAndTrusted: what goes round the proxy is refused, whatever its origin.
func TestNotProxiedAndTrusted(t *testing.T) {
	r := newFixture(t)
	secrets, err := clientip.ParseSecrets(strings.Repeat("s", 32))
	if err != nil {
		t.Fatal(err)
	}
	r.serveSite(site.Site{TrustedOrigins: []string{app}, ProxySecrets: secrets})
	req := with(with(httptest.NewRequest("OPTIONS", "/login", nil), "Origin", app), "Access-Control-Request-Method", "POST")
	if resp := r.do(req); resp.status != http.StatusForbidden || resp.header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("%d %v", resp.status, resp.header)
	}
}
