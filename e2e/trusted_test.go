package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/testenv"
)

// A single-page application on a sister host signs its user in, reads, writes and signs out,
// by fetch with credentials. A page of a sister host that is not trusted can neither read nor
// write, though the browser sends it the user's cookies. And where the site ends, the cookies
// end: an origin that is trusted but belongs to another site stays signed out.
func TestSinglePageApplication(t *testing.T) {
	spa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>Application</title>")
	}))
	t.Cleanup(spa.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(spa.URL, "http://"), ":")
	// Of a name below localhost the last two parts are its site.
	app, sister, stranger := "http://app.shop.localhost:"+port, "http://blog.shop.localhost:"+port, "http://app.other.localhost:"+port
	own := "http://login.shop.localhost:" + testenv.FreePort(t)
	t.Setenv("PUBLIC_ORIGIN", own)
	t.Setenv("TRUSTED_ORIGINS", app+","+stranger)
	serve(t, "run", "ADDR=localhost:"+own[strings.LastIndex(own, ":")+1:])

	d := openTab(t, startBrowser(t), own)
	at := func(origin string) { d.run(chromedp.Navigate(origin)) }
	fetch := func(path, options string) string {
		t.Helper()
		return script[string](d, fmt.Sprintf(`fetch(%q, {credentials: 'include', %s}).then(async r => r.status + ' ' + await r.text(), e => 'blocked')`, own+path, options), chromedp.EvalAwaitPromise)
	}
	want := func(what, got, prefix string) {
		t.Helper()
		if !strings.HasPrefix(got, prefix) {
			t.Errorf("%s: %q, want %q", what, got, prefix)
		}
	}
	const json = `method: 'POST', headers: {'Content-Type': 'application/json'}, body: `
	signIn := json + fmt.Sprintf(`JSON.stringify({username: %q, password: %q})`, demo.Username, demo.Password)
	dark := json + `'{"theme":"dark"}'`
	const simple = `method: 'POST', body: new URLSearchParams({theme: 'light'})` // without a preflight

	at(app)
	want("nobody is signed in", fetch("/profile", ""), "401 ")
	want("the application signs in", fetch("/login", signIn), `200 {"user"`)
	want("it reads the profile", fetch("/profile", ""), `200 {"user_id"`)
	want("it writes", fetch("/preferences", dark), "204")
	want("it reads what it wrote", fetch("/profile", ""), `200 {"user_id"`)
	want("a problem is readable", fetch("/preferences", json+`'{"theme":"pink"}'`), "400 {")
	want("without credentials", script[string](d, fmt.Sprintf(`fetch(%q).then(async r => r.status + '', e => 'blocked')`, own+"/profile"), chromedp.EvalAwaitPromise), "401")

	at(sister)
	for what, options := range map[string]string{"reads": "", "signs in": signIn, "writes JSON": dark, "writes a form": simple} {
		path := map[string]string{"reads": "/profile", "signs in": "/login"}[what]
		if path == "" {
			path = "/preferences"
		}
		want("a sister that is not trusted "+what, fetch(path, options), "blocked")
	}
	want("it signs out", fetch("/logout", "method: 'POST'"), "blocked")

	at(stranger)
	want("another site has no cookie", fetch("/profile", ""), "401 ")
	want("it is answered", fetch("/login", signIn), "200 ")
	want("and keeps no cookie", fetch("/profile", ""), "401 ")

	at(app)
	if got := fetch("/profile", ""); !strings.Contains(got, `"theme":"dark"`) {
		t.Errorf("after the others the profile is %s", got)
	}
	want("a form", fetch("/preferences", simple), "204")
	want("the application signs out", fetch("/logout", "method: 'POST'"), "204")
	want("nobody is signed in again", fetch("/profile", ""), "401 ")
}
