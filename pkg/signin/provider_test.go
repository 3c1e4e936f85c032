package signin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// federated is a site whose users may also sign in at a provider.
var federated = site.Site{Provider: "Example ID", Origin: "https://shop.example"}

func newFederated(t *testing.T) *fixture {
	r := newFixture(t)
	r.serveSite(federated)
	return r
}

// arrive returns the answer to a browser that comes back from the provider as otto. The
// cookie is what it has beside that of the trip.
func (r *fixture) arrive(t authn.Trip, code, cookie string) response {
	r.t.Helper()
	req := fromBrowser(get("/sso/callback?code=" + code))
	req.Header.Set("Cookie", strings.TrimSuffix(tripName+"="+tripOf(t)+"; "+cookie, "; "))
	return r.do(req)
}

// pairOf returns the cookie with that name that the response sets, or "".
func pairOf(resp response, name string) string {
	for _, line := range resp.cookies() {
		if pair, _, _ := strings.Cut(line, ";"); strings.HasPrefix(pair, name+"=") {
			return pair
		}
	}
	return ""
}

// TestSSO walks a browser from the login page to the provider and back. The session that it
// had before ends.
func TestSSO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFederated(t)
		r.offerStay()
		r.serveSite(federated)
		planted := r.signIn()
		page := r.do(fromBrowser(get("/login?next=/sessions%3Fa%3Db"))).body
		for _, part := range []string{`<form method="get" action="/sso"`, `name="next" value="/sessions?a=b"`, `name="stay"`, "Sign in with Example ID", `type="password"`} {
			if !strings.Contains(page, part) {
				t.Errorf("no %s in\n%s", part, page)
			}
		}
		resp := r.do(with(navigation(with(get("/sso?next=/sessions%3Fa%3Db&stay=true"), "Sec-Fetch-Site", "same-origin")), "Cookie", planted))
		same(t, resp, refreshAnswer("https://id.example/authorize", tripCookie))
		if r.profileStatus(planted) != 200 {
			t.Error("a sign-in that has only begun has ended a session")
		}
		req := navigation(get("/sso/callback?code=otto"))
		req.Header.Set("Cookie", pairOf(resp, tripName)+"; "+planted)
		resp = r.do(req)
		if got := resp.header.Get("Refresh"); resp.status != 200 || got != "0; url=/sessions?a=b" {
			t.Fatalf("back at %d, %q", resp.status, got)
		}
		cookie := pairOf(resp, "__Host-SESSIONID")
		if r.profileStatus(planted) != 401 || r.profileStatus(cookie) != 200 {
			t.Error("the session that the browser had before goes on, or the new one does not")
		}
		r.advance(time.Hour)
		if r.profileStatus(cookie) != 200 {
			t.Error("the user does not stay signed in")
		}
	})
}

// Whether the user stays signed in is chosen on our page alone. A link of another site
// cannot choose it, nor where the user goes after.
func TestOthersChooseNothing(t *testing.T) {
	for from, stays := range map[string]bool{"same-origin": true, "none": true, "": true, "same-site": false, "cross-site": false} {
		r := newFederated(t)
		req := navigation(get("/sso?stay=true&next=https://evil.example/"))
		if from != "" {
			req.Header.Set("Sec-Fetch-Site", from)
		}
		want := tripName + "=" + tripOf(authn.Trip{Next: "/profile", Stay: stays})
		if got := pairOf(r.do(req), tripName); got != want {
			t.Errorf("from %q: %s, want %s", from, got, want)
		}
		req = with(navigation(get("/sso/again?next=https://evil.example/")), "Cookie", signInElsewhereAs(r, ofProvider))
		if got, want := pairOf(r.do(req), tripName), tripName+"="+tripOf(authn.Trip{Next: "/profile", UserID: "otto-id"}); got != want {
			t.Errorf("again: %s, want %s", got, want)
		}
	}
}

// The provider leads back to the site of the configuration, whatever host the request names.
func TestLeavingNamesTheSite(t *testing.T) {
	r := newFederated(t)
	req := get("/sso/logout")
	req.Host = "evil.example"
	if got := r.do(req).header.Get("Location"); got != "https://id.example/logout?back=https%3A%2F%2Fshop.example%2Flogin" {
		t.Errorf("to %q", got)
	}
}

