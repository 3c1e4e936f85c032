package signin

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestWantsPage(t *testing.T) {
	for _, tt := range []struct {
		accept []string
		page   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"*/*"}, false},
		{[]string{"text/*"}, false},
		{[]string{"application/json"}, false},
		{[]string{"application/problem+json"}, false},
		{[]string{"text/html"}, true},
		{[]string{"TEXT/HTML"}, true},
		{[]string{" text/html "}, true},
		{[]string{"text/html;charset=utf-8"}, true},
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, true}, // Firefox, Safari
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"}, true},
		{[]string{"application/xhtml+xml"}, false},
		{[]string{"text/plain"}, false},
		{[]string{"text/htmlx"}, false},
		{[]string{"text/html, application/json"}, true},
		{[]string{"application/json, text/html"}, true},
		{[]string{"application/json", "text/html"}, true},
		{[]string{"text/html;q=0.9, application/json"}, false},
		{[]string{"text/html;q=0.9", "application/json;q=0.8"}, true},
		{[]string{"text/html; q=0.8, application/json; q=0.9"}, false},
		{[]string{"text/html;q=0.5, application/json;q=0.5"}, true},
		{[]string{"text/html;q=0.5, application/problem+json;q=0.6"}, false},
		{[]string{"text/html;q=0"}, false},
		{[]string{"text/html;q=0.0, application/json;q=0"}, false},
		{[]string{"text/html;q=0.001"}, true},
		{[]string{"text/html;Q=0.1, application/json;q=0.2"}, false},
		{[]string{"text/html;q=NaN"}, false},
		{[]string{"text/html;q=-1"}, false},
		{[]string{"text/html;q="}, false},
		{[]string{"/;q=1, ,text/html,"}, true},
		{[]string{strings.Repeat("a/b,", 2000) + "text/html"}, true},
	} {
		t.Run(fmt.Sprintf("%.60q", tt.accept), func(t *testing.T) {
			req := get("/")
			req.Header["Accept"] = tt.accept
			if got := WantsPage(req); got != tt.page {
				t.Errorf("page: %v, want %v", got, tt.page)
			}
		})
	}
}

// TestFormFromAProgram: the content type of the answer does not depend on that of the
// body.
func TestFormFromAProgram(t *testing.T) {
	r := newFixture(t)
	if resp := r.do(post("/login", asForm, rightForm)); resp.status != 200 || resp.header.Get("Content-Type") != asJSON {
		t.Errorf("a form from a program: %d %s", resp.status, resp.body)
	}
	if resp := r.do(fromBrowser(post("/login", asJSON, rightJSON))); resp.status != 200 || resp.header.Get("Refresh") == "" {
		t.Errorf("JSON from a browser: %d %s", resp.status, resp.body)
	}
}

