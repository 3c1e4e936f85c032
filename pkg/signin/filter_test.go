package signin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCrossOrigin sends a browser's write with the headers that browsers and gateways
// may add. A refused request is refused before any store is called, and so before a
// password is hashed.
func TestCrossOrigin(t *testing.T) {
	const host, public = "", "https://shop.example" // what the Origin header is compared with
	type headers map[string][]string
	site := func(values ...string) headers { return headers{"Sec-Fetch-Site": values} }
	origin := func(values ...string) headers { return headers{"Origin": values} }
	for _, tt := range []struct {
		name    string
		public  string // PUBLIC_ORIGIN; the Host header is always example.com
		headers headers
		status  int // 0: the request is accepted
	}{
		{"neither header", host, nil, 0},
		{"same-origin", host, site("same-origin"), 0},
		{"none", host, site("none"), 0},
		{"same-site", host, site("same-site"), 403},
		{"cross-site", host, site("cross-site"), 403},
		{"in another case", host, site("Same-Origin"), 403},
		{"unheard of", host, site("same-galaxy"), 403},
		{"same-origin with a blank", host, site(" same-origin"), 403},
		{"empty Sec-Fetch-Site, no Origin", host, site(""), 0},
		{"empty Sec-Fetch-Site, foreign Origin", host, headers{"Sec-Fetch-Site": {""}, "Origin": {"https://evil.example"}}, 403},
		{"cross-site with the right Origin", host, headers{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://example.com"}}, 403},
		{"same-origin with any Origin", host, headers{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}}, 0},

		{"own Origin", host, origin("https://example.com"), 0},
		{"empty Origin", host, origin(""), 0},
		{"foreign Origin", host, origin("https://evil.example"), 403},
		{"null Origin", host, origin("null"), 403},
		{"other port", host, origin("https://example.com:8443"), 403},
		{"subdomain", host, origin("https://www.example.com"), 403},
		{"host as a prefix", host, origin("https://example.com.evil.example"), 403},
		{"host as a user", host, origin("https://example.com@evil.example"), 403},
		{"host without a scheme", host, origin("example.com"), 403},
		{"host as a path", host, origin("https://evil.example/example.com"), 403},

		{"public Origin", public, origin("https://shop.example"), 0},
		{"neither header, public", public, nil, 0},
		{"same-origin, public", public, site("same-origin"), 0},
		{"cross-site, public", public, headers{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://shop.example"}}, 403},
		{"same-site, public", public, headers{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://shop.example"}}, 403},
		{"http scheme, public", public, origin("http://shop.example"), 403},
		{"other port, public", public, origin("https://shop.example:8443"), 403},
		{"the Host's Origin, public", public, origin("https://example.com"), 403},
		{"null, public", public, origin("null"), 403},
		{"trailing slash, public", public, origin("https://shop.example/"), 403},
		{"in another case, public", public, origin("https://Shop.example"), 403},
		{"a prefix, public", public, origin("https://shop.exampl"), 403},
		{"a suffix, public", public, origin("https://shop.example.evil.example"), 403},
		{"empty Sec-Fetch-Site, public", public, headers{"Sec-Fetch-Site": {""}, "Origin": {"http://shop.example"}}, 403},

		{"Origin twice", host, origin("https://example.com", "https://example.com"), 400},
		{"Origin twice, foreign second", host, origin("https://example.com", "https://evil.example"), 400},
		{"Origin joined", host, origin("https://example.com,https://example.com"), 400},
		{"Origin joined, public", public, origin("https://shop.example, https://shop.example"), 400},
		{"Sec-Fetch-Site twice", host, site("same-origin", "same-origin"), 400},
		{"Sec-Fetch-Site twice, foreign second", host, site("same-origin", "cross-site"), 400},
		{"Sec-Fetch-Site joined", host, site("same-origin,same-origin"), 400},
		{"Sec-Fetch-Site joined, foreign first", host, site("cross-site, same-origin"), 400},
		{"Sec-Fetch-Site with empty second", host, site("same-origin", ""), 400},
		{"Content-Type twice", host, headers{"Content-Type": {asForm, asJSON}}, 400},
		{"Content-Type joined", host, headers{"Content-Type": {asForm + ", " + asForm}}, 400},
	} {
		for _, pattern := range newFixture(t).patterns() {
			if !strings.HasPrefix(pattern, "POST ") {
				continue
			}
			t.Run(tt.name+", "+pattern, func(t *testing.T) {
				r := newFixture(t)
				cookie := r.signIn()
				r.serveAt(tt.public)
				req := with(post(pathOf(pattern), asForm, formOf(pattern)), "Cookie", cookie)
				for name, values := range tt.headers {
					req.Header[name] = values
				}
				resp := r.do(req)
				calls := r.recordedCalls()
				switch {
				case tt.status == 0 && (resp.status >= 300 && resp.status != http.StatusNotFound || calls == ""): // 404 is the answer for the session unknownID
					t.Fatalf("%d %s", resp.status, resp.body)
				case tt.status == 0:
					return
				case tt.status == 403:
					same(t, resp, problemAnswer(403, foreign))
				default:
					name := headerIn(tt.headers)
					same(t, resp, problemAnswer(400, fmt.Sprintf("The header %s came twice; send it once.", name)))
				}
				if calls != "" {
					t.Errorf("calls: %s", calls)
				}
				if status := r.profileStatus(cookie); status != 200 {
					t.Errorf("the session now answers %d", status)
				}
			})
		}
	}
}

func headerIn(headers map[string][]string) string {
	for name := range headers {
		return name
	}
	return ""
}

// TestCrossOriginReads: links from other sites work, because reading changes nothing.
func TestCrossOriginReads(t *testing.T) {
	r := newFixture(t)
	for _, origin := range []string{"", "https://shop.example"} {
		r.serveAt(origin)
		for _, method := range []string{"GET", "HEAD"} {
			for path, want := range map[string]int{"/": 303, "/login": 200, "/profile": 401, "/logout": 405, "/nothing": 404} {
				old := with(httptest.NewRequest(method, path, nil), "Origin", "https://evil.example")
				for _, req := range []*http.Request{old, with(old.Clone(t.Context()), "Sec-Fetch-Site", "cross-site")} {
					if resp := r.do(req); resp.status != want || len(resp.cookies()) > 0 {
						t.Errorf("%s %s from elsewhere, %v: %d %v", method, path, req.Header, resp.status, resp.cookies())
					}
				}
			}
		}
	}
}

// TestCrossOriginMethods: other unsafe methods are checked too, before the answer
// shows whether they are supported.
func TestCrossOriginMethods(t *testing.T) {
	r := newFixture(t)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get"} {
		for _, path := range []string{"/", "/login", "/profile", "/logout", "/nothing"} {
			req := get(path)
			req.Method = method
			same(t, r.do(with(req, "Sec-Fetch-Site", "cross-site")), problemAnswer(http.StatusForbidden, foreign))
		}
	}
}

// formOf returns a form that the route accepts from a signed-in user.
func formOf(route string) string {
	for _, x := range rows() {
		if x.route == route && x.outcome == "signed in" {
			return x.form
		}
	}
	return ""
}
