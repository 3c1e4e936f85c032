package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/testenv"
)

// window is the window of a browser that has its own cookies.
type window struct {
	t      *testing.T
	driver driver
	url    string // of the server that it visits
}

// openWindow starts the browser, which will accept the certificate, and logs its version.
func openWindow(t *testing.T, start func(*testing.T) driver, address string) *window {
	t.Helper()
	w := &window{t, start(t), address}
	capabilities := map[string]any{"acceptInsecureCerts": true}
	parameters := map[string]any{"capabilities": map[string]any{"alwaysMatch": capabilities}}
	maps.Copy(parameters, capabilities) // Marionette has them here
	var made struct {
		Capabilities struct{ BrowserName, BrowserVersion string }
	}
	w.decode(w.do("NewSession", parameters), &made)
	t.Logf("%s %s at %s", made.Capabilities.BrowserName, made.Capabilities.BrowserVersion, address)
	return w
}

// do carries out a command, which must succeed.
func (w *window) do(command string, parameters map[string]any) json.RawMessage {
	w.t.Helper()
	result, err := w.driver(command, parameters)
	if err != nil {
		w.t.Fatalf("%s %v: %v", command, parameters, err)
	}
	return result
}

func (w *window) decode(result json.RawMessage, into any) {
	w.t.Helper()
	if err := json.Unmarshal(result, into); err != nil {
		w.t.Fatalf("%v: %s", err, result)
	}
}

func (w *window) open(path string) {
	w.t.Helper()
	w.do("Navigate", map[string]any{"url": w.url + path})
}

// element returns the ID of the element that the XPath finds.
func (w *window) element(xpath string) string {
	w.t.Helper()
	var found map[string]string // its one key is a constant of the standard
	w.decode(w.do("FindElement", map[string]any{"using": "xpath", "value": xpath}), &found)
	for _, id := range found {
		return id
	}
	w.t.Fatalf("there is no %s", xpath)
	return ""
}

// fill replaces the text of the field with this name.
func (w *window) fill(field, text string) {
	w.t.Helper()
	input := w.element(fmt.Sprintf(`//input[@name=%q]`, field))
	w.do("ElementClear", map[string]any{"id": input})
	w.do("ElementSendKeys", map[string]any{"id": input, "text": text})
}

// press clicks the button or the link with this text.
func (w *window) press(text string) {
	w.t.Helper()
	w.do("ElementClick", map[string]any{"id": w.element(fmt.Sprintf(`//*[self::button or self::a][normalize-space()=%q]`, text))})
}

// view is what a window shows.
type view struct {
	URL, Text, Style string
	Loaded, Left     bool
}

// look is a script that returns a view as JSON. Left says whether the page is another one
// than that of the last call of [window.mark].
const look = `return JSON.stringify({
	url: location.href,
	text: document.body.innerText,
	style: getComputedStyle(document.body).backgroundColor,
	loaded: document.readyState === 'complete',
	left: !document.marked,
})`

// mark makes the page known, so that [view.Left] is false while it is shown.
func (w *window) mark() {
	w.t.Helper()
	w.do("ExecuteScript", map[string]any{"script": "document.marked = true", "args": []any{}})
}

// until waits until the window shows what is wanted. While one page makes way for another
// a script may find none, which is an error.
func (w *window) until(what string, wanted func(view) bool) view {
	w.t.Helper()
	var v view
	for end := time.Now().Add(browserTimeout); ; time.Sleep(20 * time.Millisecond) {
		result, err := w.driver("ExecuteScript", map[string]any{"script": look, "args": []any{}})
		var text string
		if err == nil && json.Unmarshal(result, &text) == nil && json.Unmarshal([]byte(text), &v) == nil && v.Loaded && wanted(v) {
			return v
		}
		if time.Now().After(end) {
			w.t.Fatalf("no %s after %v: %v; the page is %+v", what, browserTimeout, err, v)
		}
	}
}

// wantPage waits until the page at the path is there and shows the text. It also tests that
// the browser applies the page's style sheet, which the Content-Security-Policy allows by
// its hash, and keeps a screenshot in .cache/e2e/.
func (w *window) wantPage(path, text string) {
	w.t.Helper()
	v := w.until(path+" with "+text, func(v view) bool {
		u, err := url.Parse(v.URL)
		return err == nil && u.Path == path && strings.Contains(v.Text, text)
	})
	if v.Style == "rgba(0, 0, 0, 0)" || v.Style == "transparent" {
		w.t.Errorf("%s: the style sheet is not applied", path)
	}
	var picture []byte
	w.decode(w.do("TakeScreenshot", map[string]any{}), &picture)
	folder := filepath.Join(cache, "e2e", w.t.Name())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, strings.ReplaceAll(path, "/", "-")[1:]+".png"), picture, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// hasSession reports whether the browser has the session cookie.
