package signin

import (
	"net/http/httptest"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
)

// unknownID looks like the ID of a session, but no session has it.
const unknownID = "AAAAAAAAAAAAAAAAAAAAAA"

const (
	notYours           = "You have no such session; it may have ended already."
	reauthenticateJSON = `{"type":"reauthentication-required","title":"Forbidden","status":403,"detail":"Give your password again first, at /reauthenticate."}`
)

var (
	reauthenticatePage    = redirectAnswer("/reauthenticate?next=%2Fsessions")
	reauthenticateProgram = newAnswer(403, reauthenticateJSON+"\n").with("Content-Type", "application/problem+json").
				with("Www-Authenticate", `Cookie error="insufficient_user_authentication"`)

	signedOutPage    = redirectAnswer("/login").with("Set-Cookie", clearedCookie)
	signedOutProgram = newAnswer(204, "").with("Set-Cookie", clearedCookie)
)

// signInElsewhere signs in on another device and sets {id} to the ID of that session.
func signInElsewhere(r *fixture) {
	r.signIn()
	r.id = r.newest("alice-id").ID
}

// newest returns the newest session of the user.
func (r *fixture) newest(userID string) *session.Session {
	r.t.Helper()
	all, err := r.sessions.List(r.t.Context(), userID)
	if err != nil || len(all) == 0 {
		r.t.Fatalf("%d sessions, %v", len(all), err)
	}
	return all[len(all)-1]
}

// stale returns the cookie of a session whose user gave the password exactly one
// window ago.
func stale(r *fixture) string {
	cookie := r.signIn()
	r.advance(window)
	return cookie
}

// fresh returns the cookie of a session whose window ends in one second.
func fresh(r *fixture) string {
	cookie := r.signIn()
	r.advance(window - time.Second)
	return cookie
}

// recentlyReauthenticated returns the cookie of an old session whose user has just
// given the password again.
func recentlyReauthenticated(r *fixture) string {
	stale(r)
	w := httptest.NewRecorder()
	if err := r.sessions.Reauthenticate(r.t.Context(), w, r.newest("alice-id")); err != nil {
		r.t.Fatal(err)
	}
	return cookieOf(response{header: w.Result().Header})
}

