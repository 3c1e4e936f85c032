package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/coatcheck/cmd/server/demo"
)

// journeys runs all user journeys. They are the same on every server. The journey that
// changes the password is the last: nobody can change it back to the public one.
func journeys(t *testing.T, browser context.Context, url string) {
	for _, journey := range []struct {
		name string
		walk func(t *testing.T, browser context.Context, url string)
	}{
		{"visit", visit}, {"keyboard", keyboard}, {"devices", devices}, {"back", back},
		{"reauthenticate", reauthenticate}, {"preferences", preferences}, {"activity", activity}, {"cross-site", crossSite}, {"smoke", smoke}, {"password", password},
	} {
		t.Run(journey.name, func(t *testing.T) { journey.walk(t, browser, url) })
	}
}

// fill replaces the text of the field with this name.
func fill(field, text string) chromedp.Action[chromedp.Void] {
	input := chromedp.CSS("input[name=" + field + "]")
	return chromedp.Steps(chromedp.Clear(input), chromedp.SendKeys(input, text))
}

// signIn signs in with the mouse. Afterwards the page is the profile.
func (d *device) signIn(password string) {
	d.t.Helper()
	d.open("/login")
	d.run(fill("username", demo.Username), fill("password", password))
	d.press("Sign in")
	d.wantPage("/profile", "Alice")
}

// get sends a GET request with the cookie, not from the browser, and returns status and
// body.
func (d *device) get(path, cookie string) (int, string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Cookie", sessionCookie+"="+cookie)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// wantDead reports an error if the session of the cookie is still live.
func (d *device) wantDead(what, cookie string) {
	d.t.Helper()
	if status, _ := d.get("/profile", cookie); status != http.StatusUnauthorized {
		d.t.Errorf("%s: its cookie gets the status %d", what, status)
	}
}

// state returns everything that the product shows a user about account and sessions.
func (d *device) state(cookie string) string {
	d.t.Helper()
	_, profile := d.get("/profile", cookie)
	_, sessions := d.get("/sessions", cookie)
	return profile + sessions
}

// sessionID returns the ID of the cookie's session.
func (d *device) sessionID(cookie string) string {
	d.t.Helper()
	var list struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	_, body := d.get("/sessions", cookie)
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		d.t.Fatalf("%v: %s", err, body)
	}
	for _, session := range list.Sessions {
		if session.Current {
			return session.ID
		}
	}
	d.t.Fatalf("no session is the current one: %s", body)
	return ""
}

// smoke runs make smoke, which does not use the browser.
func smoke(t *testing.T, _ context.Context, url string) {
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", "..", "smoke", "URL="+url)
	cmd.Env = append(os.Environ(), "SMOKE_USER="+demo.Username, "SMOKE_PASSWORD="+demo.Password)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// visit is a whole visit: a wrong password, the right password, the profile, the logout.
func visit(t *testing.T, browser context.Context, url string) {
	d := newDevice(t, browser, url)
	d.open("/")
	d.wantPage("/login", "Sign in")
	d.checkPage("login")

	d.run(fill("username", demo.Username), fill("password", "not the password, surely"))
	if status := d.press("Sign in"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: status %d", status)
	}
	d.wantPage("/login", "Sign in")
	d.checkPage("login-refused")
	if d.cookie() != nil {
		t.Error("a wrong password got a cookie")
	}

	d.run(fill("password", demo.Password))
	d.press("Sign in")
	d.wantPage("/profile", "Welcome to your profile, Alice!")
	d.checkPage("profile")
	cookie := d.cookie()
	if cookie == nil || !cookie.HTTPOnly || !cookie.Secure {
		t.Fatal("there is no cookie, or one that is not HttpOnly and Secure")
	}
	if visible := script[string](d, `document.cookie`); visible != "" {
		t.Errorf("scripts see the cookies %q", visible)
	}

	if status := d.open("/nowhere"); status != http.StatusNotFound {
		t.Errorf("/nowhere: status %d", status)
	}
	d.checkPage("problem")
	d.open("/profile")

	d.press("Log out")
	d.wantPage("/login", "Sign in")
	if d.cookie() != nil {
		t.Error("the cookie is still there after the logout")
	}
	d.run(chromedp.NavigateBack())
	if text := d.text(); strings.Contains(text, "Alice") {
		t.Errorf("the back button shows\n%s", text)
	}
	d.wantDead("after the logout", cookie.Value)
}

// keyboard signs in and out without a mouse.
func keyboard(t *testing.T, browser context.Context, url string) {
	d := newDevice(t, browser, url)
	d.open("/login")
	d.typeInto("username", demo.Username+kb.Tab)
	d.typeInto("password", demo.Password)
	d.load(chromedp.KeyEvent(kb.Enter))
	d.wantPage("/profile", "Welcome to your profile, Alice!")
	for range 20 {
		d.run(chromedp.KeyEvent(kb.Tab))
		if script[string](d, `document.activeElement.textContent.trim()`) == "Log out" {
			d.load(chromedp.KeyEvent(kb.Enter))
			d.wantPage("/login", "Sign in")
			return
		}
	}
	t.Error("the Tab key does not reach the button Log out")
}

// typeInto waits until the field with this name has the focus, and then types. The field
// may get the focus, from a script or the Tab key, only after the page has loaded.
func (d *device) typeInto(field, keys string) {
	d.t.Helper()
	focused := fmt.Sprintf(`document.hasFocus() && document.activeElement.name === %q`, field)
	perform(d, chromedp.Poll[bool](focused, chromedp.WithPollingTimeout(0)))
	d.run(chromedp.KeyEvent(keys))
}
