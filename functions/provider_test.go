package functions_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// The conditions of template.yaml that hold if there is a provider, and if nobody has a
// password beside it.
const (
	hasProvider = "HasProvider"
	noPasswords = "NoPasswords"
)

// providerVariables are the parameters of a provider, as the functions are told them.
var providerVariables = map[string]string{
	"PUBLIC_ORIGIN": "https://" + host, "OIDC_NAME": "Example ID", "OIDC_ISSUER": "https://id.example.com", "OIDC_CLIENT_ID": clientID,
	"OIDC_CLIENT_SECRET": "an example of a client secret", "OIDC_KEYS": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
	"OIDC_ROLES_CLAIM": "groups", "OIDC_ROLES": "staff=member",
}

// newProvider starts the functions of the template with a provider.
func newProvider(t testing.TB, settings map[string]string, conditions ...string) (*stack, *issuer) {
	t.Helper()
	i := newIssuer(t)
	all := map[string]string{"OIDC_ISSUER": i.URL}
	for name, value := range settings {
		all[name] = value
	}
	return newStackWith(t, all, append(conditions, hasProvider)...), i
}

// jar returns the Cookie header of a browser that had these cookies and has got the reply.
func (r reply) jar(before ...string) string {
	cookies := slices.Clone(before)
	for _, line := range r.header.Values("Set-Cookie") {
		pair, attributes, _ := strings.Cut(line, ";")
		name, _, _ := strings.Cut(pair, "=")
		cookies = slices.DeleteFunc(cookies, func(c string) bool { return strings.HasPrefix(c, name+"=") })
		if !strings.Contains(attributes, "Max-Age=0") {
			cookies = append(cookies, pair)
		}
	}
	return strings.Join(cookies, "; ")
}

// begin leads a browser to the issuer. It returns the path to which it comes back, and its
// cookies.
func (s *stack) begin(t testing.TB, i *issuer, path, cookie, sub, sid string, cost budget) (back, cookies string) {
	t.Helper()
	s.proxy.Take()
	s.proxy.Expect(cost.with(s.trail).waves...)
	r := s.send(t, navigate(path, cookie))
	if r.status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, r.status, r.body)
	}
	had := slices.DeleteFunc(strings.Split(cookie, "; "), func(c string) bool { return c == "" })
	return i.approve(t, strings.TrimPrefix(r.header.Get("Refresh"), "0; url="), sub, sid), r.jar(had...)
}

// ssoCost is the cost of a sign-in at the provider: the link; the session; then whether its
// session there, or all of the user, have ended, beside the list for the limit of sessions. Then it is written to the trail.
var ssoCost = budget{[]string{"UpdateItem", "PutItem", "GetItem GetItem Query", entry}, 3, 2}

// TestProvider takes a user to the provider and back, on the real binaries, through the
// authorizer and out, and compares the cost of each step with the operation budget.
func TestProvider(t *testing.T) {
	s, i := newProvider(t, nil)
	page := s.wantCost(t, request{method: "GET", path: "/login", accept: "text/html"}, budget{})
	if !strings.Contains(page.body, "Sign in with Example ID") || !strings.Contains(page.body, `type="password"`) {
		t.Errorf("the login page:\n%s", page.body)
	}
	back, cookies := s.begin(t, i, "/sso?next=%2Fsessions", "", "otto", "sid-1", budget{})
	r := s.wantCost(t, navigate(back, cookies), ssoCost)
	wantStatus(t, r, http.StatusOK)
	if got := r.header.Get("Refresh"); got != "0; url=/sessions" {
		t.Errorf("on to %q", got)
	}
	cookie := r.cookie()
	who := s.do(t, request{method: "GET", path: "/caller", cookie: cookie})
	if want := `"user_id":"openid:` + i.URL + `#otto"`; who.status != http.StatusOK || !strings.Contains(who.body, want) || !strings.Contains(who.body, "member") || strings.Contains(who.body, "nobody") {
		t.Errorf("the authorizer says %d %s; want %s", who.status, who.body, want)
	}

	// A code is good once.
	wantStatus(t, s.wantCost(t, navigate(back, cookies), budget{}), http.StatusBadRequest)
	wantStatus(t, s.wantCost(t, navigate(back, ""), budget{}), http.StatusBadRequest)

	// The user proves it again. The same session at the provider leads to the same one here.
	// Some time has passed, so the link gets a later end.
	s.moveBack(t, "LinksTable", "linked_until", 60)
	s.moveBack(t, "LinksTable", "expires_at", 60)
	back, cookies = s.begin(t, i, "/sso/again?next=%2Fsessions", cookie, "otto", "sid-1", loadCost)
	r = s.wantCost(t, navigate(back, cookies), budget{[]string{"GetItem", "UpdateItem", "UpdateItem", entry}, 1, 2})
	wantStatus(t, r, http.StatusOK)
	again := r.cookie()
	wantStatus(t, s.do(t, profile(cookie)), http.StatusUnauthorized)
	back, cookies = s.begin(t, i, "/sso/again", again, "mallory", "sid-2", loadCost)
	wantStatus(t, s.do(t, navigate(back, cookies)), http.StatusForbidden)
	wantStatus(t, s.do(t, profile(again)), http.StatusOK)

	// A logout reads nothing, and goes on at the provider.
	logout := request{method: "POST", path: "/logout", cookie: again + "; __Host-PROVIDER=1", accept: "text/html"}
	r = s.wantCost(t, logout, oneEnd)
	if wantStatus(t, r, http.StatusSeeOther); r.header.Get("Location") != "/sso/logout" {
		t.Errorf("a logout goes on at %q", r.header.Get("Location"))
	}
	r = s.wantCost(t, navigate("/sso/logout", ""), budget{})
	if to := r.header.Get("Refresh"); !strings.HasPrefix(to, "0; url="+i.URL+"/logout?") || !strings.Contains(to, "app.example.com%2Flogin") {
		t.Errorf("and from there to %q", to)
	}
}

