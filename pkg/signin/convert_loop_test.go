package signin

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// browser is a browser with a cookie jar, which follows what leads it on: redirects, and
// Refresh after the seconds that it says.
type browser struct {
	r       *fixture
	jar     http.CookieJar
	keeps   bool // whether it keeps what answers do to cookies
	visited []string
}

const here = "https://app.example.com"

// newBrowser returns a browser that has the cookies of a Cookie header. If one is there
// twice, the first is the parent domain's: a browser keeps and sends both.
func newBrowser(r *fixture, cookies ...string) *browser {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	b := &browser{r: r, jar: jar, keeps: true}
	sent := http.Request{Header: http.Header{"Cookie": cookies}}
	for _, c := range sent.Cookies() {
		c.Path = "/"
		if len(sent.CookiesNamed(c.Name)) > 1 && !b.has(c.Name) {
			c.Domain = "example.com"
		}
		jar.SetCookies(b.url("/"), []*http.Cookie{c})
	}
	return b
}

func (b *browser) url(path string) *url.URL {
	u, err := url.Parse(here + path)
	if err != nil {
		b.r.t.Fatal(err)
	}
	return u
}

// has reports whether the browser has a cookie with that name.
func (b *browser) has(name string) bool {
	return slices.ContainsFunc(b.jar.Cookies(b.url("/")), func(c *http.Cookie) bool { return c.Name == name })
}

// maxSteps is more than the retries of ten seconds, one each second, and all redirects.
const maxSteps = 25

// open loads a page and goes where it leads. It fails if that has no end.
func (b *browser) open(method, path string) response {
	b.r.t.Helper()
	b.visited = nil
	for range maxSteps {
		b.visited = append(b.visited, method+" "+path)
		resp := b.load(method, path)
		refresh, to, _ := strings.Cut(resp.header.Get("Refresh"), "; url=")
		switch {
		case resp.status == http.StatusSeeOther:
			method, path = http.MethodGet, resp.header.Get("Location")
		case resp.status == http.StatusTemporaryRedirect:
			path = resp.header.Get("Location")
		case to != "":
			seconds, err := strconv.Atoi(refresh)
			if err != nil {
				b.r.t.Fatalf("Refresh %q", resp.header.Get("Refresh"))
			}
			time.Sleep(time.Duration(seconds) * time.Second)
			method, path = http.MethodGet, to
		default:
			return resp
		}
	}
	b.r.t.Fatalf("no end after\n%s", strings.Join(b.visited, "\n"))
	return response{}
}

func (b *browser) load(method, path string) response {
	b.r.t.Helper()
	req := navigation(httptest.NewRequest(method, here+path, nil))
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range b.jar.Cookies(req.URL) {
		req.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.r.handler.ServeHTTP(w, req)
	got := w.Result()
	if b.keeps {
		b.jar.SetCookies(req.URL, got.Cookies())
	}
	body, _ := io.ReadAll(got.Body)
	return response{got.StatusCode, got.Header, string(body)}
}

// legacyStates are what a monolith's cookie may be good for, with the page to which a
// request for the profile leads at last, and what the browser is told there.
var legacyStates = map[string]struct {
	cookie, last, says string
	keeps              bool // whether the browser still has the cookie at the end
}{
	"absent":     {"other=1", "GET /login?next=%2Fprofile", "Sign in", false},
	"empty":      {"legacy=", "GET /login?next=%2Fprofile", "Sign in", true},
	"good":       {"legacy=good", "GET /profile", "Welcome to your profile", false},
	"young":      {"legacy=young", "GET /login?why=moved&next=%2Fprofile", sentenceMoved, false},
	"old":        {"legacy=old", "GET /login?why=moved&next=%2Fprofile", sentenceMoved, false},
	"sealed":     {"legacy=sealed", "GET /login?why=again&next=%2Fprofile", sentenceAgain, true},
	"closed":     {"legacy=closed", "GET /login?why=again&next=%2Fprofile", sentenceAgain, true},
	"visitor":    {"legacy=visitor", "GET /login?why=new&next=%2Fprofile", "Sign in", true},
	"rejected":   {"legacy=rejected", "GET /login?why=again&next=%2Fprofile", sentenceAgain, true},
	"two values": {"legacy=good; legacy=good2", "GET /login?why=again&next=%2Fprofile", sentenceAgain, true},
	"busy":       {"legacy=busy", "GET /convert?next=%2Fprofile", "This account is being changed just now", true},
	"outage":     {"legacy=down", "GET /convert?next=%2Fprofile", "We cannot reach our records", true},
}

// ownStates are what the browser may have of ours beside it.
var ownStates = []string{"no session", "dead session", "malformed cookie"}

// TestNoLoopToTheProfile: whatever cookies a browser has, the way to a page of ours ends,
// where the user can go on, with a sentence if a password is needed.
func TestNoLoopToTheProfile(t *testing.T) {
	for name, want := range legacyStates {
		for _, own := range ownStates {
			t.Run(name+", "+own, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newMoving(t)
					b := newBrowser(r, states[own](r), want.cookie)
					resp := b.open("GET", "/profile")
					if last := b.visited[len(b.visited)-1]; last != want.last || !strings.Contains(resp.body, want.says) {
						t.Errorf("the way ends at %s, without %q:\n%s\n%s", last, want.says, strings.Join(b.visited, "\n"), resp.body)
					}
					if b.has("legacy") != want.keeps {
						t.Errorf("the browser has the monolith's cookie: %t, want %t", b.has("legacy"), want.keeps)
					}
					if again := b.open("GET", "/profile"); want.says == "Welcome to your profile" && len(b.visited) != 1 {
						t.Errorf("the second time: %d by %q", again.status, b.visited)
					}
				})
			})
		}
	}
}

