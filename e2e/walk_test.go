package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"example.com/coatcheck/internal/local/migration"
	"example.com/coatcheck/internal/testing/redistest"
)

// TestMain ends the servers that tests share, and keeps the log of their clients quiet.
func TestMain(m *testing.M) { redistest.Main(m) }

// walk is a monolith whose routes move while users look at it in browsers.
type walk struct {
	*testing.T
	*migration.Stack
	browser   context.Context
	stateless bool // whether the monolith's cookie is the session
}

func startWalk(t *testing.T, browser context.Context, f migration.Framework, stateless bool) *walk {
	t.Helper()
	return startWalkWith(t, browser, migration.Options{Framework: f, Stateless: stateless})
}

func startWalkWith(t *testing.T, browser context.Context, o migration.Options) *walk {
	t.Helper()
	f, stateless := o.Framework, o.Stateless
	o.Folder = t.TempDir()
	if f.NeedsRedis && !stateless {
		o.Redis = "redis://" + redistest.Start(t).Options().Addr
	}
	stack, err := migration.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stack.Stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s\nours printed:\n%s", f.Name, stack.Monolith.Log(), stack.Ours.Log())
		}
	})
	return &walk{t, stack, browser, stateless}
}

// moves moves the routes to us.
func (w *walk) moves(routes ...string) {
	for _, route := range routes {
		w.Proxy.Move(route, true)
	}
}

// returns moves the routes back to the monolith.
func (w *walk) returns(routes ...string) {
	for _, route := range routes {
		w.Proxy.Move(route, false)
	}
}

// setMode starts the monolith again with another mode of its middleware.
func (w *walk) setMode(mode string) {
	w.Helper()
	if err := w.SetMode(w.Context(), mode); err != nil {
		w.Fatal(err)
	}
}

// outage stops our server until the returned function is called.
func (w *walk) outage() (over func()) {
	w.Ours.Stop()
	return func() {
		w.Helper()
		if err := w.Ours.Start(w.Context()); err != nil {
			w.Fatal(err)
		}
	}
}

// operate runs the operator's command line.
func (w *walk) operate(input string, args ...string) string {
	w.Helper()
	out, err := w.Operate(w.Context(), input, args...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// reader is a browser of somebody who reads Harbour News.
type reader struct {
	*device
	w *walk
}

func (w *walk) reader() *reader {
	w.Helper()
	return &reader{newDevice(w, w.browser, w.URL), w}
}

// nameOf returns the user's name as the pages show it.
func nameOf(user string) string { return strings.ToUpper(user[:1]) + user[1:] }

// signsInThere signs in at the monolith's login page.
func (r *reader) signsInThere(user string) {
	r.t.Helper()
	r.open("/login")
	r.wantPage("/login", "Harbour News")
	r.run(chromedp.SendKeys(chromedp.CSS("input[autocomplete=username]"), user), fill("password", migration.Password))
	r.press("Go in")
	r.known(user, "/news")
}

// signsInHere signs in at our login page, which must be there.
func (r *reader) signsInHere(user string) {
	r.t.Helper()
	r.open("/login")
	r.submitsHere(user)
	r.wantPage("/profile", nameOf(user))
}

// submitsHere fills our login form, which is there, and sends it.
func (r *reader) submitsHere(user string) {
	r.t.Helper()
	r.run(fill("username", user), fill("password", migration.Password))
	r.press("Sign in")
}

// known opens pages of the monolith, and checks that each knows the user.
func (r *reader) known(user string, paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		r.open(path)
		r.wantPage(path, "Hello, "+nameOf(user)+"!")
	}
}

// profiled opens /profile, wherever it is, and checks that it is the user's.
func (r *reader) profiled(user string) {
	r.t.Helper()
	r.open("/profile")
	if r.w.Proxy.Moved("/profile") {
		r.wantPage("/profile", "Welcome to your profile, "+nameOf(user)+"!")
		return
	}
	r.wantPage("/profile", "You are "+nameOf(user))
}

// unknown checks that no page on either side knows who is calling, and that the pages for
// users lead to a login page.
func (r *reader) unknown() {
	r.t.Helper()
	r.open("/news")
	if text := r.text(); !strings.Contains(text, "The ferry is on time.") || strings.Contains(text, "Hello") {
		r.t.Errorf("/news knows somebody:\n%s", text)
	}
	for _, path := range []string{"/cart", "/profile"} {
		r.open(path)
		if at := r.path(); at != "/login" {
			r.t.Errorf("%s leads to %s:\n%s", path, at, r.text())
		}
	}
	if c := r.cookie(); c != nil && r.w.whoami(c.Value) != http.StatusUnauthorized {
		r.t.Error("the browser has a session of ours")
	}
}

// signsOut presses the monolith's button, wherever the route is.
func (r *reader) signsOut() {
	r.t.Helper()
	r.open("/news")
	r.press("Sign out")
}

// cookies returns the cookies of the browser that say who is calling: ours, the
// monolith's, or both.
func (r *reader) cookies(ours, theirs bool) (found []*network.Cookie) {
	r.t.Helper()
	for _, c := range call(r.device, network.GetCookies, network.GetCookiesParams{URLs: []string{r.url}}).Cookies {
		switch c.Name {
		case sessionCookie:
			if ours {
				found = append(found, c)
			}
		case "session", "session.sig", "sessionid", "connect.sid":
			if theirs {
				found = append(found, c)
			}
		}
	}
	return found
}

// thief returns another browser with copies of the cookies.
func (w *walk) thief(cookies []*network.Cookie) *reader {
	w.Helper()
	r := w.reader()
	r.takes(cookies)
	return r
}

// takes puts copies of the cookies into the browser.
func (r *reader) takes(cookies []*network.Cookie) {
	r.t.Helper()
	for _, c := range cookies {
		call(r.device, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: r.url, Secure: &c.Secure, HTTPOnly: &c.HTTPOnly, Path: "/"})
	}
}

// onlyOurs checks that the browser has a session of ours and none of the monolith's.
func (r *reader) onlyOurs() {
	r.t.Helper()
	if len(r.cookies(true, false)) != 1 {
		r.t.Fatal("there is no cookie of ours")
	}
	if theirs := r.cookies(false, true); len(theirs) != 0 {
		r.t.Errorf("the browser keeps the monolith's cookies: %d", len(theirs))
	}
}

// wantEnded checks that the cookie of ours opens nothing any more.
func (w *walk) wantEnded(what string, cookies []*network.Cookie) {
	w.Helper()
	for _, c := range cookies {
		if status := w.whoami(c.Value); status != http.StatusUnauthorized {
			w.Errorf("%s: whoami answers %d for the cookie", what, status)
		}
	}
	if len(cookies) != 1 {
		w.Errorf("%s: %d cookies of ours", what, len(cookies))
	}
}

// whoami returns the status that /whoami has for the token.
func (w *walk) whoami(token string) int {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.URL+"/whoami", nil)
	if err != nil {
		w.Fatal(err)
	}
	request.Header.Set("Cookie", sessionCookie+"="+token)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
