package e2e_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/coatcheck/cmd/server/demo"
)

// activity looks at what has happened: a sign-in that followed a wrong password, and one that
// was ended elsewhere. The keyboard alone reaches the page, and from it what is older.
func activity(t *testing.T, browser context.Context, url string) {
	first := newDevice(t, browser, url)
	first.signIn(demo.Password)
	first.open("/profile")
	first.press("Log out")
	first.open("/login")
	first.run(fill("username", demo.Username), fill("password", "not the password, surely"))
	first.press("Sign in")
	first.signIn(demo.Password)

	second := newDevice(t, browser, url)
	second.signIn(demo.Password)
	first.open("/sessions")
	first.press("Log out other devices")

	for range 20 {
		first.run(chromedp.KeyEvent(kb.Tab))
		if script[string](first, `document.activeElement.textContent.trim()`) == "Activity" {
			break
		}
	}
	first.load(chromedp.KeyEvent(kb.Enter))
	first.wantPage("/activity", "What happened with your account")
	first.checkPage("activity")
	text := first.text()
	for _, part := range []string{
		"A session ended", "It was ended on the page of devices.", "Signed in from Chrome on Linux", "This session",
		"1 attempt with a wrong password came before.", "Signed out from Chrome on Linux", "Address ", " UTC (just now)", "Each entry is kept for 400 days.",
	} {
		if !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), part) {
			t.Errorf("the page does not say %q:\n%s", part, text)
		}
	}

	for range 8 { // each is two entries, so that there are more than 20
		other := newDevice(t, browser, url)
		other.signIn(demo.Password)
		other.press("Log out")
	}
	first.open("/activity")
	first.checkPage("activity-full")
	for range 40 {
		first.run(chromedp.KeyEvent(kb.Tab))
		if script[string](first, `document.activeElement.textContent.trim()`) == "Older" {
			break
		}
	}
	first.load(chromedp.KeyEvent(kb.Enter))
	first.wantPage("/activity", "What happened with your account")
	first.checkPage("activity-older")
	first.open("/activity?before=x")
	first.checkPage("activity-problem")
	first.open("/profile")
	first.press("Log out")
}