// Only the navigation of a whole window begins a sign-in or uses one up. Nothing that is
// fetched before anybody wants it does, so that a code is still good when its user comes.
func TestWhatTravels(t *testing.T) {
	for name, tt := range map[string]struct {
		method, headers string
		travels         bool
	}{
		"a link here":             {"GET", "Sec-Fetch-Site=same-origin Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", true},
		"a link on another site":  {"GET", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", true},
		"an old browser":          {"GET", "", true},
		"an image":                {"GET", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=no-cors Sec-Fetch-Dest=image", false},
		"a frame":                 {"GET", "Sec-Fetch-Site=cross-site Sec-Fetch-Mode=navigate Sec-Fetch-Dest=iframe", false},
		"a script's fetch":        {"GET", "Sec-Fetch-Site=same-origin Sec-Fetch-Mode=cors Sec-Fetch-Dest=empty", false},
		"a prefetch":              {"GET", "Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document Sec-Purpose=prefetch", false},
		"a prerendering":          {"GET", "Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document Sec-Purpose=prefetch;prerender", false},
		"a prefetch of old":       {"GET", "Purpose=prefetch", false},
		"headers that came twice": {"GET", "Sec-Fetch-Mode=navigate,navigate Sec-Fetch-Dest=document", false},
		"HEAD":                    {"HEAD", "Sec-Fetch-Mode=navigate Sec-Fetch-Dest=document", false},
	} {
		for path, calls := range map[string]string{
			"/sso": "provider.Begin", "/sso/again": "sessions.Get provider.Begin",
			"/sso/callback?code=otto": "provider.Finish arrival.Announce sessions.Create arrival.Confirm sessions.Delete",
		} {
			t.Run(name+", "+path, func(t *testing.T) {
				r := newFederated(t)
				req := fromBrowser(get(path))
				req.Method = tt.method
				for header := range strings.FieldsSeq(tt.headers) {
					key, value, _ := strings.Cut(header, "=")
					req.Header.Set(key, value)
				}
				req.Header.Set("Cookie", r.signIn()+"; "+tripName+"="+tripOf(authn.Trip{}))
				resp := r.do(req)
				if got := r.recordedCalls(); tt.travels && got != calls {
					t.Errorf("calls: %s", got)
				} else if !tt.travels && (strings.Contains(got, "provider") || len(resp.cookies()) > 0 || resp.status != 400) {
					t.Errorf("%d, cookies %q, calls %s", resp.status, resp.cookies(), got)
				}
			})
		}
	}
}

// A user who proves it again gets a new token and a new lifetime, and nobody else comes of
// it: whoever else comes back changes nothing.
func TestAgain(t *testing.T) {
	otto := authn.Trip{Next: "/sessions", UserID: "otto-id"}
	for name, tt := range map[string]struct {
		code  string
		given func(r *fixture, cookie string) string // returns the cookie to come back with
		hooks map[string]error
		want  answer
		stays bool // whether the session goes on with the cookie that it had
		calls string
	}{
		"the same user": {code: "otto", want: refreshAnswer("/sessions", clearedTrip+" && "+newCookie),
			calls: "provider.Finish sessions.Get arrival.Announce sessions.Update"},
		"another user": {code: "alice", want: problemPage(403, otherUser).with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish sessions.Get"},
		"refused":      {code: "refused", want: problemPage(403, otherUser).with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish"},
		"cancelled":    {code: "cancelled", want: problemPage(401, cancelled).with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish"},
		"not asked":    {code: "unasked", want: problemPage(401, notAsked).with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish"},
		"away":         {code: "down", want: problemPage(503, away).with("Set-Cookie", clearedTrip).with("Retry-After", "5"), stays: true, calls: "provider.Finish"},
		"another is signed in here meanwhile": {code: "otto", given: func(r *fixture, _ string) string { return r.signIn() },
			want: problemPage(403, otherUser).with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish sessions.Get"},
		"signed out meanwhile": {code: "otto", given: func(r *fixture, cookie string) string {
			r.do(with(post("/logout", "", ""), "Cookie", cookie))
			return cookie
		}, want: redirectAnswer("/login?next=%2Fsessions").with("Set-Cookie", clearedTrip), calls: "provider.Finish sessions.Get"},
		"no cookie any more": {code: "otto", given: func(*fixture, string) string { return "" },
			want: redirectAnswer("/login?next=%2Fsessions").with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish"},
		"ended there meanwhile": {code: "otto", hooks: map[string]error{"arrival.Announce": authn.ErrRefused},
			want: problemPage(401, endedMeanwhile).with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish sessions.Get arrival.Announce"},
		"ended here meanwhile": {code: "otto", hooks: map[string]error{"sessions.Update": session.ErrNoSession},
			want: redirectAnswer("/login?next=%2Fsessions").with("Set-Cookie", clearedTrip), stays: true, calls: "provider.Finish sessions.Get arrival.Announce sessions.Update"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFederated(t)
				before := signInElsewhereAs(r, ofProvider)
				cookie := before
				r.advance(time.Minute)
				if tt.given != nil {
					cookie = tt.given(r, cookie)
				}
				for call, err := range tt.hooks {
					r.hooks[call] = func() error { return err }
				}
				resp := r.arrive(otto, tt.code, cookie)
				same(t, r.inBubbleTime(resp), tt.want)
				if got := r.recordedCalls(); got != tt.calls {
					t.Errorf("calls: %s, want %s", got, tt.calls)
				}
				r.repair()
				if got := r.profileStatus(before); (got == 200) != tt.stays {
					t.Errorf("after it the cookie answers %d", got)
				}
				if renewed := pairOf(resp, "__Host-SESSIONID"); renewed != "" && !strings.Contains(r.do(with(get("/profile"), "Cookie", renewed)).body, `"signed_in_at":"2000-01-01T00:01:00Z"`) {
					t.Error("the session has no new lifetime")
				}
			})
		})
	}
}

// A proof counts from when it was given, and not from when the browser came back with it.
func TestAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFederated(t)
		cookie := signInElsewhereAs(r, ofProvider)
		r.advance(window)
		p := &testProvider{callRecorder: &r.callRecorder, authenticated: time.Now()}
		r.handler = r.pages.Handler(SSO(r.sessions, p, Options{}), Sessions(r.sessions, window))
		r.advance(window - time.Second)
		cookie = pairOf(r.arrive(authn.Trip{UserID: "otto-id"}, "otto", cookie), "__Host-SESSIONID")
		status := func() int {
			return r.do(with(post("/sessions/revoke-others", "", ""), "Cookie", cookie)).status
		}
		if got := status(); got != 204 {
			t.Errorf("in the window: %d", got)
		}
		r.advance(time.Second)
		if got := status(); got != 403 {
			t.Errorf("after the window: %d", got)
		}
	})
}

// Every page of a sign-in that has failed leads on: to a new try, and back.
func TestWaysOut(t *testing.T) {
	next := url.Values{"next": {"/sessions"}}.Encode()
	for code, want := range map[string][2]string{
		"cancelled": {"/sso?" + next, "/login?" + next}, "untrusted": {"/sso?" + next, "/login?" + next}, "down": {"/sso?" + next, "/login?" + next},
		"stale": {"/sso?next=%2Fprofile", "/login?next=%2Fprofile"}, "refused": {"/sso/logout", "/login?" + next},
	} {
		r := newFederated(t)
		page := r.arrive(authn.Trip{Next: "/sessions"}, code, "").body
		for _, way := range want {
			if !strings.Contains(page, `<a href="`+way+`">`) {
				t.Errorf("%s: no way to %s in\n%s", code, way, page)
			}
		}
	}
	r := newFederated(t)
	page := r.arrive(authn.Trip{Next: "/sessions", UserID: "otto-id"}, "cancelled", signInElsewhereAs(r, ofProvider)).body
	if !strings.Contains(page, `<a href="/sso/again?`+next+`">`) || !strings.Contains(page, `<a href="/profile">`) {
		t.Errorf("no way on in\n%s", page)
	}
}

// What ends at the provider while a sign-in is on its way, or cannot be noted, signs nobody
// in and leaves no session.
func TestEndedOnTheWay(t *testing.T) {
	for call, err := range map[string]error{"arrival.Announce": authn.ErrRefused, "arrival.Confirm": authn.ErrRefused} {
		for _, err := range []error{err, errDown} {
			r := newFederated(t)
			alice := r.signIn()
			r.hooks[call] = func() error { return err }
			want := map[bool]answer{true: problemPage(401, endedMeanwhile), false: problemPage(503, away).with("Retry-After", "5")}[errors.Is(err, authn.ErrRefused)]
			same(t, r.arrive(authn.Trip{}, "otto", alice), want.with("Set-Cookie", clearedTrip))
			if all, err := r.sessions.List(t.Context(), "otto-id"); err != nil || len(all) > 0 || r.profileStatus(alice) != 200 {
				t.Errorf("%s: otto has %d sessions, %v; the session before answers %d", call, len(all), err, r.profileStatus(alice))
			}
		}
	}
}

// The session that the same session at the provider had here before ends: no notice would
// find it any more.
func TestReplaced(t *testing.T) {
	r := newFederated(t)
	p := &testProvider{callRecorder: &r.callRecorder}
	r.handler = r.pages.Handler(SSO(r.sessions, p, Options{}), Profile(r.sessions))
	first := pairOf(r.arrive(authn.Trip{}, "otto", ""), "__Host-SESSIONID")
	key := func() session.Key {
		all, err := r.sessions.List(t.Context(), "otto-id")
		if err != nil || len(all) != 1 {
			t.Fatalf("%d sessions, %v", len(all), err)
		}
		return all[0].Key()
	}
	p.replaced = key()
	again := r.arrive(authn.Trip{UserID: "otto-id"}, "otto", first)
	if first = pairOf(again, "__Host-SESSIONID"); r.profileStatus(first) != 200 {
		t.Fatal("who proves it again has lost the session")
	}
	r.hooks["sessions.Delete"] = down // then no new one begins either
	same(t, r.arrive(authn.Trip{}, "otto", ""), problemPage(503, away).with("Retry-After", "5").with("Set-Cookie", clearedTrip))
	r.repair()
	second := pairOf(r.arrive(authn.Trip{}, "otto", ""), "__Host-SESSIONID")
	if r.profileStatus(first) != 401 || r.profileStatus(second) != 200 {
		t.Error("the session before goes on, or the new one does not")
	}
}

// So it does if the new one comes to nothing after it was announced: because a notice came,
// which led to the new one alone, or in an outage.
func TestReplacedByNothing(t *testing.T) {
	for call, err := range map[string]error{"arrival.Confirm": authn.ErrRefused, "sessions.Create": errDown} {
		t.Run(call, func(t *testing.T) {
			r := newFederated(t)
			p := &testProvider{callRecorder: &r.callRecorder}
			r.handler = r.pages.Handler(SSO(r.sessions, p, Options{}), Profile(r.sessions))
			first := pairOf(r.arrive(authn.Trip{}, "otto", ""), "__Host-SESSIONID")
			all, _ := r.sessions.List(t.Context(), "otto-id")
			p.replaced = all[0].Key()
			r.hooks[call] = func() error { return err }
			if resp := r.arrive(authn.Trip{}, "otto", ""); pairOf(resp, "__Host-SESSIONID") != "" {
				t.Fatal("somebody is signed in")
			}
			r.repair()
			if got := r.profileStatus(first); got != 401 {
				t.Errorf("the session before, which no notice ends any more, answers %d", got)
			}
		})
	}
}

// A notice of the provider ends what it names, at once, and says the same when it comes again.
func TestEnded(t *testing.T) {
	r := newFederated(t)
	cookies := []string{signInElsewhereAs(r, ofProvider), signInElsewhereAs(r, ofProvider), signInElsewhereAs(r, ofProvider)}
	owner, rest, _ := strings.Cut(strings.TrimPrefix(cookies[0], "__Host-SESSIONID="), ".")
	notice := func(token string) {
		same(t, r.do(post("/sso/ended", asForm, "logout_token="+token)), newAnswer(200, ""))
	}
	status := func() (all []int) {
		for _, cookie := range cookies {
			all = append(all, r.profileStatus(cookie))
		}
		return all
	}
	for range 2 {
		notice(owner + "." + rest[:22])
		if got := status(); !slices.Equal(got, []int{401, 200, 200}) {
			t.Errorf("after a notice about one session they answer %v", got)
		}
	}
	alice := r.signIn()
	for range 2 {
		notice("userotto")
		if got := status(); !slices.Equal(got, []int{401, 401, 401}) || r.profileStatus(alice) != 200 {
			t.Errorf("after a notice about all sessions of a user they answer %v, another user's %d", got, r.profileStatus(alice))
		}
	}
}

// A hook adds to what the session keeps, and may refuse.
func TestValuesAtAProvider(t *testing.T) {
	r := newFederated(t)
	hook := func(req *http.Request, u authn.User) (map[string]string, error) {
		if u.ID != "otto-id" {
			return nil, authn.ErrRefused
		}
		return map[string]string{"cart": "c1"}, nil
	}
	r.handler = r.pages.Handler(SSO(r.sessions, &testProvider{callRecorder: &r.callRecorder}, Options{Values: hook}))
	r.arrive(authn.Trip{}, "otto", "")
	all, err := r.sessions.List(t.Context(), "otto-id")
	if err != nil || len(all) != 1 || all[0].Values["cart"] != "c1" || all[0].Values[authn.ValueNoPassword] == "" {
		t.Fatalf("%+v, %v", all, err)
	}
	same(t, r.arrive(authn.Trip{}, "bob", ""), problemPage(401, notHere).with("Set-Cookie", clearedTrip))
}

// When the user proved it at the provider is kept: what wants a recent proof asks for one.
func TestOldProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFederated(t)
		p := &testProvider{callRecorder: &r.callRecorder, authenticated: time.Now().Add(-time.Hour)}
		r.handler = r.pages.Handler(SSO(r.sessions, p, Options{}), Sessions(r.sessions, window))
		cookie := pairOf(r.arrive(authn.Trip{}, "otto", ""), "__Host-SESSIONID")
		same(t, r.do(fromBrowser(with(post("/sessions/revoke-all", "", ""), "Cookie", cookie))), reauthenticatePage)
	})
}
