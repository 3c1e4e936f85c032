package e2e_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/oidcprovider"
)

func providerSignIn(t *testing.T, g *guest) {
	g.open("/sessions") // which leads to the login page, and back after the sign-in
	g.wantPage("/login", "Sign in with "+providerName)
	g.picture("1-the-login-page")
	g.checkPage("login with a provider")
	g.goesToProvider()
	g.picture("2-at-the-provider")
	g.continues("alice")
	g.wantPage("/sessions", "This device")
	g.picture("3-the-devices")
	g.open("/profile")
	g.wantPage("/profile", "Welcome to your profile, Alice Anders!")
	if said := g.text(); !strings.Contains(said, "admin") || strings.Contains(said, "swimmers") {
		t.Errorf("the profile shows other roles than admin:\n%s", said)
	}
	g.picture("4-the-profile")
	g.checkPage("profile of a user of the provider")
}

func providerCancelled(t *testing.T, g *guest) {
	g.open("/login")
	g.goesToProvider()
	if status := g.press("Cancel"); status != http.StatusUnauthorized {
		t.Errorf("cancelled: status %d", status)
	}
	g.wantPage("/sso/callback", "Sign in with "+providerName)
	g.picture("1-cancelled")
	g.checkPage("cancelled at the provider")
	if g.cookie() != nil {
		t.Error("there is a session")
	}
	g.click(`a[href^="/sso"]`) // and begins again
	g.wantProvider("Password")
	g.continues("bob")
	g.wantPage("/profile", "Bob Berg")
}

// providerAgain ends another device's session, for which the user proves again who it is,
// once the window of 15 minutes is over. The link leads there at any time.
func providerAgain(t *testing.T, g *guest) {
	other := &guest{openTab(t, g.ctx, g.url), g.provider}
	other.signsIn("bob", "Bob Berg")
	g.signsIn("bob", "Bob Berg")
	before := g.cookie().Value
	g.open("/reauthenticate?next=/sessions")
	g.wantProvider("show again that it is you")
	g.picture("1-the-provider-asks-again")
	g.continues("bob")
	g.wantPage("/sessions", "This device")
	if g.cookie().Value == before {
		t.Error("the token is the same after a new proof")
	}
	g.press("Log out other devices")
	g.wantPage("/sessions", "This device")
	other.open("/profile")
	other.wantPage("/login", "Sign in")
	g.open("/profile")
	g.wantPage("/profile", "Bob Berg")
}

// providerAnotherUser proves as somebody else, who gets no session by that. The provider has
// ended the session there of the first one, and says so; so the one here has ended too.
func providerAnotherUser(t *testing.T, g *guest) {
	g.signsIn("bob", "Bob Berg")
	before := g.cookie().Value
	g.open("/reauthenticate?next=/sessions")
	g.wantProvider("show again")
	g.continues("alice") // for which the provider has a page that ends Bob's session there first
	const back = `document.readyState === 'complete' && location.pathname === '/sso/callback'`
	ctx, cancel := context.WithTimeout(g.ctx, browserTimeout)
	defer cancel()
	for {
		if there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](back)); err == nil && there {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("the provider does not lead back; the page is %s", g.snapshot())
		}
		time.Sleep(10 * time.Millisecond)
	}
	if status := script[int](g.device, `performance.getEntriesByType('navigation')[0].responseStatus`); status < 400 || status >= 500 {
		t.Errorf("another user: status %d", status)
	}
	g.picture("1-another-user")
	if c := g.cookie(); c != nil && c.Value != before {
		t.Error("there is another session")
	}
	if whoami(t, g.url, before) != http.StatusUnauthorized {
		t.Error("the session lives that the provider has ended")
	}
	g.open("/profile")
	g.wantPage("/login", "Sign in")
}

func providerLogout(t *testing.T, g *guest) {
	g.signsIn("alice", "Alice Anders")
	session := g.cookie().Value
	g.press("Log out")
	g.wantProvider("Leave")
	g.picture("1-the-provider-asks-about-the-logout")
	if g.cookie() != nil || whoami(t, g.url, session) != http.StatusUnauthorized {
		t.Error("our session lives until the provider's page is answered")
	}
	g.press("Yes, log me out")
	g.wantPage("/login", "Sign in")
	g.wantNothingOf("Alice Anders")
	g.open("/login")
	g.goesToProvider() // which asks for the password again
}