// TestNoLoopAnywhere takes each route of ours with each combination of cookies, in a
// browser that keeps cookies and in one that keeps none of ours.
func TestNoLoopAnywhere(t *testing.T) {
	patterns := newFixture(t).patterns()
	for _, name := range []string{"absent", "good", "young", "old", "rejected", "two values", "outage"} {
		legacy := legacyStates[name]
		for _, own := range []string{"no session", "signed in", "dead session", "different cookies", "session store down"} {
			t.Run(name+", "+own, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newFixture(t)
					for _, keeps := range []bool{true, false} {
						for _, pattern := range patterns {
							r.repair()
							r.serveSite(moving)
							b := newBrowser(r, states[own](r), legacy.cookie)
							b.keeps = keeps
							method, _, _ := strings.Cut(pattern, " ")
							resp := b.open(method, pathOf(pattern))
							outage := own == "session store down" || name == "outage"
							if resp.status >= 500 && !outage {
								t.Errorf("%s: %d after\n%s", pattern, resp.status, strings.Join(b.visited, "\n"))
							}
						}
					}
				})
			})
		}
	}
}

// A next that leads to /convert, however often it is nested, ends too.
func TestNoLoopByNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, cookie := range []string{"legacy=good", "legacy=old", "legacy=rejected", "other=1"} {
			r := newMoving(t)
			next := "/convert"
			for range 4 {
				next = "/convert?" + url.Values{"next": {next}}.Encode()
			}
			b := newBrowser(r, cookie)
			if resp := b.open("GET", next); resp.status != 200 {
				t.Errorf("%s: %d by %q", cookie, resp.status, b.visited)
			}
		}
	})
}

// A person who logs out is signed out at both: nothing of what their browser then has, or
// had, signs in again.
func TestLogoutStaysOut(t *testing.T) {
	for _, pattern := range []string{"/logout", "/sessions/revoke-all"} {
		for _, own := range []string{"no session", "signed in", "dead session"} {
			t.Run(pattern+", "+own, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newMoving(t)
					before := states[own](r)
					b := newBrowser(r, before, "legacy=good")
					b.open("POST", pattern)
					if pattern != "/logout" && own != "signed in" {
						return // nobody has ended anything: the session of the monolith has come over
					}
					if b.has("legacy") || b.has("__Host-SESSIONID") || r.live() > 0 {
						t.Errorf("after %q the browser has %v, and %d sessions live", b.visited, b.jar.Cookies(b.url("/")), r.live())
					}
					b.jar = newBrowser(r, before, "legacy=good").jar // a thief kept a copy
					if resp := b.open("GET", "/profile"); resp.status == 200 && strings.Contains(resp.body, "Welcome") {
						t.Errorf("a copy of the cookies signs in again, by %q", b.visited)
					}
				})
			})
		}
	}
}
