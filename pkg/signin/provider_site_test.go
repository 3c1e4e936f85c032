package signin

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/bcp47"
	"example.com/coatcheck/pkg/signin/site"
)

const marked = "__Host-PROVIDER=1"

// The login page leads to the provider beside the form, or alone. Where there is no form,
// there is no route for it either, and nothing leads on by itself: a browser that comes from
// a logout, or is refused at the provider, would go round and round.
func TestLoginPageOfAProvider(t *testing.T) {
	r := newFederated(t)
	r.offerStay()
	alone := func(s site.Site) {
		r.pages = pagesFor(t, s)
		r.handler = r.pages.Handler(Login(r.sessions, nil, Options{}), Reauthenticate(r.sessions, nil, nil), SSO(r.sessions, &testProvider{callRecorder: &r.callRecorder}, Options{}))
	}
	alone(federated)
	resp := r.do(fromBrowser(get("/login?next=/sessions")))
	same(t, resp, pageAnswer(200, "Sign in"))
	for part, there := range map[string]bool{
		`<form method="get" action="/sso">`: true, `name="next" value="/sessions"`: true, "Sign in with Example ID": true, `name="stay"`: true,
		`type="password"`: false, `method="post"`: false, `name="stay_signed_in"`: false,
	} {
		if strings.Contains(resp.body, part) != there {
			t.Errorf("whether %s is there is not %v:\n%s", part, there, resp.body)
		}
	}
	if resp.header.Get("Refresh") != "" || r.recordedCalls() != "" {
		t.Errorf("the page leads on by itself, or calls %q", r.recordedCalls())
	}
	for _, path := range []string{"/login", "/reauthenticate"} {
		detail := "POST does not work here; allowed: GET, HEAD."
		same(t, r.do(post(path, asJSON, rightJSON)), problemAnswer(405, detail).with("Allow", "GET, HEAD"))
		same(t, r.do(fromBrowser(post(path, asForm, rightForm))), problemPage(405, detail).with("Allow", "GET, HEAD"))
	}
	for _, query := range []string{"?why=moved", "?why=again", "?kept=bad", "?next=/sso"} {
		if resp := r.do(fromBrowser(get("/login" + query))); resp.status != 200 || !strings.Contains(resp.body, "Example ID") {
			t.Errorf("%s: %d %q", query, resp.status, resp.header.Get("Location"))
		}
	}
	alone(site.Site{})
	if page := r.do(fromBrowser(get("/login"))).body; !strings.Contains(page, "Sign in with OpenID") {
		t.Errorf("a provider without a name is not on\n%s", page)
	}
	r.serveAt("")
	if page := r.do(fromBrowser(get("/login"))).body; strings.Contains(page, "/sso") {
		t.Errorf("the page of a site without a provider leads to one:\n%s", page)
	}
	r.serveSite(federated)
	page := r.do(fromBrowser(post("/login", asForm, wrongForm+"&next=/sessions"))).body
	if !strings.Contains(page, "Example ID") || strings.Count(page, `name="next" value="/sessions"`) != 2 {
		t.Errorf("after a wrong password the page does not lead to the provider:\n%s", page)
	}
}

// A logout goes on at the provider, if the last sign-in in the browser was there: that is
// so of each way to end one's own session. A program stays here.
func TestLogoutGoesOn(t *testing.T) {
	gone := redirectAnswer("/sso/logout").with("Set-Cookie", clearedCookie+" && "+unmarkCookie)
	here := redirectAnswer("/login").with("Set-Cookie", clearedCookie)
	for path, calls := range map[string]string{
		"/logout": "sessions.Delete", "/sessions/revoke-all": "sessions.Get sessions.List sessions.Delete", "/sessions/{id}/revoke": "sessions.Get sessions.Delete",
	} {
		r := newFederated(t)
		send := func(cookies ...string) *http.Request {
			cookie := r.signIn()
			_, rest, _ := strings.Cut(cookie, ".")
			return with(post(strings.ReplaceAll(path, "{id}", rest[:22]), "", ""), "Cookie", strings.Join(append(cookies, cookie), "; "))
		}
		same(t, r.do(fromBrowser(send(marked))), gone)
		if got := r.recordedCalls(); got != calls {
			t.Errorf("%s: calls %s, want %s", path, got, calls)
		}
		same(t, r.do(send(marked)), newAnswer(204, "").with("Set-Cookie", clearedCookie+" && "+unmarkCookie))
		same(t, r.do(fromBrowser(send())), here)
		r.serveAt("") // the site has no provider any more
		same(t, r.do(fromBrowser(send(marked))), here.with("Set-Cookie", clearedCookie+" && "+unmarkCookie))
	}
	r := newFederated(t)
	same(t, r.do(fromBrowser(with(post("/logout", "", ""), "Cookie", marked))), gone)
	r.breakStore("sessions")
	same(t, r.do(fromBrowser(with(post("/logout", "", ""), "Cookie", marked+"; "+r.signInDown()))), problemPage(503, outage).with("Retry-After", "5"))
}