// providerLeftThere logs out at the provider's own page. Our session ends at once, and those
// of other sessions of the same user at the provider do not.
func providerLeftThere(t *testing.T, g *guest) {
	other := &guest{openTab(t, g.ctx, g.url), g.provider}
	other.signsIn("alice", "Alice Anders")
	g.signsIn("alice", "Alice Anders")
	session := g.cookie().Value
	g.leavesProvider()
	if status := whoami(t, g.url, session); status != http.StatusUnauthorized {
		t.Errorf("whoami after the provider's logout: %d", status)
	}
	g.open("/profile")
	g.wantPage("/login", "Sign in")
	other.open("/profile")
	other.wantPage("/profile", "Alice Anders")
}

// providerTwoInOneBrowser signs the same user in a second time: the session from before has
// no link any more, so it must have ended.
func providerTwoInOneBrowser(t *testing.T, g *guest) {
	g.signsIn("alice", "Alice Anders")
	first := g.cookie().Value
	g.knownAtProvider("Alice Anders")
	if whoami(t, g.url, first) != http.StatusUnauthorized {
		t.Error("the session that was replaced lives")
	}
	second := g.cookie().Value
	g.leavesProvider()
	if whoami(t, g.url, second) != http.StatusUnauthorized {
		t.Error("the session lives after the provider's logout")
	}
}

// providerBesidePasswords: who signs in with a password is not led to the provider at a
// logout, also in a browser that was at the provider before.
func providerBesidePasswords(t *testing.T, g *guest) {
	g.signsIn("alice", "Alice Anders")
	g.signIn(demo.Password)
	g.press("Log out")
	g.wantPage("/login", "Sign in")
}

// realNotices sends a notice of the provider again, and changed ones.
func realNotices(t *testing.T, g *guest, notices *recorder) {
	g.signsIn("alice", "Alice Anders")
	g.leavesProvider()
	real := notices.last(t)
	g.signsIn("alice", "Alice Anders")
	session := g.cookie().Value
	token, _, _ := strings.Cut(strings.TrimPrefix(real, "logout_token="), "&")
	head, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	flipped := map[byte]string{'A': "B"}[signature[0]]
	if flipped == "" {
		flipped = "A"
	}
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"again":            {real, http.StatusOK},
		"other signature":  {"logout_token=" + head + "." + payload + "." + flipped + signature[1:], http.StatusBadRequest},
		"no signature":     {"logout_token=" + head + "." + payload + ".", http.StatusBadRequest},
		"nothing":          {"logout_token=", http.StatusBadRequest},
		"the token, twice": {real + "&" + real, http.StatusBadRequest},
	} {
		response, err := http.Post(g.url+"/sso/ended", "application/x-www-form-urlencoded", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s: %s, want %d", name, response.Status, test.want)
		}
	}
	if whoami(t, g.url, session) != http.StatusOK {
		t.Error("a session from after the notice has ended")
	}
}

// providerOtherKeys signs in after the provider has changed its key, at once.
func providerOtherKeys(t *testing.T, g *guest) {
	g.signsIn("alice", "Alice Anders")
	if err := g.provider.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := &guest{openTab(t, g.ctx, g.url), g.provider}
	other.signsIn("bob", "Bob Berg")
	g.open("/profile")
	g.wantPage("/profile", "Alice Anders")
}

// providerAway stops the provider: sessions live on, and can be ended. When it is back, so
// is the sign-in, although it knows nobody any more.
func providerAway(t *testing.T, g, late *guest) {
	g.signsIn("alice", "Alice Anders")
	late.open("/login")
	late.goesToProvider()
	g.provider.Stop()
	g.open("/profile")
	g.wantPage("/profile", "Alice Anders")
	session := g.cookie().Value
	g.run(chromedp.Click(`form[action="/logout"] button`)) // which leads to the provider, and so nowhere
	for end := time.Now().Add(browserTimeout); whoami(t, g.url, session) != http.StatusUnauthorized; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a logout while the provider is away leaves the session")
		}
	}
	if err := g.provider.Start(); err != nil {
		t.Fatal(err)
	}
	late.signsIn("bob", "Bob Berg")
}