// signInAt returns the cookie of a new session of a user of the provider.
func (s *stack) signInAt(t testing.TB, i *issuer, sub, sid string) string {
	t.Helper()
	back, cookies := s.begin(t, i, "/sso", "", sub, sid, budget{})
	r := s.do(t, navigate(back, cookies))
	if r.status != http.StatusOK || r.cookie() == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return r.cookie()
}

// What the provider says has ended is refused by the authorizer at once.
func TestProviderEnds(t *testing.T) {
	s, i := newProvider(t, nil)
	one, two, other := s.signInAt(t, i, "otto", "sid-1"), s.signInAt(t, i, "otto", "sid-2"), s.signInAt(t, i, "alice", "sid-3")
	called := func(cookie string) int {
		return s.do(t, request{method: "GET", path: "/caller", cookie: cookie}).status
	}
	ended := s.wantCost(t, i.notice(t, map[string]any{"sid": "sid-1"}), budget{[]string{"UpdateItem", "DeleteItem", entry}, 0, 2})
	if wantStatus(t, ended, http.StatusOK); ended.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer may be stored: %v", ended.header)
	}
	if got := []int{called(one), called(two), called(other)}; !slices.Equal(got, []int{403, 200, 200}) && !slices.Equal(got, []int{401, 200, 200}) {
		t.Errorf("after a notice about one session the authorizer's answers are %v", got)
	}
	wantStatus(t, s.wantCost(t, i.notice(t, map[string]any{"sub": "otto"}), budget{[]string{"UpdateItem", "Query", "DeleteItem", entry + " " + entry}, 1, 2}), http.StatusOK)
	if got := []int{called(two), called(other)}; got[0] == 200 || got[1] != 200 {
		t.Errorf("after a notice about a user the authorizer's answers are %v", got)
	}
	forged := i.notice(t, map[string]any{"sid": "sid-3", "aud": "another"})
	wantStatus(t, s.wantCost(t, forged, budget{}), http.StatusBadRequest)
	if called(other) != 200 {
		t.Error("a forged notice has ended a session")
	}
	wantStatus(t, s.do(t, request{method: "GET", path: "/sso/ended"}), http.StatusMethodNotAllowed)
}

// Where nobody has a password, the function of the provider has the login page, and there is
// no function for passwords.
func TestNoPasswords(t *testing.T) {
	s, i := newProvider(t, nil, noPasswords)
	for _, id := range []string{"LoginFunction", "PasswordFunction"} {
		if s.functions[id] != nil {
			t.Errorf("there is %s", id)
		}
	}
	page := s.do(t, request{method: "GET", path: "/login", accept: "text/html"})
	if wantStatus(t, page, http.StatusOK); strings.Contains(page.body, `type="password"`) || !strings.Contains(page.body, "Example ID") {
		t.Errorf("the login page:\n%s", page.body)
	}
	wantStatus(t, s.do(t, login(password)), http.StatusMethodNotAllowed)
	for _, path := range []string{"/password", "/.well-known/change-password"} {
		wantStatus(t, s.do(t, request{method: "GET", path: path}), http.StatusNotFound)
	}
	cookie := s.signInAt(t, i, "otto", "sid-1")
	r := s.do(t, request{method: "GET", path: "/reauthenticate?next=%2Fsessions", cookie: cookie, accept: "text/html"})
	if wantStatus(t, r, http.StatusSeeOther); r.header.Get("Location") != "/sso/again?next=%2Fsessions" {
		t.Errorf("to %q", r.header.Get("Location"))
	}
}

// The function of the provider makes exactly the calls that template.yaml allows it, and a
// provider lets no other function do more.
func TestPoliciesOfAProvider(t *testing.T) {
	for _, conditions := range [][]string{nil, {hasBridge}} {
		s, i := newProvider(t, nil, conditions...)
		var calls []dynamotest.Call
		use := func(in request) reply {
			r := s.do(t, in)
			calls = append(calls, r.calls...)
			return r
		}
		idle := func() { s.moveBack(t, "SessionsTable", "last_seen_at", 4*60) }
		back, cookies := s.begin(t, i, "/sso", "", "otto", "sid-1", budget{})
		cookie := use(navigate(back, cookies)).cookie()
		idle()
		r := use(navigate("/sso/again", cookie))
		back = i.approve(t, strings.TrimPrefix(r.header.Get("Refresh"), "0; url="), "otto", "sid-1")
		use(navigate(back, r.jar(cookie)))
		use(i.notice(t, map[string]any{"sub": "otto"}))
		function := s.template.Functions["CallbackFunction"]
		if got := dynamotest.Uses(calls, s.tables); !slices.Equal(got, function.Access) {
			t.Errorf("with %v it calls %v; template.yaml allows %v", conditions, got, function.Access)
		}
		without := dynamotest.Template(t, conditions...)
		for id, f := range without.Functions {
			if !slices.Equal(f.Access, s.template.Functions[id].Access) {
				t.Errorf("%s may %v with a provider, and without %v", id, s.template.Functions[id].Access, f.Access)
			}
		}
	}
}
