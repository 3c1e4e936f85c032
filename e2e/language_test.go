package e2e_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/pkg/signin/texts"
)

// languages looks at every page in every language, in both color schemes and on a phone.
func languages(t *testing.T, browser context.Context, url string) {
	for _, l := range texts.Default.Languages() {
		t.Run(l.Tag, func(t *testing.T) {
			other := newDevice(t, browser, url)
			other.signIn(demo.Password)
			d := newDevice(t, browser, url)
			call(d, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": l.Tag}})
			d.walk(l.Tag)
		})
	}
}

// walk opens every page. The buttons are found by their forms, because their texts are
// in the language.
func (d *device) walk(language string) {
	d.t.Helper()
	look := func(page string) {
		d.t.Helper()
		d.wantLanguage(language)
		d.checkPage(language + "-" + page)
	}
	submit := func(action string) { d.t.Helper(); d.click(`form[action="` + action + `"] button`) }

	d.open("/login?kept=" + receipt())
	look("login-no-cookie")
	d.open("/login")
	look("login")
	d.run(fill("username", demo.Username), fill("password", "not the password, surely"))
	submit("/login")
	look("login-refused")
	d.run(fill("password", demo.Password))
	submit("/login")
	look("profile")

	d.open("/sessions")
	look("sessions")
	d.open("/activity")
	look("activity")
	d.open("/nowhere")
	look("problem")

	d.open("/password")
	look("password")
	d.run(fill("current_password", demo.Password), fill("new_password", "aaaaaaaaaaaaaaaa"))
	submit("/password")
	look("password-refused")

	d.open("/reauthenticate?next=/sessions")
	look("reauthenticate")
	d.run(fill("password", "not the password, surely"))
	submit("/reauthenticate")
	look("reauthenticate-refused")
	d.run(fill("password", demo.Password))
	submit("/reauthenticate")
	d.wantLanguage(language)
	submit("/sessions/revoke-all")
	d.wantLanguage(language)
}

// receipt returns a receipt of no session. A browser that has no cookie and comes with
// one reads that it keeps none.
func receipt() string {
	return strings.Repeat("A", 22) + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43) + "." + strconv.FormatInt(time.Now().Unix(), 10)
}

// wantLanguage reports an error if the page is in another language.
func (d *device) wantLanguage(language string) {
	d.t.Helper()
	if lang := script[string](d, `document.documentElement.lang`); lang != language {
		d.t.Errorf("%s is in the language %q, want %q", d.path(), lang, language)
	}
}