// whoami returns the status that /whoami has for the token.
func whoami(t *testing.T, address, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Cookie", sessionCookie+"="+token)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// journey is a sign-in of alice without a browser, up to the URL at which the provider leads
// back to us.
type journey struct {
	*testing.T
	client   *http.Client
	callback string
}

var action = regexp.MustCompile(`action="(/interaction/[^"]+)"`)

func newJourney(t *testing.T, address string) *journey {
	t.Helper()
	j := &journey{T: t, client: &http.Client{Jar: &everyCookie{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	begin, _ := j.get(address + "/sso?next=/profile")
	asked, _ := j.get(j.next(begin))
	at := j.next(asked)
	_, form := j.get(at)
	match := action.FindStringSubmatch(form)
	if match == nil {
		t.Fatalf("the provider has no form:\n%s", form)
	}
	at, _, _ = strings.Cut(at, "/interaction/")
	answered, err := j.client.PostForm(at+match[1], url.Values{"user": {"alice"}, "password": {oidcprovider.Password}, "answer": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	answered.Body.Close()
	resumed, _ := j.get(j.next(answered))
	j.callback = j.next(resumed)
	if !strings.HasPrefix(j.callback, address+"/sso/callback?") {
		t.Fatalf("the provider leads to %s", j.callback)
	}
	return j
}

func (j *journey) get(at string) (*http.Response, string) {
	j.Helper()
	response, err := j.client.Get(at)
	if err != nil {
		j.Fatal(err)
	}
	return response, readAll(j.T, response)
}

// next returns where the response leads.
func (j *journey) next(response *http.Response) string {
	j.Helper()
	to, err := response.Location()
	if err != nil {
		j.Fatalf("%s answers %s and leads nowhere: %v", response.Request.URL, response.Status, err)
	}
	return to.String()
}

// providerAwayMeanwhile stops the provider while the user comes back from it.
func providerAwayMeanwhile(t *testing.T, g *guest) {
	j := newJourney(t, g.url)
	g.provider.Stop()
	response, body := j.get(j.callback)
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the callback while the provider is away: %s\n%s", response.Status, body)
	}
	if err := g.provider.Start(); err != nil {
		t.Fatal(err)
	}
	g.signsIn("bob", "Bob Berg")
}

// replayedCode lets a thief use the URL of a callback a second time, with the cookies of the
// browser from before it. The provider takes a code once.
func replayedCode(t *testing.T, address string) {
	j := newJourney(t, address)
	jar := j.client.Jar.(*everyCookie)
	stolen := jar.copy()
	if first, _ := j.get(j.callback); first.StatusCode != http.StatusOK && first.StatusCode != http.StatusSeeOther {
		t.Fatalf("the callback: %s", first.Status)
	}
	for what, cookies := range map[string]*everyCookie{"with the cookies of the browser now": jar, "with those from before": stolen, "without any": {}} {
		j.client.Jar = cookies
		response, body := j.get(j.callback)
		if response.StatusCode < 400 || response.StatusCode >= 500 {
			t.Errorf("the callback again, %s: %s\n%s", what, response.Status, body)
		}
		for _, c := range response.Cookies() {
			if c.Name == sessionCookie && c.MaxAge >= 0 {
				t.Errorf("the callback again, %s: there is a session", what)
			}
		}
	}
}

// wantNothingOf goes back as far as possible, and checks that no page shows the name.
func (g *guest) wantNothingOf(name string) {
	g.t.Helper()
	for n := g.history().CurrentIndex; n > 1; n-- { // the first is about:blank
		g.goTo(-1)
		if text := g.text(); strings.Contains(text, name) {
			g.t.Errorf("%d pages are left to go back, and %s shows %q:\n%s", n-1, g.path(), name, text)
		}
	}
}

// everyCookie is a cookie jar that, as browsers do on this machine, sends Secure cookies over
// http too. It knows hosts, and no paths.
type everyCookie struct {
	byHost map[string]map[string]*http.Cookie
}

func (j *everyCookie) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if j.byHost == nil {
			j.byHost = map[string]map[string]*http.Cookie{}
		}
		if j.byHost[u.Host] == nil {
			j.byHost[u.Host] = map[string]*http.Cookie{}
		}
		if delete(j.byHost[u.Host], c.Name); c.MaxAge >= 0 && c.Value != "" {
			j.byHost[u.Host][c.Name] = c
		}
	}
}

func (j *everyCookie) Cookies(u *url.URL) (all []*http.Cookie) {
	return slices.Collect(maps.Values(j.byHost[u.Host]))
}

func (j *everyCookie) copy() *everyCookie {
	c := &everyCookie{map[string]map[string]*http.Cookie{}}
	for host, cookies := range j.byHost {
		c.byHost[host] = maps.Clone(cookies)
	}
	return c
}

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