// refusals returns the rows that every route that ends sessions has.
func refusals(route string) []row {
	next := redirectAnswer("/login?next=%2Fsessions")
	none := problemAnswer(401, signInFirst)
	return []row{
		{route: route, outcome: "no session", page: next, program: none},
		{route: route, outcome: "dead session", page: next, program: none, calls: "sessions.Get"},
		{route: route, outcome: "different cookies", page: next, program: none},
		{route: route, outcome: "malformed cookie", page: next, program: none},
		{route: route, outcome: "session store down", page: problemPage(503, outage).with("Retry-After", "5"),
			program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Get"},
		{route: route, outcome: "the password was given long ago", given: stale, page: reauthenticatePage, program: reauthenticateProgram, calls: "sessions.Get sessions.Touch"},
		{route: route, outcome: "cross-site", given: states["signed in"], change: crossSite,
			page: problemPage(403, foreign), program: problemAnswer(403, foreign)},
	}
}

func sessionsRows() []row {
	const route = "GET /sessions"
	next, none := redirectAnswer("/login?next=%2Fsessions"), problemAnswer(401, signInFirst)
	const current = `{"id":"<id>","created_at":"2000-01-01T00:00:00Z","last_seen_at":"2000-01-01T00:00:00Z","ip":"192.0.2.1","user_agent":"","last_ip":"192.0.2.1","last_user_agent":"","current":true}`
	page, program := pageAnswer(200, "Where you are signed in"), jsonAnswer(`{"sessions":[`+current+`]}`)
	return []row{
		{route: route, outcome: "no session", page: next, program: none},
		{route: route, outcome: "signed in", page: page, program: program, calls: "sessions.Get sessions.List"},
		{route: route, outcome: "dead session", page: next, program: none, calls: "sessions.Get"},
		{route: route, outcome: "different cookies", page: next, program: none},
		{route: route, outcome: "malformed cookie", page: next, program: none},
		{route: route, outcome: "session store down", page: problemPage(503, outage).with("Retry-After", "5"),
			program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Get"},
		{route: route, outcome: "account store down", page: page, program: program, calls: "sessions.Get sessions.List"},
		{route: route, outcome: "the list cannot be had", given: func(r *fixture) string {
			cookie := r.signIn()
			r.hooks["sessions.List"] = down
			return cookie
		}, page: problemPage(503, outage).with("Retry-After", "5"), program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Get sessions.List"},
		{route: route, outcome: "idle, and the password was given long ago", given: stale, page: page,
			program: jsonAnswer(strings.Replace(`{"sessions":[`+current+`]}`, `last_seen_at":"2000-01-01T00:00`, `last_seen_at":"2000-01-01T00:15`, 1)),
			calls:   "sessions.Get sessions.Touch sessions.List"},
	}
}

func revokeRows() []row {
	const route = "POST /sessions/{id}/revoke"
	unknownPage, unknownProgram := problemPage(404, notYours), problemAnswer(404, notYours)
	toDevices, done := redirectAnswer("/sessions"), newAnswer(204, "")
	signedInWith := func(prepare func(*fixture)) func(*fixture) string {
		return func(r *fixture) string {
			prepare(r)
			return r.signIn()
		}
	}
	return append(refusals(route), []row{
		{route: route, outcome: "signed in", page: unknownPage, program: unknownProgram, calls: "sessions.Get sessions.Delete"},
		{route: route, outcome: "account store down", page: unknownPage, program: unknownProgram, calls: "sessions.Get sessions.Delete"},
		{route: route, outcome: "another device", given: signedInWith(signInElsewhere), page: toDevices, program: done, calls: "sessions.Get sessions.Delete"},
		{route: route, outcome: "just within the window", given: func(r *fixture) string {
			signInElsewhere(r)
			return fresh(r)
		}, page: toDevices, program: done, calls: "sessions.Get sessions.Touch sessions.Delete"},
		{route: route, outcome: "the password was given again", given: func(r *fixture) string {
			cookie := recentlyReauthenticated(r)
			signInElsewhere(r)
			return cookie
		}, page: toDevices, program: done, calls: "sessions.Get sessions.Touch sessions.Delete"},
		{route: route, outcome: "this device", given: func(r *fixture) string {
			cookie := r.signIn()
			r.id = r.newest("alice-id").ID
			return cookie
		}, page: signedOutPage, program: signedOutProgram, calls: "sessions.Get sessions.Delete"},
		{route: route, outcome: "another user's", given: signedInWith(func(r *fixture) { r.id = r.otherUsersID() }),
			page: unknownPage, program: unknownProgram, calls: "sessions.Get sessions.Delete"},
		{route: route, outcome: "one that expired", given: func(r *fixture) string {
			signInElsewhere(r)
			r.advance(30 * time.Minute)
			return r.signIn()
		}, page: unknownPage, program: unknownProgram, calls: "sessions.Get sessions.Delete"},
		{route: route, outcome: "one that was ended", given: signedInWith(func(r *fixture) {
			signInElsewhere(r)
			if err := r.sessions.Revoke(r.t.Context(), "alice-id", r.id); err != nil {
				r.t.Fatal(err)
			}
		}), page: unknownPage, program: unknownProgram, calls: "sessions.Get sessions.Delete"},
		{route: route, outcome: "malformed", given: signedInWith(func(r *fixture) { r.id = unknownID + "A" }),
			page: unknownPage, program: unknownProgram, calls: "sessions.Get"},
		{route: route, outcome: "malformed, and the password was given long ago", given: func(r *fixture) string {
			r.id = "x"
			return stale(r)
		}, page: reauthenticatePage, program: reauthenticateProgram, calls: "sessions.Get sessions.Touch"},
		{route: route, outcome: "it cannot be ended", given: signedInWith(func(r *fixture) {
			signInElsewhere(r)
			r.hooks["sessions.Delete"] = down
		}), page: problemPage(503, outage).with("Retry-After", "5"), program: problemAnswer(503, outage).with("Retry-After", "5"), calls: "sessions.Get sessions.Delete"},
	}...)
}

func revokeOthersRows() []row {
	const route = "POST /sessions/revoke-others"
	toDevices, done := redirectAnswer("/sessions"), newAnswer(204, "")
	return append(refusals(route), []row{
		{route: route, outcome: "signed in", page: toDevices, program: done, calls: "sessions.Get sessions.List"},
		{route: route, outcome: "account store down", page: toDevices, program: done, calls: "sessions.Get sessions.List"},
		{route: route, outcome: "with others", given: withOthers, page: toDevices, program: done,
			calls: "sessions.Get sessions.List sessions.Delete sessions.Delete"},
		{route: route, outcome: "they cannot be ended", given: func(r *fixture) string {
			r.hooks["sessions.Delete"] = down
			return withOthers(r)
		}, page: problemPage(503, outage).with("Retry-After", "5"), program: problemAnswer(503, outage).with("Retry-After", "5"),
			calls: "sessions.Get sessions.List sessions.Delete sessions.Delete"},
	}...)
}

func revokeAllRows() []row {
	const route = "POST /sessions/revoke-all"
	return append(refusals(route), []row{
		{route: route, outcome: "signed in", page: signedOutPage, program: signedOutProgram, calls: "sessions.Get sessions.List sessions.Delete"},
		{route: route, outcome: "account store down", page: signedOutPage, program: signedOutProgram, calls: "sessions.Get sessions.List sessions.Delete"},
		{route: route, outcome: "with others", given: withOthers, page: signedOutPage, program: signedOutProgram,
			calls: "sessions.Get sessions.List sessions.Delete sessions.Delete sessions.Delete"},
		{route: route, outcome: "they cannot be ended", given: func(r *fixture) string {
			r.hooks["sessions.Delete"] = down
			return r.signIn()
		}, page: problemPage(503, outage).with("Retry-After", "5"), program: problemAnswer(503, outage).with("Retry-After", "5"),
			calls: "sessions.Get sessions.List sessions.Delete"},
	}...)
}

func withOthers(r *fixture) string {
	r.signIn()
	cookie := r.signIn()
	r.signIn()
	return cookie
}
