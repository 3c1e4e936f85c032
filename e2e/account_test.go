package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
)

// devices ends the session of another device, then of all other devices, then of all
// devices.
func devices(t *testing.T, browser context.Context, url string) {
	first, second, third := newDevice(t, browser, url), newDevice(t, browser, url), newDevice(t, browser, url)
	for _, d := range []*device{first, second, third} {
		d.signIn(demo.Password)
	}
	cookie := second.cookie().Value
	first.open("/sessions")
	first.wantPage("/sessions", "This device")
	first.checkPage("sessions")
	first.click(`form[action="/sessions/` + second.sessionID(cookie) + `/revoke"] button`)
	first.wantPage("/sessions", "This device")
	second.wantDead("a revoked device", cookie)
	second.open("/profile")
	second.wantPage("/login", "Sign in")
	third.open("/profile")
	third.wantPage("/profile", "Alice")

	first.press("Log out other devices")
	first.wantPage("/sessions", "This device")
	third.open("/profile")
	third.wantPage("/login", "Sign in")

	third.signIn(demo.Password)
	first.press("Log out everywhere")
	first.wantPage("/login", "Sign in")
	if first.cookie() != nil {
		t.Error("the cookie is still there after logging out everywhere")
	}
	third.open("/profile")
	third.wantPage("/login", "Sign in")
}

// password changes the password. That signs out every other device, and the old password
// no longer works.
func password(t *testing.T, browser context.Context, url string) {
	const next = "another staple for that horse"
	first, second := newDevice(t, browser, url), newDevice(t, browser, url)
	first.signIn(demo.Password)
	second.signIn(demo.Password)
	old := first.cookie().Value

	first.open("/.well-known/change-password")
	first.wantPage("/password", "Change password")
	first.checkPage("password")
	first.change("not the password, surely", next, http.StatusUnauthorized)
	first.checkPage("password-refused")
	first.change(demo.Password, "aaaaaaaaaaaaaaaa", http.StatusBadRequest)
	first.change(demo.Password, next, http.StatusOK)
	first.wantPage("/profile", "Alice")
	first.wantDead("before the change", old)
	second.open("/profile")
	second.wantPage("/login", "Sign in")
	second.run(fill("username", demo.Username), fill("password", demo.Password))
	if status := second.press("Sign in"); status != http.StatusUnauthorized {
		t.Errorf("the old password: status %d", status)
	}
	second.signIn(next)

	second.open("/password")
	second.change(next, demo.Password, http.StatusBadRequest) // it is public
	second.change(next, "the coat of another horse", http.StatusOK)
	first.open("/profile")
	first.wantPage("/login", "Sign in")

	second.wantPage("/profile", "Alice")
	second.press("Log out")
	second.wantNothingPrivateBack()
}

func (d *device) change(current, next string, want int64) {
	d.t.Helper()
	d.run(fill("current_password", current), fill("new_password", next))
	if status := d.press("Change password"); status != want {
		d.t.Fatalf("status %d, want %d; the page is %s", status, want, d.snapshot())
	}
}

// reauthenticate proves the password again. The user continues on the same page, with a
// new token.
func reauthenticate(t *testing.T, browser context.Context, url string) {
	d := newDevice(t, browser, url)
	d.signIn(demo.Password)
	old := d.cookie().Value
	d.open("/reauthenticate?next=/password")
	d.checkPage("reauthenticate")
	d.run(fill("password", "not the password, surely"))
	if status := d.press("Confirm"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: status %d", status)
	}
	d.checkPage("reauthenticate-refused")
	d.run(fill("password", demo.Password))
	d.press("Confirm")
	d.wantPage("/password", "Change password")
	d.wantDead("before the proof", old)
	d.open("/profile")
	d.wantPage("/profile", "Alice")
}

// preferences sets a theme and a language. They apply to this device at once, and to
// other devices from their next sign-in on.
func preferences(t *testing.T, browser context.Context, url string) {
	first, second := newDevice(t, browser, url), newDevice(t, browser, url)
	first.signIn(demo.Password)
	first.setPreference("theme", "dark")
	first.checkPage("profile-themed")
	second.signIn(demo.Password)
	for _, d := range []*device{first, second} {
		if theme := script[string](d, `document.documentElement.dataset.theme`); theme != "dark" {
			t.Errorf("the page's theme is %q", theme)
		}
	}
	first.setPreference("theme", "system")

	first.setPreference("language", "de")
	second.signIn(demo.Password)
	for _, d := range []*device{first, second} {
		d.wantLanguage("de")
	}
	first.setPreference("language", "system")
	first.wantLanguage("en")
}

func (d *device) setPreference(name, value string) {
	d.t.Helper()
	d.run(chromedp.SetValue(chromedp.CSS("select[name="+name+"]"), value))
	d.click(`form:has(select[name=` + name + `]) button`)
	d.wantPage("/profile", "Alice")
}

// authorized calls a function that does not check sessions itself: an authorizer checks
// them. Authorizers exist only on AWS and with sam local.
func authorized(t *testing.T, browser context.Context, url string) {
	d := newDevice(t, browser, url)
	if status := d.open("/caller"); status != http.StatusUnauthorized {
		t.Errorf("without a session: status %d", status)
	}
	d.signIn(demo.Password)
	cookie := d.cookie().Value
	if status := d.open("/caller"); status != http.StatusOK {
		t.Errorf("with a session: status %d", status)
	}
	d.wantPage("/caller", d.sessionID(cookie))
	d.open("/profile")
	d.press("Log out")
	if status, _ := d.get("/caller", cookie); status != http.StatusForbidden {
		t.Errorf("after the logout: status %d", status)
	}
}

// attached calls the functions of another stack, which make local attaches to the API.
// One checks sessions itself. The authorizer checks them for the other, which is in Python
// and may have no image here.
func attached(t *testing.T, browser context.Context, url string) {
	d := newDevice(t, browser, url)
	for _, path := range []string{"/orders", "/greeting"} {
		if status := d.open(path); status != http.StatusUnauthorized {
			t.Errorf("%s without a session: status %d", path, status)
		}
	}
	d.signIn(demo.Password)
	cookie := d.cookie().Value
	if status := d.open("/orders"); status != http.StatusOK {
		t.Errorf("with a session: status %d", status)
	}
	var profile struct {
		UserID string `json:"user_id"`
	}
	_, body := d.get("/profile", cookie)
	if err := json.Unmarshal([]byte(body), &profile); err != nil || profile.UserID == "" {
		t.Fatalf("%v: %s", err, body)
	}
	d.wantPage("/orders", profile.UserID)
	d.open("/profile")
	d.press("Log out")
	if status, _ := d.get("/orders", cookie); status != http.StatusUnauthorized {
		t.Errorf("after the logout: status %d", status)
	}
}
