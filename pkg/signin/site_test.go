package signin

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/site"
)

// branded returns a site with a brand. Its texts are what HTML must not take for HTML.
func branded(t *testing.T) site.Site {
	t.Helper()
	b := site.Brand{Name: `Shop "<b>&amp; {{.}}`, Links: []site.Link{{Name: "Impr<i>nt", URL: "https://shop.example/imprint?a=b&c=d"}, {Name: "Help", URL: "/help"}}}
	var err error
	if b.Logo, err = site.ParseLogo(`<svg viewBox="0 0 9 9"><circle r="4" id="username"/></svg>`); err != nil {
		t.Fatal(err)
	}
	if b.Accent, err = site.ParseAccent("#0b5394,#9fc5e8"); err != nil {
		t.Fatal(err)
	}
	return site.Site{Brand: b}
}

// On every page, those of problems too, users see the brand and nothing of Coatcheck's.
func TestBrand(t *testing.T) {
	r, s := newFixture(t), branded(t)
	r.serveSite(s)
	for name, page := range everyPage(r) {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(strings.ToLower(page), "coatcheck") || strings.Contains(page, string(ownLogo)) {
				t.Errorf("it tells of Coatcheck: %s", page)
			}
			tree := parsePage(t, page)
			if title := tree.all("title")[0].text; !strings.HasSuffix(title, " – "+s.Brand.Name) {
				t.Errorf("title is %q", title)
			}
			if brand := tree.one(t, "a", "class", "brand"); brand.text != s.Brand.Name {
				t.Errorf("the head says %q", brand.text)
			}
			if !strings.Contains(page, s.Brand.Logo.SVG()) || len(tree.all("svg")) != 1 {
				t.Error("the logo is not there once")
			}
			if sheet := tree.all("style")[0].text; !strings.HasPrefix(sheet, style) || !strings.HasSuffix(sheet, s.Brand.Accent.CSS()) {
				t.Errorf("the style sheet ends with %q", sheet[len(sheet)-200:])
			}
			var links []site.Link
			for _, a := range tree[slices.Index(tree, tree.all("footer")[0]):].all("a") {
				links = append(links, site.Link{Name: a.text, URL: a.attr["href"]})
			}
			if !slices.Equal(links, s.Brand.Links) {
				t.Errorf("the foot has %q", links)
			}
		})
	}
	// The policy allows exactly the style sheet of the page, and no more than without a brand.
	resp := r.do(fromBrowser(get("/login")))
	sheet := parsePage(t, resp.body).all("style")[0].text
	if got, want := resp.header.Get("Content-Security-Policy"), policy+"; style-src '"+hashOf(sheet)+"'"; got != want {
		t.Errorf("policy\n%s\nwant\n%s", got, want)
	}
}

// What of a brand is not configured is Coatcheck's own, but a logo never stands beside
// the name of somebody else.
func TestPartsOfABrand(t *testing.T) {
	for name, tt := range map[string]struct {
		drop func(*site.Brand)
		says string
		logo bool // whether it is Coatcheck's
	}{
		"nothing":        {func(b *site.Brand) { *b = site.Brand{} }, "Coatcheck", true},
		"a name alone":   {func(b *site.Brand) { *b = site.Brand{Name: "Shop"} }, "Shop", false},
		"without a name": {func(b *site.Brand) { b.Name = "" }, "Coatcheck", false},
		"colors, links":  {func(b *site.Brand) { b.Name, b.Logo = "", site.Logo{} }, "Coatcheck", true},
	} {
		r, s := newFixture(t), branded(t)
		tt.drop(&s.Brand)
		r.serveSite(s)
		page := r.do(fromBrowser(get("/login"))).body
		tree := parsePage(t, page)
		if got := tree.one(t, "a", "class", "brand").text; got != tt.says || strings.Contains(page, string(ownLogo)) != tt.logo {
			t.Errorf("%s: %s", name, page)
		}
		if feet := len(tree.all("footer")); (feet == 1) != (len(s.Brand.Links) > 0) {
			t.Errorf("%s: %d feet", name, feet)
		}
	}
}

