package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/testenv"
)

// Whoever signs in with a browser that keeps no cookie, because cookies are blocked or
// because the address is http at another name than localhost, reads what is wrong, and
// no session is left. Once the browser keeps cookies, the same page signs in.
func TestCookieIsNotKept(t *testing.T) {
	port := testenv.FreePort(t)
	s := serve(t, "run", "ADDR=localhost:"+port)
	profile := t.TempDir()
	writeFile(t, filepath.Join(profile, "Default", "Preferences"), `{"profile":{"default_content_setting_values":{"cookies":2}}}`)
	for name, tt := range map[string]struct {
		url     string
		options []chromedp.ExecAllocatorOption
	}{
		"cookies blocked": {s.url, []chromedp.ExecAllocatorOption{chromedp.UserDataDir(profile)}},
		"another name":    {"http://coatcheck.test:" + port, []chromedp.ExecAllocatorOption{chromedp.Flag("host-resolver-rules", "MAP coatcheck.test 127.0.0.1")}},
	} {
		t.Run(name, func(t *testing.T) {
			// A new context of the browser does not have the profile's preferences.
			ctx, cancel := chromedp.NewContext(startBrowser(t, tt.options...))
			t.Cleanup(cancel)
			if err := chromedp.Do(ctx); err != nil {
				t.Fatal(err)
			}
			d := &device{t: t, ctx: ctx, url: tt.url}
			d.open("/login?next=/sessions")
			for range 2 {
				d.enter(demo.Password)
				d.wantPage("/login", "your browser did not keep our cookie")
				if next := script[string](d, `document.querySelector('input[name=next]').value`); next != "/sessions" {
					t.Errorf("the form leads to %q", next)
				}
			}
			d.checkPage(strings.ReplaceAll(name, " ", "-"))
			d.load(chromedp.Reload())
			d.wantPage("/login", "your browser did not keep our cookie")
			if n := sessions(t, s.url); n != 1 {
				t.Errorf("%d sessions are left, want only the one that asks", n)
			}
		})
	}
}

// sessions signs in as a program, and returns how many sessions the user has then. It
// signs out again.
func sessions(t *testing.T, url string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"username": demo.Username, "password": demo.Password})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, path, body, cookie string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", cookie)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response
	}
	cookie, _, _ := strings.Cut(send("POST", "/login", string(body), "").Header.Get("Set-Cookie"), ";")
	var list struct{ Sessions []struct{} }
	if err := json.NewDecoder(send("GET", "/sessions", "", cookie).Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	send("POST", "/logout", "", cookie)
	return len(list.Sessions)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
