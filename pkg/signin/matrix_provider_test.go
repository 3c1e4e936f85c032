package signin

import (
	"strings"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	tripCookie   = "__Host-TRIP=<trip>; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"
	clearedTrip  = "__Host-TRIP=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
	markCookie   = "__Host-PROVIDER=1; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax"
	unmarkCookie = "__Host-PROVIDER=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"

	away           = "We cannot reach our records, or the service through which you sign in, just now. Nothing is lost; try again in a moment."
	staleTrip      = "This sign-in was not begun in this browser, or too long ago. Begin again. If that does not help, allow cookies for this site, and use https://."
	cancelled      = "The sign-in was cancelled."
	untrusted      = "The other service has sent an answer that we cannot verify. Nothing has changed. Begin again."
	notAsked       = "The other service does not say that it has asked you again. To confirm that it is you, sign out and sign in again."
	notHere        = "You may not sign in here with this account of the other service."
	otherUser      = "You came back from the other service as somebody else. Nothing has changed here."
	endedMeanwhile = "Your session at the other service has ended meanwhile, or you have signed in with it in another window. Begin again."

	left = "You are signed out here. We cannot reach the other service just now, so you may still be signed in there."

	ottoJSON = `{"user":{"user_id":"otto-id","username":"otto","display_name":"Otto","roles":["member"]},` +
		`"session":{"id":"<id>","signed_in_at":"2000-01-01T00:00:00Z","expires_at":"2000-01-01T00:30:00Z"}}`
)

// travelling returns the Cookie header of the state, and of a trip.
func travelling(state string, trip string) func(*fixture) string {
	return func(r *fixture) string {
		return strings.TrimPrefix(states[state](r)+"; __Host-TRIP="+tripOf(authn.Trip{Next: trip}), "; ")
	}
}

func beginRows() (all []row) {
	const at = "https://id.example/authorize"
	for outcome := range states {
		all = append(all, row{route: "GET /sso", outcome: outcome, page: refreshAnswer(at, tripCookie), program: redirectAnswer(at).with("Set-Cookie", tripCookie), calls: "provider.Begin"})
	}
	return append(all,
		row{route: "GET /sso", outcome: "cross-site", given: states["no session"], change: crossSite,
			page: refreshAnswer(at, tripCookie), program: redirectAnswer(at).with("Set-Cookie", tripCookie), calls: "provider.Begin"},
		row{route: "GET /sso", outcome: "provider away", given: func(r *fixture) string { r.hooks["provider.Begin"] = down; return "" },
			page: problemPage(503, away).with("Retry-After", "5"), program: problemAnswer(503, away).with("Retry-After", "5"), calls: "provider.Begin"})
}

func finishRows() (all []row) {
	const route = "GET /sso/callback"
	in := clearedTrip + " && " + newCookie + " && " + markCookie
	page, program := refreshAnswer("/sessions", in), jsonAnswer(ottoJSON).with("Set-Cookie", in)
	awayPage, awayProgram := problemPage(503, away).with("Retry-After", "5").with("Set-Cookie", clearedTrip), problemAnswer(503, away).with("Retry-After", "5").with("Set-Cookie", clearedTrip)
	const calls = "provider.Finish arrival.Announce sessions.Create arrival.Confirm"
	for outcome := range states {
		x := row{route: route, outcome: outcome, given: travelling(outcome, "/sessions"), query: "?code=otto", page: page, program: program, calls: calls}
		switch outcome {
		case "signed in", "account store down":
			x.calls += " sessions.Delete"
		case "dead session":
			x.calls += " sessions.Delete"
			x.program = jsonAnswer(strings.NewReplacer("00:30:00", "01:00:00", "00:00:00", "00:30:00").Replace(ottoJSON)).with("Set-Cookie", in)
		case "session store down":
			x.page, x.program, x.calls = awayPage, awayProgram, "provider.Finish arrival.Announce sessions.Create sessions.Delete"
		}
		all = append(all, x)
	}
	for code, want := range map[string]struct {
		status int
		detail string
	}{
		"cancelled": {401, cancelled}, "stale": {400, staleTrip}, "untrusted": {401, untrusted}, "refused": {401, notHere}, "unasked": {401, notAsked},
	} {
		all = append(all, row{route: route, outcome: code, given: travelling("signed in", "/sessions"), query: "?code=" + code,
			page: problemPage(want.status, want.detail).with("Set-Cookie", clearedTrip), program: problemAnswer(want.status, want.detail).with("Set-Cookie", clearedTrip), calls: "provider.Finish"})
	}
	return append(all,
		row{route: route, outcome: "provider away", given: travelling("signed in", "/sessions"), query: "?code=down", page: awayPage, program: awayProgram, calls: "provider.Finish"},
		row{route: route, outcome: "no trip", given: states["signed in"], query: "?code=otto", page: problemPage(400, staleTrip), program: problemAnswer(400, staleTrip), calls: "provider.Finish"})
}

