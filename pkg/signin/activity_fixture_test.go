package signin

import (
	"context"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/bcp47"
)

// constructors returns the Routes of every function that makes Routes, by its name. A
// Lambda function serves one of them, and the monolith serves all.
// TestEveryRouteHasRows checks that none is missing here.
func constructors(m *session.Manager, directory *accounts.Directory, authenticator *accounts.Authenticator, converter authn.Converter, provider authn.Provider, trail audit.Reader) map[string]Routes {
	return map[string]Routes{
		"Login": Login(m, authenticator, Options{}), "Reauthenticate": Reauthenticate(m, authenticator, nil), "Profile": Profile(m), "Logout": Logout(m), "Sessions": Sessions(m, window),
		"Convert": Convert(m, converter), "Password": Password(m, authenticator), "Preferences": Preferences(m, directory, bcp47.Canonical), "Whoami": Whoami(m),
		"SSO": SSO(m, provider, Options{}), "Activity": Activity(m, trail),
	}
}

func (r *fixture) routes() map[string]Routes {
	directory := accounts.NewDirectory(r.accounts, accounts.Config{})
	return constructors(r.sessions, directory, accounts.NewAuthenticator(directory, r.limiter), &testConverter{r.sessions, &r.callRecorder, map[string]time.Time{}},
		&testProvider{callRecorder: &r.callRecorder}, trailReader{r.trail, &r.callRecorder})
}

// trailReader records the calls to the trail.
type trailReader struct {
	audit.Reader
	*callRecorder
}

func (t trailReader) List(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
	if err := t.record("audit.List"); err != nil {
		return nil, err
	}
	return t.Reader.List(ctx, userID, before, limit)
}

// busy adds an entry of every kind and every reason to the trail of alice. It returns the
// cookie.
func (r *fixture) busy(cookie string) string {
	r.t.Helper()
	at := time.Now()
	add := func(e audit.Entry) {
		at = at.Add(time.Millisecond)
		e.UserID, e.At, e.ID, e.ExpiresAt, e.UserAgent = "alice-id", at, unknownID, at.Add(time.Hour), firefox
		if err := r.trail.Append(r.t.Context(), e); err != nil {
			r.t.Fatal(err)
		}
	}
	for reason := range reasons {
		add(audit.Entry{Event: "session_ended", Reason: reason})
	}
	for event := range happened {
		add(audit.Entry{Event: event, SessionID: r.newest("alice-id").ID, Details: map[string]string{"new_device": "true", "failures": "1"}})
	}
	return cookie
}

// activityRows are the rows of GET /activity.
func activityRows() []row {
	const route = "GET /activity"
	next, none := redirectAnswer("/login?next=%2Factivity"), problemAnswer(401, signInFirst)
	page := pageAnswer(200, "What happened with your account").with("Referrer-Policy", "strict-origin")
	program := jsonAnswer(`{"activity":[],"older":null}`).with("Referrer-Policy", "strict-origin")
	downPage, downProgram := problemPage(503, outage).with("Retry-After", "5"), problemAnswer(503, outage).with("Retry-After", "5")
	const noSuchPart = "This part of the list does not exist. Go to the newest entries, at /activity."
	all := []row{
		{route: route, outcome: "no session", page: next, program: none},
		{route: route, outcome: "signed in", page: page, program: program, calls: "sessions.Get audit.List"},
		{route: route, outcome: "dead session", page: next, program: none, calls: "sessions.Get"},
		{route: route, outcome: "different cookies", page: next, program: none},
		{route: route, outcome: "malformed cookie", page: next, program: none},
		{route: route, outcome: "session store down", page: downPage, program: downProgram, calls: "sessions.Get"},
		{route: route, outcome: "account store down", page: page, program: program, calls: "sessions.Get audit.List"},
		{route: route, outcome: "the trail cannot be read", given: func(r *fixture) string {
			r.hooks["audit.List"] = down
			return r.signIn()
		}, page: downPage, program: downProgram, calls: "sessions.Get audit.List"},
		{route: route, outcome: "older", given: states["signed in"], query: "?before=2000-01-01T00:00:00.000Z%23" + unknownID,
			page: page, program: program, calls: "sessions.Get audit.List"},
	}
	for outcome, before := range map[string]string{
		"no key": "before=", "a time": "before=2000-01-01T00:00:00.000Z", "another user's": "before=alice-id%23" + unknownID, "zero byte": "before=2000-01-01T00:00:00.000Z%23AAAAAAAAAAAAAAAAAAAAA%00",
		"no UTF-8": "before=2000-01-01T00:00:00.000Z%23AAAAAAAAAAAAAAAAAAAAA%ff", "twice": "before=2000-01-01T00:00:00.000Z%23" + unknownID + "&before=x",
	} {
		all = append(all, row{route: route, outcome: outcome, given: states["signed in"], query: "?" + before,
			page: problemPage(400, noSuchPart), program: problemAnswer(400, noSuchPart), calls: "sessions.Get"})
	}
	return all
}