func (w *window) hasSession() bool {
	w.t.Helper()
	var cookies []struct{ Name string }
	w.decode(w.do("GetCookies", map[string]any{}), &cookies)
	for _, cookie := range cookies {
		if cookie.Name == sessionCookie {
			return true
		}
	}
	return false
}

// enter opens the login page and hands in the right password.
func (w *window) enter() {
	w.t.Helper()
	w.open("/login")
	w.wantPage("/login", "Sign in")
	w.fill("username", demo.Username)
	w.fill("password", demo.Password)
	w.press("Sign in")
}

// logOut logs out on the profile and goes back.
func (w *window) logOut() {
	w.t.Helper()
	w.press("Log out")
	w.wantPage("/login", "Sign in")
	if w.hasSession() {
		w.t.Error("the cookie is still there after the logout")
	}
	w.mark()
	w.do("Back", map[string]any{})
	private := func(v view) bool { return strings.Contains(v.Text, "Alice") }
	v := w.until("page before", func(v view) bool { return v.Left && (private(v) || strings.Contains(v.Text, "Sign in")) })
	if private(v) {
		w.t.Errorf("the back button shows %s:\n%s", v.URL, v.Text)
	}
}

// walk is the main journey: a wrong password and the right one, the profile, a preference,
// the devices, the password page, the logout, the back button.
func (w *window) walk() {
	w.t.Helper()
	w.open("/")
	w.wantPage("/login", "Sign in")
	w.fill("username", demo.Username)
	w.fill("password", "not the password, surely")
	w.mark()
	w.press("Sign in")
	w.until("answer", func(v view) bool { return v.Left })
	w.wantPage("/login", "Sign in")
	if w.hasSession() {
		w.t.Error("a wrong password got a cookie")
	}

	w.enter()
	w.wantPage("/profile", "Welcome to your profile, Alice!")
	if !w.hasSession() {
		w.t.Error("there is no session cookie")
	}
	w.mark()
	w.do("ElementClick", map[string]any{"id": w.element(`//option[@value="dark" or normalize-space()="dark"]`)})
	w.do("ElementClick", map[string]any{"id": w.element(`//form[.//select[@name="theme"]]//button`)})
	w.until("profile again", func(v view) bool { return v.Left && strings.HasSuffix(v.URL, "/profile") })
	w.wantPage("/profile", "Welcome to your profile, Alice!")
	w.press("Devices")
	w.wantPage("/sessions", "This device")
	w.press("Password")
	w.wantPage("/password", "Change password")
	w.press("Profile")
	w.wantPage("/profile", "Welcome to your profile, Alice!")
	w.logOut()

	w.enter() // and out again at once: this page was reached by an answer that set the cookie
	w.wantPage("/profile", "Welcome to your profile, Alice!")
	w.logOut()
}

// TestFirefox: Firefox serves users by http and by https.
func TestFirefox(t *testing.T) {
	s := serve(t, "run", "ADDR=localhost:"+testenv.FreePort(t))
	t.Run("http", func(t *testing.T) { openWindow(t, startFirefox, s.url).walk() })
	t.Run("https", func(t *testing.T) { openWindow(t, startFirefox, httpsOf(s.url)).walk() })
}

// TestWebKit: WebKit serves users by https. By http it does not keep the cookie, so the
// right password leads to the login page, which names the other address, and no session is
// left.
func TestWebKit(t *testing.T) {
	s := serve(t, "run", "ADDR=localhost:"+testenv.FreePort(t))
	t.Run("https", func(t *testing.T) { openWindow(t, startWebKit, httpsOf(s.url)).walk() })
	t.Run("http", func(t *testing.T) {
		w := openWindow(t, startWebKit, s.url)
		w.enter()
		w.until("end of the way", func(v view) bool { return strings.Contains(v.URL, "/login?") || strings.Contains(v.URL, "/profile") })
		if w.hasSession() {
			t.Error("the browser has kept the cookie: README and docs/routes.md can say so")
		}
		w.wantPage("/login", "use the https://localhost address")
		if n := sessions(t, s.url); n != 1 {
			t.Errorf("%d sessions are left, want only the one that asks", n)
		}
		w.open("/profile")
		w.wantPage("/login", "Sign in")
	})
}
