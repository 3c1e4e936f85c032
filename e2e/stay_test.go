package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/testenv"
)

// TestStaySignedIn: where the choice is offered, the browser keeps the cookie of who
// chooses it for the lifetime of the session, and forgets the other one when it is closed.
func TestStaySignedIn(t *testing.T) {
	s := serve(t, "run", "ADDR=localhost:"+testenv.FreePort(t), "SESSION_PERSISTENT_IDLE_TIMEOUT=168h", "SESSION_PERSISTENT_LIFETIME=720h")
	browser := startBrowser(t)

	short := newDevice(t, browser, s.url)
	short.signIn(demo.Password)
	if !short.cookie().Session {
		t.Errorf("the cookie is kept until %v, want until the browser is closed", short.cookie().Expires)
	}

	long := newDevice(t, browser, s.url)
	long.open("/login")
	long.checkPage("stay-signed-in")
	long.run(fill("username", demo.Username), fill("password", "not the password, surely"), chromedp.Click(`input[name="stay_signed_in"]`))
	if status := long.press("Sign in"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: status %d", status)
	}
	if !script[bool](long, `document.querySelector('input[name="stay_signed_in"]').checked`) {
		t.Error("the choice is forgotten when the password was wrong")
	}
	long.run(fill("password", demo.Password))
	long.press("Sign in")
	long.wantPage("/profile", "Welcome to your profile, Alice!")
	cookie := long.cookie()
	if ends := time.Unix(int64(cookie.Expires), 0); cookie.Session || time.Until(ends) < 29*24*time.Hour || time.Until(ends) > 31*24*time.Hour {
		t.Errorf("the cookie ends with the browser: %v, or at %v; want in 30 days", cookie.Session, ends)
	}
}