func TestLocalPath(t *testing.T) {
	long := "/" + strings.Repeat("x", maxNext-1)
	for _, ok := range []string{
		"/", "/profile", "/sessions", "/sessions/abc/revoke", "/password?from=profile", "/profile?a=b&c=d", "/profile?next=//evil.example",
		"/profile?at=12:30", "/a:b", "/~alice", "/a-b_c.d", "/user@host", "/profile?q=%2F%2Fevil", "/profile?x=%0d%0a", long,
	} {
		if got := LocalPath(ok); got != ok {
			t.Errorf("LocalPath(%q) = %q", ok, got)
		}
	}
	for next, want := range map[string]string{
		"/profile?": "/profile", "/profile#": "/profile", "/%70rofile": "/profile", "/profile?a?b": "/profile?a?b",
	} {
		if got := LocalPath(next); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", next, got, want)
		}
	}
	for _, bad := range []string{
		"", " ", "profile", "./profile", "../profile", "?a=b", "#top", "/sessions#top",
		"//evil.example", "///evil.example", "////evil.example", "//evil.example/profile", "//", "/ /evil.example", "//user@evil.example",
		"//evil.example/sessions", "//evil.example:80/sessions", "//user@/sessions", "//user@evil.example/sessions", "///sessions",
		`/\evil.example`, `\/evil.example`, `\\evil.example`, `\evil.example`, `/\\evil.example`, `/profile\..\..`, `/profile?a=\`,
		"https:evil.example", "https:/evil.example", "https://evil.example", "https://evil.example/sessions", "https:/sessions", "HTTPS://evil.example/", "http:profile", "javascript:alert(1)", "data:text/html,x", "mailto:a@b",
		"user@evil.example", "https://example.com@evil.example", "@evil.example", "evil.example:80",
		"/%2f%2fevil.example", "/%2fevil.example", "%2f%2fevil.example", "/%5cevil.example", "/%5c%5cevil.example", "%5cevil.example",
		"/%252fevil.example", "/%252f%252fevil.example", "/%255cevil.example", "/%25", "/100%", "/%zz",
		"/.", "/..", "/./profile", "/../profile", "/profile/", "/profile/..", "/a/../b", "/%2e", "/%2e%2e/profile", "/.//evil.example", "/a//b",
		"\t//evil.example", "/\t/evil.example", "/\n/evil.example", "\r\n//evil.example", "/profile\r\nSet-Cookie: a=b", "/profile%0d%0aSet-Cookie:a=b",
		"/profile%00", "/\x00", "/\x7f", "/pro file", "/pro%20file", "/profile?a b", "/profile?a=\x00", "/profile?a=\u00a0", "/ä", "/%c3%a4", "/%ff", "/\xff", "/\u2028", "/\u202eelif",
		long + "x", "/profile?" + strings.Repeat("x", 1<<20),
	} {
		if got := LocalPath(bad); got != "/profile" {
			t.Errorf("LocalPath(%.60q) = %.60q", bad, got)
		}
	}
}

// FuzzLocalPath: for any next, browsers and proxies stay on this site.
func FuzzLocalPath(f *testing.F) {
	f.Add("/profile?a=b")
	f.Fuzz(func(t *testing.T, next string) {
		got := LocalPath(next)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, `/\`) {
			t.Fatalf("%q begins with something else than one slash", got)
		}
		if strings.ContainsFunc(got, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			t.Fatalf("%q does not belong in a header", got)
		}
		if again := LocalPath(got); again != got {
			t.Fatalf("%q becomes %q", got, again)
		}
		for base, resolve := range map[string]func(*url.URL, string) (string, error){"net/url": resolveByRFC, "browser": resolveByWHATWG} {
			at, _ := url.Parse("https://shop.example/login?next=x")
			if origin, err := resolve(at, got); err != nil || origin != "https://shop.example" {
				t.Fatalf("%s: %q leads to %q, %v", base, got, origin, err)
			}
		}
		for range 3 { // as many times as proxies may decode it
			decoded, err := url.PathUnescape(got)
			if err != nil {
				break
			}
			got = decoded
			if p, _, _ := strings.Cut(got, "?"); p != path.Clean(p) || strings.ContainsAny(p, "\\\r\n") {
				t.Fatalf("decoded: %q", got)
			}
		}
	})
}

func resolveByRFC(base *url.URL, ref string) (string, error) {
	u, err := base.Parse(ref)
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host, nil
}

// resolveByWHATWG does what the parser of the URL Standard does before it looks for
// an authority. It trims control characters and spaces, removes tabs and newlines,
// and reads a backslash as a slash.
func resolveByWHATWG(base *url.URL, ref string) (string, error) {
	ref = strings.TrimFunc(ref, func(c rune) bool { return c <= ' ' })
	ref = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(ref)
	before, _, _ := strings.Cut(ref, "?")
	before, _, _ = strings.Cut(before, "#")
	if scheme, _, found := strings.Cut(before, ":"); found && !strings.Contains(scheme, "/") {
		return scheme + ":", nil
	}
	if strings.HasPrefix(strings.ReplaceAll(before, `\`, "/"), "//") {
		return "another authority", nil
	}
	return base.Scheme + "://" + base.Host, nil
}

// TestResolveByWHATWG: the fuzz target above needs resolveByWHATWG to find references
// that leave the site.
func TestResolveByWHATWG(t *testing.T) {
	base := &url.URL{Scheme: "https", Host: "shop.example"}
	for ref, stays := range map[string]bool{
		"/profile": true, "/a:b": true, "/x?//y": true, "//evil": false, `/\evil`: false, `\\evil`: false, "/\t/evil": false, " //evil": false, "https:evil": false,
	} {
		if origin, _ := resolveByWHATWG(base, ref); (origin == "https://shop.example") != stays {
			t.Errorf("%q leads to %q", ref, origin)
		}
	}
}

// TestLongNextFitsTheForm: the form of a login page with a long next can be
// submitted.
func TestLongNextFitsTheForm(t *testing.T) {
	r := newFixture(t)
	next := "/" + strings.Repeat("&", maxNext-1) // & takes three bytes in a form
	form := url.Values{"username": {strings.Repeat("ä", 127)}, "password": {strings.Repeat("ä", 512)}, "next": {LocalPath(next)}}
	resp := r.do(post("/login", asForm, form.Encode()))
	if resp.status != http.StatusUnauthorized {
		t.Errorf("the longest form of %d bytes: %d", len(form.Encode()), resp.status)
	}
}
