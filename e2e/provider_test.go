package e2e_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/coatcheck/internal/testing/oidcprovider"
	"example.com/coatcheck/internal/testing/testenv"
)

// providerName is what the pages call the provider of these tests.
const providerName = "Example ID"

// providerKey is the key of the cookie of a sign-in that has begun.
const providerKey = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

// variables returns the environment of a server that signs users in at the provider.
func variables(p *oidcprovider.Provider, origin string, more ...string) []string {
	return append([]string{
		"PUBLIC_ORIGIN=" + origin, "OIDC_NAME=" + providerName, "OIDC_ISSUER=" + p.Issuer, "OIDC_CLIENT_ID=" + oidcprovider.ClientID,
		"OIDC_CLIENT_SECRET=" + oidcprovider.ClientSecret, "OIDC_KEYS=" + providerKey, "OIDC_ROLES_CLAIM=groups", "OIDC_ROLES=admins=admin,staff=support",
	}, more...)
}

// startProvider starts a provider for a site. It posts its notices to the recorder, which
// passes them on.
func startProvider(t *testing.T, origin string) (*oidcprovider.Provider, *recorder) {
	t.Helper()
	notices := newRecorder(t, origin)
	p, err := oidcprovider.Start(t.Context(), oidcprovider.Options{Origin: origin, Notices: notices.url + "/sso/ended"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("the provider printed:\n%s", p.Output())
		}
	})
	return p, notices
}

// recorder passes the provider's notices on, and keeps them.
type recorder struct {
	url string

	mu     sync.Mutex
	bodies []string
}

func newRecorder(t *testing.T, origin string) *recorder {
	t.Helper()
	to, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		request.Body = io.NopCloser(strings.NewReader(string(body)))
		proxy.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// last returns the last notice.
func (r *recorder) last(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bodies) == 0 {
		t.Fatal("the provider has posted no notice")
	}
	return r.bodies[len(r.bodies)-1]
}

// guest is a browser of somebody whom the provider knows.
type guest struct {
	*device
	provider *oidcprovider.Provider
}

func newGuest(t *testing.T, browser context.Context, url string, p *oidcprovider.Provider) *guest {
	t.Helper()
	d := newDevice(t, browser, url)
	d.also = p.Issuer
	return &guest{d, p}
}

// goesToProvider presses our button, and checks that the provider asks who it is.
func (g *guest) goesToProvider() {
	g.t.Helper()
	g.press("Sign in with " + providerName)
	g.wantProvider("Password")
}

// wantProvider checks that the page is one of the provider's, with the text.
func (g *guest) wantProvider(text string) {
	g.t.Helper()
	g.arrives("a page of the provider", func(at string) bool { return within(at, g.provider.Issuer) }, text)
}

// wantPage does the same for a page of ours.
func (g *guest) wantPage(path, text string) {
	g.t.Helper()
	g.arrives(path, func(at string) bool { return within(at, g.url) && g.path() == path }, text)
}

// arrives waits until the browser is there, and the page says the text: pages of the provider
// may lead on by a script, when they have loaded.
func (g *guest) arrives(where string, isThere func(at string) bool, text string) {
	g.t.Helper()
	for end := time.Now().Add(browserTimeout); ; time.Sleep(10 * time.Millisecond) {
		at, said := perform(g.device, chromedp.Location()), g.text()
		if isThere(at) && strings.Contains(said, text) {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("at %s, want %s that says %q; the page says\n%s", at, where, text, said)
		}
	}
}

// continues answers the provider's form.
func (g *guest) continues(user string) int64 {
	g.t.Helper()
	g.run(fill("user", user), fill("password", oidcprovider.Password))
	return g.press("Continue")
}

// triesAgain follows the link of the page that the provider is away. For a second after a
// failure the server asks nobody, so a quick machine sees the page more than once.
func (g *guest) triesAgain() {
	g.t.Helper()
	for end := time.Now().Add(browserTimeout); g.click(`//a[normalize-space()="Try again"]`) == http.StatusServiceUnavailable; {
		if time.Now().After(end) {
			g.t.Fatal("the provider is there again, and the server does not see it")
		}
	}
}

