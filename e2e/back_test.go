package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
)

// ways are the ways that lead a user to a page from which they log out.
var ways = []struct {
	name string
	walk func(*device)
}{
	{"login", func(d *device) { d.open("/login"); d.enter(demo.Password) }},
	{"root", func(d *device) { d.open("/"); d.enter(demo.Password) }},
	{"profile", func(d *device) { d.open("/profile"); d.enter(demo.Password) }},
	{"devices", func(d *device) { d.open("/sessions"); d.enter(demo.Password) }},
	{"password", func(d *device) { d.open("/password"); d.enter(demo.Password) }},
	{"reauthentication", func(d *device) { d.open("/reauthenticate?next=/sessions"); d.enter(demo.Password) }},
	{"reauthentication, confirmed", func(d *device) {
		d.open("/reauthenticate?next=/sessions")
		d.enter(demo.Password)
		d.confirm(demo.Password)
		d.wantPage("/sessions", "This device")
	}},
	{"reauthentication, without next", func(d *device) {
		d.signIn(demo.Password)
		d.open("/reauthenticate")
		d.confirm(demo.Password)
		d.wantPage("/profile", "Alice")
	}},
	{"reauthentication, refused", func(d *device) {
		d.signIn(demo.Password)
		d.open("/reauthenticate")
		d.confirm("not the password, surely")
	}},
	{"refused, then signed in", func(d *device) { d.open("/login"); d.enter("not the password, surely"); d.enter(demo.Password) }},
	{"signed in again", func(d *device) { d.signIn(demo.Password); d.signIn(demo.Password) }},
	{"signed in where a logout leads", func(d *device) { d.signIn(demo.Password); d.press("Log out"); d.enter(demo.Password) }},
	{"back to where a logout leads", func(d *device) {
		d.signIn(demo.Password)
		d.press("Log out")
		d.enter(demo.Password)
		d.goTo(-1)
		d.wantNoPassword()
		d.open("/profile")
	}},
	{"the menu", func(d *device) {
		d.signIn(demo.Password)
		d.follow("Devices")
		d.follow("Password")
		d.follow("Profile")
	}},
	{"the menu, to the devices", func(d *device) { d.signIn(demo.Password); d.follow("Devices") }},
	{"the address", func(d *device) { d.signIn(demo.Password); d.open("/sessions"); d.open("/profile") }},
	{"a reload", func(d *device) { d.signIn(demo.Password); d.load(chromedp.Reload()) }},
	{"back to the profile", func(d *device) { d.signIn(demo.Password); d.follow("Devices"); d.goTo(-1) }},
	{"a problem", func(d *device) { d.signIn(demo.Password); d.open("/nowhere"); d.follow("Go to your profile") }},
	{"preferences", func(d *device) {
		d.signIn(demo.Password)
		d.setPreference("theme", "light")
		d.setPreference("theme", "system")
	}},
	{"other devices, ended", func(d *device) {
		other := openTab(d.t, d.ctx, d.url)
		other.signIn(demo.Password)
		d.signIn(demo.Password)
		d.follow("Devices")
		d.press("Log out other devices")
	}},
}

// back walks to each page of a user by each way that leads there, logs out at once, in
// each manner that the page has, and goes back as far as possible: nothing private is
// seen, and no password is left in a form.
func back(t *testing.T, browser context.Context, url string) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			d := newDevice(t, browser, url)
			way.walk(d)
			buttons := map[string][]string{
				"/profile":  {`form[action="/logout"] button`},
				"/sessions": {`.devices li:first-child button`, `form[action="/sessions/revoke-all"] button`},
			}[d.path()]
			if buttons == nil {
				d.follow("Profile")
				buttons = []string{`form[action="/logout"] button`}
			}
			for i, button := range buttons {
				if i > 0 { // once more, by the same way
					d = newDevice(t, browser, url)
					way.walk(d)
				}
				d.clickScript(button)
				d.wantNothingPrivateBack()
			}
		})
	}
}

// enter signs in on the login page.
func (d *device) enter(password string) {
	d.t.Helper()
	d.run(fill("username", demo.Username), fill("password", password))
	d.press("Sign in")
}

// confirm gives the password again.
func (d *device) confirm(password string) {
	d.t.Helper()
	d.run(fill("password", password))
	d.press("Confirm")
}

// follow clicks a link.
func (d *device) follow(text string) {
	d.t.Helper()
	d.click(`//a[normalize-space()="` + text + `"]`)
}

// clickScript clicks the element that the CSS selector finds, also on a page from the
// browser's memory, where chromedp finds none.
func (d *device) clickScript(selector string) {
	d.t.Helper()
	d.load(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[any](fmt.Sprintf(`document.querySelector(%q).click()`, selector))(ctx, t)
		return err
	}))
}

// goTo goes so many pages forward in the history, or back. A page from the browser's
// memory loads nothing, so there is no event to wait for. While the pages change, the
// answer to a command may be an error, or get lost.
func (d *device) goTo(pages int64) {
	d.t.Helper()
	from := d.history()
	to := from.CurrentIndex + pages
	deadline := time.Now().Add(browserTimeout)
	try(d, send(page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: from.Entries[to].ID}))
	for {
		now, err := try(d, send(page.GetNavigationHistory, cdp.Empty{}))
		if err == nil && now.CurrentIndex == to {
			if ready, err := try(d, chromedp.Evaluate[bool](`document.readyState === 'complete'`)); err == nil && ready {
				return
			}
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the history does not move: %v; the page is %s", err, d.snapshot())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (d *device) history() page.GetNavigationHistoryResult {
	d.t.Helper()
	return call(d, page.GetNavigationHistory, cdp.Empty{})
}

// try runs an action, and does not wait long for its result.
func try[T any](d *device, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// wantNothingPrivateBack checks that the user is logged out, and that no page that Back
// leads to shows who was signed in or has a password in a field.
func (d *device) wantNothingPrivateBack() {
	d.t.Helper()
	d.wantPage("/login", "Sign in")
	if d.cookie() != nil {
		d.t.Error("the cookie is still there after the logout")
	}
	for n := d.history().CurrentIndex; n > 1; n-- { // the first is about:blank
		d.goTo(-1)
		text := d.text()
		for _, private := range []string{"Alice", "alice", "Devices", "This device"} {
			if strings.Contains(text, private) {
				d.t.Errorf("%d pages are left to go back, and %s shows %q:\n%s", n-1, d.path(), private, text)
				break
			}
		}
		d.wantNoPassword()
	}
}

// wantNoPassword checks that no field of the page has a password.
func (d *device) wantNoPassword() {
	d.t.Helper()
	if left := script[string](d, `[...document.querySelectorAll('input[type=password]')].map(field => field.value).join('')`); left != "" {
		d.t.Errorf("%s has a password in a field", d.path())
	}
}
