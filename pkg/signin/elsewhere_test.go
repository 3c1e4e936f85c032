package signin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	noPassword  = "You have no password here, because you sign in through another service."
	signInAgain = noPassword + " To confirm that it is you, sign out and sign in again."
)

// signInElsewhereAs returns the cookie of a session that a provider's callback made.
func signInElsewhereAs(r *fixture, values map[string]string) string {
	r.t.Helper()
	w := httptest.NewRecorder()
	if _, err := r.sessions.Create(w, get("/callback"), session.User{ID: "otto-id", Values: values}); err != nil {
		r.t.Fatal(err)
	}
	resp := response{header: w.Result().Header}
	r.remember(resp.cookies())
	r.recordedCalls()
	return cookieOf(resp)
}

var ofProvider = map[string]string{"username": "otto", "display_name": "Otto", authn.ValueNoPassword: "oidc"}

// TestNoPassword: a user without a password here meets no password form, and nothing is
// counted as a wrong password.
func TestNoPassword(t *testing.T) {
	r := newFixture(t)
	cookie := signInElsewhereAs(r, ofProvider)
	for _, tt := range []struct {
		request func() *http.Request
		detail  string
	}{
		{func() *http.Request { return get("/reauthenticate?next=/sessions") }, signInAgain},
		{func() *http.Request { return post("/reauthenticate", asForm, "password=x&next=/sessions") }, signInAgain},
		{func() *http.Request { return post("/reauthenticate", asJSON, `{"password":"x"}`) }, signInAgain},
		{func() *http.Request { return get("/password") }, noPassword},
		{func() *http.Request { return post("/password", asForm, "current_password=x&new_password="+newPhrase) }, noPassword},
	} {
		req := tt.request()
		same(t, r.do(with(req, "Cookie", cookie)), problemAnswer(403, tt.detail))
		resp := r.do(fromBrowser(with(tt.request(), "Cookie", cookie)))
		same(t, resp, problemPage(403, tt.detail))
		if strings.Contains(resp.body, `type="password"`) {
			t.Errorf("%s %s: there is a password form", req.Method, req.URL)
		}
		if calls := r.recordedCalls(); calls != "sessions.Get" {
			t.Errorf("%s %s: calls %s", req.Method, req.URL, calls)
		}
	}
	for _, path := range []string{"/profile", "/sessions"} {
		if page := r.do(fromBrowser(with(get(path), "Cookie", cookie))).body; strings.Contains(page, `href="/password"`) || !strings.Contains(page, `href="/sessions"`) {
			t.Errorf("the menu of %s is wrong:\n%s", path, page)
		}
	}
	if page := r.do(fromBrowser(with(get("/profile"), "Cookie", r.signIn()))).body; !strings.Contains(page, `href="/password"`) {
		t.Errorf("for a user with a password, the menu does not lead to it:\n%s", page)
	}
}

// refuser knows nobody.
type refuser struct{}

func (refuser) Authenticate(context.Context, authn.Attempt) (authn.Proof, error) {
	return nil, authn.ErrRefused
}

// TestReauthenticateElsewhere walks such a user from a page that wants a new proof to the
// provider and back.
func TestReauthenticateElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.ownAnswers = true // one of them leads to another site
		asked := 0
		elsewhere := func(w http.ResponseWriter, req *http.Request, next string) {
			asked++
			if s := session.FromContext(req.Context()); s.UserID != "otto-id" {
				t.Errorf("the session is that of %s", s.UserID)
			}
			http.Redirect(w, req, "https://id.example/authorize?"+url.Values{"max_age": {"0"}, "state": {next}}.Encode(), http.StatusSeeOther)
		}
		callback := func(w http.ResponseWriter, req *http.Request) {
			if err := r.sessions.Reauthenticate(req.Context(), w, session.FromContext(req.Context())); err != nil {
				t.Error(err)
			}
			Redirect(w, req, req.URL.Query().Get("state"))
		}
		r.handler = r.pages.Handler(Sessions(r.sessions, window), Reauthenticate(r.sessions, refuser{}, elsewhere), Password(r.sessions, nil),
			Routes{"GET /callback": r.sessions.Require(http.HandlerFunc(callback)).ServeHTTP})
		cookie := signInElsewhereAs(r, ofProvider)
		r.advance(window)
		revoke := func(cookie string) response {
			return r.do(fromBrowser(with(post("/sessions/"+unknownID+"/revoke", "", ""), "Cookie", cookie)))
		}

		resp := revoke(cookie)
		same(t, resp, reauthenticatePage)
		resp = r.do(fromBrowser(with(get(resp.header.Get("Location")), "Cookie", cookie)))
		if got, want := resp.header.Get("Location"), "https://id.example/authorize?max_age=0&state=%2Fsessions"; resp.status != 303 || got != want {
			t.Fatalf("%d to %s, want %s", resp.status, got, want)
		}
		resp = r.do(fromBrowser(with(get("/callback?state=%2Fsessions"), "Cookie", cookie)))
		if resp.header.Get("Refresh") != "0; url=/sessions" {
			t.Fatalf("back at %d %v", resp.status, resp.header)
		}
		same(t, revoke(cookieOf(resp)), problemPage(404, notYours))

		// A path of another site is not passed on, a password is not looked at, and users
		// with a password get the form.
		resp = r.do(fromBrowser(with(get("/reauthenticate?next=https://evil.example/"), "Cookie", cookieOf(resp))))
		if got := resp.header.Get("Location"); !strings.HasSuffix(got, "state=%2Fprofile") {
			t.Errorf("next is passed on in %s", got)
		}
		cookie = signInElsewhereAs(r, ofProvider)
		same(t, r.do(with(post("/reauthenticate", asJSON, `{"password":"x"}`), "Cookie", cookie)), problemAnswer(403, signInAgain))
		before := asked
		cookie = signInElsewhereAs(r, map[string]string{"username": "otto"})
		same(t, r.do(fromBrowser(with(get("/reauthenticate"), "Cookie", cookie))), pageAnswer(200, "Confirm it is you"))
		if asked != before {
			t.Error("a user with a password was sent to the provider")
		}
	})
}