// signInDown returns the cookie of a session that was made before the store broke.
func (r *fixture) signInDown() string {
	r.repair()
	cookie := r.signIn()
	r.breakStore("sessions")
	return cookie
}

// With a cookie of the monolith too, the logout ends what is there first, and then goes on.
func TestLogoutGoesOnAfterTheBridge(t *testing.T) {
	r := newFixture(t)
	both := moving
	both.Provider = "Example ID"
	r.serveSite(both)
	cookies := "legacy=good; " + marked
	resp := r.do(fromBrowser(with(post("/logout", "", ""), "Cookie", cookies+"; "+r.signIn())))
	same(t, resp, newAnswer(307, "").with("Location", "/convert/end").with("Set-Cookie", clearedCookie))
	resp = r.do(fromBrowser(with(post("/convert/end", asForm, ""), "Cookie", cookies)))
	same(t, resp, redirectAnswer("/sso/logout").with("Set-Cookie", clearedLegacy+" && "+unmarkCookie))

	// A sign-in at the provider leaves no cookie of the monolith, and who has one is led to
	// /convert as before.
	same(t, r.do(fromBrowser(with(get("/login"), "Cookie", "legacy=good"))), redirectAnswer("/convert?next=%2Fprofile"))
	same(t, r.arrive(authn.Trip{Next: "/sessions"}, "otto", "legacy=good"), refreshAnswer("/sessions", clearedTrip+" && "+newCookie+" && "+clearedLegacy+" && "+markCookie))
	resp = r.do(navigation(with(get("/convert"), "Cookie", "legacy=good-too; "+marked)))
	same(t, resp, refreshAnswer("/profile", newCookie+" && "+clearedLegacy+" && "+unmarkCookie))
}

// Two people in one browser: who signs in by a password after somebody who came by the
// provider logs out here alone, and nobody is signed out there.
func TestTwoPeopleAtOneBrowser(t *testing.T) {
	r := newFederated(t)
	resp := r.arrive(authn.Trip{}, "otto", "")
	otto := pairOf(resp, "__Host-SESSIONID")
	resp = r.do(fromBrowser(with(post("/login", asForm, rightForm), "Cookie", otto+"; "+pairOf(resp, providerCookie))))
	same(t, resp, refreshAnswer("/profile", newCookie+" && "+unmarkCookie))
	alice := pairOf(resp, "__Host-SESSIONID")
	if r.profileStatus(otto) != 401 {
		t.Error("the session of who was there before goes on")
	}
	same(t, r.do(fromBrowser(with(post("/logout", "", ""), "Cookie", alice))), redirectAnswer("/login").with("Set-Cookie", clearedCookie))
	resp = r.arrive(authn.Trip{}, "otto", r.signIn())
	if pairOf(resp, providerCookie) != marked {
		t.Errorf("cookies %q", resp.cookies())
	}
}

// A user without a password proves it again at the site's provider, unless the program
// leads elsewhere.
func TestReauthenticateAtTheProvider(t *testing.T) {
	r := newFederated(t)
	otto := signInElsewhereAs(r, ofProvider)
	for _, want := range []func(*http.Request) *http.Request{fromBrowser, func(req *http.Request) *http.Request { return req }} {
		same(t, r.do(want(with(get("/reauthenticate?next=/sessions"), "Cookie", otto))), redirectAnswer("/sso/again?next=%2Fsessions"))
	}
	same(t, r.do(fromBrowser(with(get("/reauthenticate"), "Cookie", r.signIn()))), pageAnswer(200, "Confirm it is you"))
	r.handler = r.pages.Handler(Reauthenticate(r.sessions, nil, nil)) // nobody has a password here
	same(t, r.do(fromBrowser(with(get("/reauthenticate"), "Cookie", r.signIn()))), redirectAnswer("/sso/again?next=%2Fprofile"))
	r.pages = pagesFor(t, site.Site{})
	r.handler = r.pages.Handler(Reauthenticate(r.sessions, nil, nil))
	same(t, r.do(fromBrowser(with(get("/reauthenticate"), "Cookie", r.signIn()))), problemPage(403, signInAgain))
}

