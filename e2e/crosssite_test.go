package e2e_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/samtemplate"
)

// attackPage is a page of another site. Its image, script and form all send requests to
// the address. The script sends them in every way that a script can. All requests have
// the user's cookies if the browser sends them.
const attackPage = `<!doctype html><title>Another site</title>
<img src="%[1]s" alt="">
<form method="post" action="%[1]s">%[2]s<button>Win a coat</button></form>
<script>
const form = new URLSearchParams(new FormData(document.forms[0]));
const json = JSON.stringify(Object.fromEntries(form));
const send = options => fetch(%[1]q, {credentials: 'include', mode: 'no-cors', ...options}).catch(() => 0);
Promise.all([
	send({}),
	send({method: 'POST', body: form}),
	send({method: 'POST', body: json, headers: {'Content-Type': 'text/plain'}}),
	send({method: 'POST', body: json, headers: {'Content-Type': 'application/json'}, mode: 'cors'}),
]).then(() => document.title = 'All sent');
</script>`

// attackFields has the form fields that the other site sends to a path. The passwords are
// right, so that only the origin of the request is wrong.
var attackFields = map[string]url.Values{
	"/login":          {"username": {demo.Username}, "password": {demo.Password}},
	"/reauthenticate": {"password": {demo.Password}},
	"/password":       {"current_password": {demo.Password}, "new_password": {"a coat that somebody won"}},
	"/preferences":    {"theme": {"dark"}},
}

// crossSite shows that no request from a page of another site changes anything.
func crossSite(t *testing.T, browser context.Context, app string) {
	d := openTab(t, browser, app)
	d.signIn(demo.Password)
	cookie := d.cookie().Value
	before := d.state(cookie)

	attacker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var fields strings.Builder
		for name, values := range attackFields[r.URL.Path] {
			fmt.Fprintf(&fields, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(values[0]))
		}
		fmt.Fprintf(w, attackPage, app+r.URL.Path, &fields)
	}))
	t.Cleanup(attacker.Close)
	for _, path := range paths(t, d.sessionID(cookie)) {
		d.run(chromedp.Navigate(attacker.URL + path))
		perform(d, chromedp.Poll[bool](`document.title === 'All sent'`, chromedp.WithPollingTimeout(0)))
		// An authorizer answers with 401: it gets no cookie from another site.
		if status := d.press("Win a coat"); status != http.StatusForbidden && status != http.StatusUnauthorized {
			t.Errorf("another site's form posts to %s: status %d", path, status)
		}
	}
	if now := d.cookie(); now == nil || now.Value != cookie {
		t.Error("the session cookie has gone or changed")
	}
	if now := d.state(cookie); now != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, now)
	}
}

// paths returns the paths of the template's routes, with the session's ID in place of
// {id}.
func paths(t *testing.T, session string) (all []string) {
	t.Helper()
	template, err := samtemplate.Read("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, function := range template.Functions {
		for _, route := range function.Routes {
			if _, path, ok := strings.Cut(route, " "); ok {
				all = append(all, strings.ReplaceAll(path, "{id}", session))
			}
		}
	}
	return all
}
