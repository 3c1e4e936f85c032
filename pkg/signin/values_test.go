package signin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// tenants is an Authenticator whose users have a tenant.
type tenants struct{ authn.Authenticator }

type tenantProof struct {
	authn.Proof
	attributes map[string]string
}

func (p tenantProof) User() authn.User {
	u := p.Proof.User()
	u.Attributes = p.attributes
	return u
}

func (a tenants) Authenticate(ctx context.Context, attempt authn.Attempt) (authn.Proof, error) {
	proof, err := a.Authenticator.Authenticate(ctx, attempt)
	if err != nil {
		return nil, err
	}
	return tenantProof{proof, map[string]string{"tenant": "acme"}}, nil
}

// add serves /login, whose new sessions keep what the function returns.
func (r *fixture) add(more authn.ValuesFunc) {
	directory := accounts.NewDirectory(r.accounts, accounts.Config{})
	known := tenants{accounts.NewAuthenticator(directory, r.limiter)}
	r.pages = pagesFor(r.t, site.Site{})
	r.handler = r.pages.Handler(Login(r.sessions, known, Options{Values: more}), Profile(r.sessions))
}

// TestValuesOfASignIn: the program adds a cart to the session after the user has proved who
// they are, and before the session is stored.
func TestValuesOfASignIn(t *testing.T) {
	r := newFixture(t)
	r.add(func(req *http.Request, u authn.User) (map[string]string, error) {
		if u.ID != "alice-id" || u.Attributes["tenant"] != "acme" || !slices.Equal(u.Roles, []string{"member"}) {
			t.Errorf("the user is %+v", u)
		}
		return map[string]string{"cart": req.Header.Get("X-Cart")}, r.record("values")
	})
	resp := r.do(with(post("/login", asJSON, rightJSON), "X-Cart", "c7"))
	if resp.status != 200 || len(resp.cookies()) != 1 {
		t.Errorf("%d %s %q", resp.status, resp.body, resp.cookies())
	}
	if calls := r.recordedCalls(); !strings.Contains(calls, "accounts.Get values sessions.Create accounts.Get") {
		t.Errorf("the calls are %s", calls)
	}
	all, err := r.sessions.List(t.Context(), "alice-id")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if v := all[0].Values; v["cart"] != "c7" || v["tenant"] != "acme" || v["username"] != "Alice" || len(v) != 4 {
		t.Errorf("the session keeps %q", v)
	}
	if wrong := r.do(post("/login", asJSON, wrongJSON)); wrong.status != 401 || strings.Contains(r.recordedCalls(), "values") {
		t.Errorf("a wrong password: %d, calls %s", wrong.status, r.recordedCalls())
	}
}

// mimic gives every user the ID of one at a provider.
type mimic struct{ authn.Authenticator }

type mimicked struct{ authn.Proof }

func (m mimic) Authenticate(ctx context.Context, a authn.Attempt) (authn.Proof, error) {
	proof, err := m.Authenticator.Authenticate(ctx, a)
	return mimicked{proof}, err
}

func (m mimicked) User() authn.User {
	u := m.Proof.User()
	u.ID = authn.OpenIDPrefix + "https://id.example.com#17"
	return u
}

// A password signs nobody in as a user of a provider, whatever an Authenticator says.
func TestUserIDOfAProvider(t *testing.T) {
	r := newFixture(t)
	directory := accounts.NewDirectory(r.accounts, accounts.Config{})
	r.handler = r.pages.Handler(Login(r.sessions, mimic{accounts.NewAuthenticator(directory, r.limiter)}, Options{}))
	resp := r.do(post("/login", asJSON, rightJSON))
	if resp.status != 500 || resp.header.Get("Set-Cookie") != "" {
		t.Errorf("%d, cookies %q", resp.status, resp.header["Set-Cookie"])
	}
	if all, err := r.sessions.List(t.Context(), authn.OpenIDPrefix+"https://id.example.com#17"); err != nil || len(all) != 0 {
		t.Errorf("sessions %v, %v", all, err)
	}
	if events := r.events(); len(events) != 1 || !strings.Contains(events[0], "as only users of a provider have") {
		t.Errorf("logged %q", events)
	}
}

// TestValuesThatFail: nobody is signed in, no session is stored or ended, and no cookie is
// set. A refusal looks like a wrong password and counts as one; what is no fault of the user
// does not count.
func TestValuesThatFail(t *testing.T) {
	for name, tt := range map[string]struct {
		values map[string]string
		err    error
		want   answer
		counts bool
		log    string
	}{
		"an outage":              {nil, errDown, problemAnswer(503, outage).with("Retry-After", "5"), false, "sys_failure"},
		"a refusal":              {nil, fmt.Errorf("the tenant is closed: %w", authn.ErrRefused), problemAnswer(401, refused), true, "authn_login_fail"},
		"busy":                   {nil, authn.ErrBusy, problemAnswer(503, "This account is being changed just now. Try again in a moment.").with("Retry-After", "5"), false, "account_busy"},
		"an answer of one's own": {nil, refuse(http.StatusConflict, "problem.conflict"), problemAnswer(409, "Another request changed your session at the same moment. Try again."), false, ""},
		"a key of ours":          {map[string]string{"username": "Mallory"}, nil, problemAnswer(500, "Something went wrong on our side. Try again in a moment."), false, `the key \"username\" is one that package authn sets`},
		"a key of ours in the session of whoever has no password": {map[string]string{"no_password": ""}, nil, problemAnswer(500, "Something went wrong on our side. Try again in a moment."), false, `no_password`},
		"too large":    {map[string]string{"cart": strings.Repeat("c", 5000)}, nil, problemAnswer(500, "Something went wrong on our side. Try again in a moment."), false, "at most 4096 are kept"},
		"not UTF-8":    {map[string]string{"cart": "\xff"}, nil, problemAnswer(500, "Something went wrong on our side. Try again in a moment."), false, "must be UTF-8"},
		"an empty key": {map[string]string{"": "c1"}, nil, problemAnswer(500, "Something went wrong on our side. Try again in a moment."), false, "not empty"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			r.ownAnswers = name == "an answer of one's own"
			before := r.signIn()
			r.add(func(*http.Request, authn.User) (map[string]string, error) { return tt.values, tt.err })
			resp := r.do(with(post("/login", asJSON, rightJSON), "Cookie", before))
			same(t, resp, tt.want)
			if calls := r.recordedCalls(); strings.Contains(calls, "sessions.") {
				t.Errorf("the calls are %s", calls)
			}
			if attempts := r.recordedAttempts(); strings.Contains(attempts, "Withdraw") == tt.counts || strings.Contains(attempts, "Clear") {
				t.Errorf("the attempt: %s", attempts)
			}
			if !strings.Contains(r.log.String(), tt.log) || r.profileStatus(before) != 200 || r.live() != 1 {
				t.Errorf("the log is %s; the session before answers %d, and there are %d", r.log.String(), r.profileStatus(before), r.live())
			}
		})
	}
}