// A request that went round the proxy reaches no route: nothing is read or written, and
// the answer has the headers and the brand of any other.
func TestRoundTheProxy(t *testing.T) {
	const secret = "an-example-of-a-secret-of-a-proxy-1"
	r, s := newFixture(t), branded(t)
	var err error
	if s.ProxySecrets, err = clientip.ParseSecrets(secret); err != nil {
		t.Fatal(err)
	}
	r.serveSite(s)
	for name, req := range map[string]*http.Request{
		"no secret":       post("/login", asJSON, rightJSON),
		"a wrong one":     with(post("/login", asJSON, rightJSON), "X-Proxy-Secret", secret+"x"),
		"an unknown path": get("/nothing"),
		"another site":    with(post("/logout", "", ""), "Sec-Fetch-Site", "cross-site"),
	} {
		resp := r.do(req)
		if resp.status != http.StatusForbidden || len(r.calls)+len(r.attempts) > 0 || !strings.Contains(resp.body, errNotProxied.Error()) || resp.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %d %s, calls %q, headers %v", name, resp.status, resp.body, r.calls, resp.header)
		}
	}
	if page := r.do(fromBrowser(get("/login"))); page.status != http.StatusForbidden || !strings.Contains(page.body, s.Brand.Logo.SVG()) {
		t.Errorf("a browser gets %d %s", page.status, page.body)
	}
	signIn := with(with(post("/login", asJSON, rightJSON), "X-Proxy-Secret", secret), "X-Proxy-Client", "203.0.113.77")
	if resp := r.do(signIn); resp.status != http.StatusOK {
		t.Errorf("through the proxy: %d %s", resp.status, resp.body)
	}
	if log := strings.Join(r.takeLog(), ""); !strings.Contains(log, `"ip":"203.0.113.77"`) || strings.Count(log, `"msg":"authz_fail"`) != 5 || strings.Contains(log, secret) {
		t.Errorf("the log has\n%s", log)
	}
}

// Every kind of answer has the Strict-Transport-Security of the site, or none.
func TestHSTS(t *testing.T) {
	for name, tt := range map[string]struct {
		site site.Site
		want []string
	}{
		"the host":           {site.Site{}, []string{"max-age=31536000"}},
		"and those below it": {site.Site{HSTSIncludeSubdomains: true}, []string{"max-age=31536000; includeSubDomains"}},
		"loopback":           {site.Site{Origin: "http://localhost:8080", HSTSIncludeSubdomains: true}, nil},
	} {
		h, want := name, tt.want
		r := newFixture(t)
		r.serveSite(tt.site)
		panics := r.pages.Handler(Routes{"GET /panic": func(http.ResponseWriter, *http.Request) { panic("broken") }})
		for name, resp := range map[string]response{
			"page":             r.do(fromBrowser(get("/login"))),
			"refused page":     r.do(fromBrowser(post("/login", asForm, wrongForm))),
			"redirect":         r.do(fromBrowser(get("/profile"))),
			"problem page":     r.do(fromBrowser(get("/nothing"))),
			"problem":          r.do(get("/profile")),
			"JSON":             r.do(post("/login", asJSON, rightJSON)),
			"logout":           r.do(post("/logout", "", "")),
			"wrong method":     r.do(get("/logout")),
			"refused by check": r.do(with(post("/logout", "", ""), "Sec-Fetch-Site", "cross-site")),
		} {
			if got := resp.header["Strict-Transport-Security"]; !slices.Equal(got, want) {
				t.Errorf("%s, %s (%d): %q, want %q", h, name, resp.status, got, want)
			}
		}
		w := httptest.NewRecorder()
		panics.ServeHTTP(w, httptest.NewRequest("GET", "/panic", nil))
		if got := w.Result().Header["Strict-Transport-Security"]; w.Code != 500 || !slices.Equal(got, want) {
			t.Errorf("%s, panic (%d): %q, want %q", h, w.Code, got, want)
		}
	}
}

// Fail has all headers, and the default brand's pages, in a program that has no Handler.
func TestFailWithoutAHandler(t *testing.T) {
	newFixture(t) // it takes the log
	pages := pagesFor(t, site.Site{})
	for accept, kind := range map[string]string{"": "application/problem+json", "text/html": "text/html; charset=utf-8"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		pages.Fail(w, r, session.ErrForbidden)
		want := everyResponse()
		want.Set("Content-Type", kind)
		got := w.Result().Header
		if kind != "application/problem+json" {
			want.Set("Content-Security-Policy", pages.policy)
		}
		for name := range want {
			if got.Get(name) != want.Get(name) {
				t.Errorf("%s: %s is %q, want %q", kind, name, got.Get(name), want.Get(name))
			}
		}
	}
}