func againRows() (all []row) {
	const route, at = "GET /sso/again", "https://id.example/authorize?again=alice-id"
	toLogin, signInProgram := redirectAnswer("/login?next=%2Fsso%2Fagain"), problemAnswer(401, signInFirst)
	nobody := row{page: toLogin, program: signInProgram}
	here := row{page: refreshAnswer(at, tripCookie), program: redirectAnswer(at).with("Set-Cookie", tripCookie), calls: "sessions.Get provider.Begin"}
	dead := nobody
	dead.calls = "sessions.Get"
	for outcome, x := range map[string]row{
		"no session": nobody, "different cookies": nobody, "malformed cookie": nobody, "dead session": dead, "signed in": here, "account store down": here,
		"session store down": {page: problemPage(503, outage).with("Retry-After", "5"), program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Get"},
	} {
		x.route, x.outcome = route, outcome
		all = append(all, x)
	}
	return all
}

func leaveRows() (all []row) {
	const route, at = "GET /sso/logout", "https://id.example/logout?back=https%3A%2F%2Fexample.com%2Flogin"
	for outcome := range states {
		page := pageAnswer(200, "One moment").with("Refresh", "0; url="+at)
		all = append(all, row{route: route, outcome: outcome, page: page, program: redirectAnswer(at), calls: "provider.SignOutURL"})
	}
	return append(all,
		row{route: route, outcome: "provider has no logout", given: func(r *fixture) string {
			r.hooks["provider.SignOutURL"] = func() error { return errNoLogout }
			return ""
		},
			page: redirectAnswer("/login"), program: redirectAnswer("/login"), calls: "provider.SignOutURL"},
		row{route: route, outcome: "provider away", given: func(r *fixture) string { r.hooks["provider.SignOutURL"] = down; return "" },
			page: problemPage(503, left).with("Retry-After", "5"), program: problemAnswer(503, left).with("Retry-After", "5"), calls: "provider.SignOutURL"},
		row{route: route, outcome: "provider away, signed in here", given: func(r *fixture) string {
			r.hooks["provider.SignOutURL"] = down
			return r.signIn()
		},
			page: problemPage(503, away).with("Retry-After", "5"), program: problemAnswer(503, away).with("Retry-After", "5"), calls: "provider.SignOutURL"})
}

func endedRows() (all []row) {
	const route = "POST /sso/ended"
	done := newAnswer(200, "")
	send := func(outcome, token, calls string, page, program answer) row {
		return row{route: route, outcome: outcome, kind: asForm, form: "logout_token=" + token, json: "logout_token=" + token, page: page, program: program, calls: calls}
	}
	downPage, downProgram := problemPage(503, outage).with("Retry-After", "5"), problemAnswer(503, outage).with("Retry-After", "5")
	for outcome := range states {
		x := send(outcome, "session", "provider.Ended sessions.Delete", done, done)
		if outcome == "session store down" {
			x.page, x.program = downPage, downProgram
		}
		all = append(all, x)
	}
	bad := send("a bad token", "bad", "provider.Ended", problemPage(400, "This is no notice of the provider."), problemAnswer(400, "This is no notice of the provider."))
	user, nothing := send("all of a user", "user", "provider.Ended sessions.List", done, done), send("nothing known", "nothing", "provider.Ended", done, done)
	down := send("store of links down", "down", "provider.Ended", downPage, downProgram)
	for _, x := range []row{bad, user, nothing, down} {
		x.given = states["no session"]
		all = append(all, x)
	}
	return append(all, row{route: route, outcome: "cross-site", given: states["signed in"], change: crossSite, kind: asForm,
		page: problemPage(403, foreign), program: problemAnswer(403, foreign)})
}

// knownKey is the key of a session that does not exist.
var knownKey = session.Key{Owner: strings.Repeat("o", 22), ID: unknownID}