// The preferences of a user who has no account here last as long as the session, and the
// profile says so. An account that has gone keeps a user with a password from it.
func TestPreferencesOfASession(t *testing.T) {
	const note = "Your account keeps no preferences here, so these last until you sign out."
	r := newFederated(t)
	r.handler = r.pages.Handler(Profile(r.sessions), Preferences(r.sessions, accounts.NewDirectory(r.accounts, accounts.Config{}), bcp47.Canonical))
	otto := signInElsewhereAs(r, ofProvider)
	same(t, r.do(fromBrowser(with(post("/preferences", asForm, "theme=dark"), "Cookie", otto))), redirectAnswer("/profile?only=session"))
	page := r.do(fromBrowser(with(get("/profile?only=session"), "Cookie", otto))).body
	if !strings.Contains(page, note) || !strings.Contains(page, `data-theme="dark"`) {
		t.Errorf("the page does not say it, or is not dark:\n%s", page)
	}
	same(t, r.do(with(post("/preferences", asJSON, `{"language":"en"}`), "Cookie", otto)), newAnswer(204, ""))
	if body := r.do(with(get("/profile"), "Cookie", otto)).body; !strings.Contains(body, `"preferences":{"language":"en","theme":"dark"}`) {
		t.Error(body)
	}
	alice := r.signIn()
	if strings.Contains(r.do(fromBrowser(with(get("/profile?only=session"), "Cookie", alice))).body, note) {
		t.Error("a link tells it to a user whose preferences are kept")
	}
	r.breakStore("accounts")
	same(t, r.do(fromBrowser(with(post("/preferences", asForm, "theme=light"), "Cookie", otto))), problemPage(503, outage).with("Retry-After", "5"))
	r.repair()
	r.deleteAccount("alice")
	same(t, r.do(fromBrowser(with(post("/preferences", asForm, "theme=dark"), "Cookie", alice))), problemPage(404, "Your account keeps no preferences here. You are still signed in."))
}

// TestProviderEvents lists what the routes of a provider log.
func TestProviderEvents(t *testing.T) {
	const who = "ip=192.0.2.1 provider=Example ID session_id=<id> user_id=otto-id"
	callback := func(code string) *http.Request { return get("/sso/callback?code=" + code) }
	fail := func(level, event, rest, reason string) []string {
		return []string{level + " " + event + " " + rest + "method=GET path=/sso/callback reason=" + reason}
	}
	for name, tt := range map[string]struct {
		req    *http.Request
		trip   authn.Trip
		events []string
	}{
		"begin": {get("/sso"), authn.Trip{}, nil},
		"sign-in": {callback("otto"), authn.Trip{}, []string{"INFO session_created ip=192.0.2.1 session_id=<id> user_id=otto-id",
			"INFO authn_login_success ip=192.0.2.1 provider=Example ID session_id=<id> user_id=otto-id"}},
		"again":      {callback("otto"), authn.Trip{UserID: "otto-id"}, []string{"INFO session_renewed ip=192.0.2.1 session_id=<id> user_id=otto-id", "INFO authn_reauthentication_success " + who}},
		"other user": {callback("alice"), authn.Trip{UserID: "otto-id"}, fail("WARN", "authz_fail", "ip=192.0.2.1 ", "other_user")},
		"untrusted":  {callback("untrusted"), authn.Trip{}, fail("WARN", "authn_login_fail", "error=the signature is wrong\nwhat the provider said cannot be trusted ip=192.0.2.1 ", "untrusted")},
		"refused":    {callback("refused"), authn.Trip{}, fail("WARN", "authn_login_fail", "ip=192.0.2.1 ", "refused")},
		"cancelled":  {callback("cancelled"), authn.Trip{}, nil},
		"stale":      {callback("stale"), authn.Trip{}, []string{"INFO input_validation_fail ip=192.0.2.1 method=GET path=/sso/callback status=400"}},
		"away":       {callback("down"), authn.Trip{}, []string{"ERROR sys_failure error=connection refused ip=192.0.2.1 method=GET path=/sso/callback status=503"}},
		"notice":     {post("/sso/ended", asForm, "logout_token=user"), authn.Trip{}, []string{"INFO authn_ended_by_provider provider=Example ID user_id=-id"}},
		"bad notice": {post("/sso/ended", asForm, "logout_token=bad"), authn.Trip{},
			[]string{"WARN authn_notice_untrusted error=the token is expired\nwhat the provider said cannot be trusted ip=192.0.2.1 provider=Example ID"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFederated(t)
				cookie := tripName + "=" + tripOf(tt.trip)
				if tt.trip.UserID != "" {
					cookie += "; " + signInElsewhereAs(r, ofProvider)
				}
				tt.req.Header.Set("Cookie", cookie)
				r.takeLog()
				r.do(tt.req)
				if got := r.events(); !slices.Equal(got, tt.events) {
					t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.events, "\n\t"))
				}
			})
		})
	}
}