// signsIn signs in at the provider, from our login page on.
func (g *guest) signsIn(user, greeting string) {
	g.t.Helper()
	g.open("/login")
	g.goesToProvider()
	g.continues(user)
	g.wantPage("/profile", greeting)
}

// knownAtProvider signs in where the provider knows the user still, and asks nothing.
func (g *guest) knownAtProvider(greeting string) {
	g.t.Helper()
	g.open("/login")
	g.press("Sign in with " + providerName)
	g.wantPage("/profile", greeting)
}

// leavesProvider logs out at the provider itself, which tells us.
func (g *guest) leavesProvider() {
	g.t.Helper()
	g.load(chromedp.Navigate(g.provider.Issuer + "/session/end"))
	g.wantProvider("Leave")
	g.press("Yes, log me out")
	g.wantProvider("You have left")
}

// picture keeps a picture of the page in .cache/e2e/, for people to look at.
func (d *device) picture(name string) {
	d.t.Helper()
	folder := filepath.Join(cache, "e2e", filepath.FromSlash(d.t.Name()))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), perform(d, chromedp.FullScreenshot(100)), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// TestWalkProvider signs users in at a real provider.
func TestWalkProvider(t *testing.T) {
	port := testenv.FreePort(t)
	origin := "http://localhost:" + port
	p, notices := startProvider(t, origin)
	s := serve(t, append([]string{"run", "ADDR=localhost:" + port}, variables(p, origin)...)...)
	browser := startBrowser(t)
	for name, test := range map[string]func(*testing.T, *guest){
		"sign-in":          providerSignIn,
		"cancelled":        providerCancelled,
		"again":            providerAgain,
		"another user":     providerAnotherUser,
		"logout":           providerLogout,
		"left there":       providerLeftThere,
		"two accounts":     providerTwoInOneBrowser,
		"beside passwords": providerBesidePasswords,
	} {
		t.Run(name, func(t *testing.T) { test(t, newGuest(t, browser, s.url, p)) })
	}
	t.Run("replayed code", func(t *testing.T) { replayedCode(t, s.url) })
	t.Run("notices", func(t *testing.T) { realNotices(t, newGuest(t, browser, s.url, p), notices) })
	t.Run("other keys", func(t *testing.T) { providerOtherKeys(t, newGuest(t, browser, s.url, p)) })
	t.Run("away meanwhile", func(t *testing.T) { providerAwayMeanwhile(t, newGuest(t, browser, s.url, p)) })
	t.Run("away", func(t *testing.T) { providerAway(t, newGuest(t, browser, s.url, p), newGuest(t, browser, s.url, p)) })
}

// TestWalkProviderAlone leaves the passwords out. The provider is away at first: the page
// says so, and leads on when it is there.
func TestWalkProviderAlone(t *testing.T) {
	port := testenv.FreePort(t)
	origin := "http://localhost:" + port
	p, _ := startProvider(t, origin)
	s := serve(t, append([]string{"run", "ADDR=localhost:" + port}, variables(p, origin, "PASSWORD_SIGN_IN=false")...)...)
	g := newGuest(t, startBrowser(t), s.url, p)
	g.open("/login")
	if script[int](g.device, `document.querySelectorAll('input[type=password]').length`) != 0 {
		t.Error("the login page asks for a password")
	}
	g.picture("1-the-login-page")
	g.checkPage("login without passwords")
	p.Stop()
	if status := g.press("Sign in with " + providerName); status != http.StatusServiceUnavailable {
		t.Errorf("without the provider: status %d", status)
	}
	g.picture("2-the-provider-is-away")
	g.checkPage("the provider is away")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	g.triesAgain()
	g.wantProvider("Password")
	g.continues("bob")
	g.wantPage("/profile", "Welcome to your profile, Bob Berg!")
	if status := g.open("/password"); status != http.StatusNotFound {
		t.Errorf("/password: status %d", status)
	}
	response, err := http.PostForm(s.url+"/login", url.Values{"username": {"alice"}, "password": {"whatever it is"}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a password at /login: %s", response.Status)
	}
}
