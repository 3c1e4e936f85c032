package signin

import (
	"context"
	"net/http/httptest"
	"strings"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/session"
)

const (
	newPhrase     = "a much better phrase than before"
	wrongPassword = "The password is wrong."
	busy          = "This account is being changed just now. Try again in a moment."
	conflict      = "Another request changed your session at the same moment. Try again."
	noPreferences = "Your account keeps no preferences here. You are still signed in."

	tooManyCookies = "The request has too many session cookies. You are still signed in; delete this site's cookies in your browser."
)

// guardedRows are the rows of a route that needs a session, for requests that have
// none.
func guardedRows(route, form, json string) []row {
	method, path, _ := strings.Cut(route, " ")
	next := "%2Fprofile"
	if method == "GET" {
		next = strings.ReplaceAll(path, "/", "%2F")
	}
	toLogin, signIn := redirectAnswer("/login?next="+next), problemAnswer(401, signInFirst)
	all := []row{
		{outcome: "no session", page: toLogin, program: signIn},
		{outcome: "dead session", page: toLogin, program: signIn, calls: "sessions.Get"},
		{outcome: "different cookies", page: toLogin, program: signIn},
		{outcome: "malformed cookie", page: toLogin, program: signIn},
		{outcome: "session store down", page: downPage(), program: downProgram(), calls: "sessions.Get"},
	}
	for i := range all {
		all[i].route, all[i].form, all[i].json = route, form, json
	}
	return all
}

func downPage() answer    { return problemPage(503, outage).with("Retry-After", "5") }
func downProgram() answer { return problemAnswer(503, outage).with("Retry-After", "5") }

// passwordPageRows are the rows of the pages that ask a signed-in user for the
// password.
func passwordPageRows() (all []row) {
	for route, heading := range map[string]string{"GET /reauthenticate": "Confirm it is you", "GET /password": "Change password"} {
		page := pageAnswer(200, heading)
		all = append(all, guardedRows(route, "", "")...)
		all = append(all,
			row{route: route, outcome: "signed in", page: page, program: page, calls: "sessions.Get"},
			row{route: route, outcome: "account store down", page: page, program: page, calls: "sessions.Get"})
	}
	return all
}

func reauthenticateRows() []row {
	const route = "POST /reauthenticate"
	const right, rightBody = "password=correct+horse+battery+staple", `{"password":"correct horse battery staple"}`
	const wrong, wrongBody = "password=incorrect+horse+battery+staple", `{"password":"incorrect horse battery staple"}`
	heading := "Confirm it is you"
	signedIn := states["signed in"]
	renewed, toHome := newAnswer(204, "").with("Set-Cookie", newCookie), refreshAnswer("/profile", newCookie)
	return append(guardedRows(route, right, rightBody), []row{
		{route: route, outcome: "signed in", form: right, json: rightBody, page: toHome, program: renewed,
			calls: "sessions.Get accounts.Get sessions.Update", attempts: succeededAgain},
		{route: route, outcome: "next", given: signedIn, form: right + "&next=%2Fsessions", json: rightBody,
			page: refreshAnswer("/sessions", newCookie), program: renewed,
			calls: "sessions.Get accounts.Get sessions.Update", attempts: succeededAgain},
		{route: route, outcome: "account store down", form: right, json: rightBody, page: downPage(), program: downProgram(),
			calls: "sessions.Get accounts.Get", attempts: withdrawnAgain},
		{route: route, outcome: "wrong password", given: signedIn, form: wrong, json: wrongBody,
			page: pageAnswer(401, heading, wrongPassword), program: problemAnswer(401, wrongPassword), calls: "sessions.Get accounts.Get", attempts: failedAgain},
		{route: route, outcome: "another user's account by now", given: func(r *fixture) string {
			cookie := r.signIn()
			r.accounts.edit = func(a *accounts.Account) { a.UserID = "another-id" }
			return cookie
		}, form: right, json: rightBody, page: pageAnswer(401, heading, wrongPassword), program: problemAnswer(401, wrongPassword),
			calls: "sessions.Get accounts.Get", attempts: failedAgain},
		{route: route, outcome: "ended meanwhile", given: func(r *fixture) string {
			cookie := r.signIn()
			r.hooks["accounts.Get"] = func() error { return r.revokeAll() }
			return cookie
		}, form: right, json: rightBody, page: redirectAnswer("/login?next=%2Fprofile"), program: problemAnswer(401, signInFirst),
			calls: "sessions.Get accounts.Get sessions.Update", attempts: succeededAgain},
		{route: route, outcome: "sent twice at once", given: (*fixture).signInAndRenewMeanwhile, form: right, json: rightBody,
			page: pageAnswer(409, heading, conflict), program: problemAnswer(409, conflict),
			calls: "sessions.Get accounts.Get sessions.Update sessions.Get", attempts: succeededAgain},
		{route: route, outcome: "no password", given: signedIn, form: "password=", json: `{"password":""}`,
			page: pageAnswer(401, heading, wrongPassword), program: problemAnswer(401, wrongPassword), calls: "sessions.Get accounts.Get", attempts: failedAgain},
		{route: route, outcome: "field missing", given: signedIn, form: "next=%2F", json: `{}`,
			page: pageAnswer(400, heading, `The field "password" is missing.`), program: problemAnswer(400, `The field "password" is missing.`), calls: "sessions.Get"},
		{route: route, outcome: "cross-site", given: signedIn, change: crossSite, form: right, json: rightBody,
			page: problemPage(403, foreign), program: problemAnswer(403, foreign)},
	}...)
}

func passwordRows() []row {
	const route = "POST /password"
	form := func(current, next string) string {
		return "current_password=" + strings.ReplaceAll(current, " ", "+") + "&new_password=" + strings.ReplaceAll(next, " ", "+")
	}
	json := func(current, next string) string {
		return `{"current_password":"` + current + `","new_password":"` + next + `"}`
	}
	right, rightBody := form(phrase, newPhrase), json(phrase, newPhrase)
	const heading, short = "Change password", "The password is shorter than 15 characters; choose a longer one."
	const whole = "sessions.Get accounts.Get accounts.Update sessions.Update sessions.List accounts.Update"
	signedIn := states["signed in"]
	toHome := refreshAnswer("/profile", newCookie)
	frozen := func(until time.Duration) func(r *fixture) string {
		return func(r *fixture) string {
			cookie := r.signIn()
			r.accounts.edit = func(a *accounts.Account) { a.FrozenUntil = time.Now().Add(until) }
			return cookie
		}
	}
	return append(guardedRows(route, right, rightBody), []row{
		{route: route, outcome: "signed in", form: right, json: rightBody, page: toHome, program: newAnswer(204, "").with("Set-Cookie", newCookie),
			calls: whole, attempts: succeededAgain},
		{route: route, outcome: "signed in elsewhere too", given: func(r *fixture) string { r.signIn(); return r.signIn() }, form: right, json: rightBody,
			page: toHome, program: newAnswer(204, "").with("Set-Cookie", newCookie),
			calls: strings.Replace(whole, "List", "List sessions.Delete", 1), attempts: succeededAgain},
		{route: route, outcome: "account store down", form: right, json: rightBody, page: downPage(), program: downProgram(),
			calls: "sessions.Get accounts.Get", attempts: withdrawnAgain},
		{route: route, outcome: "wrong password", given: signedIn, form: form(wrongPhrase, newPhrase), json: json(wrongPhrase, newPhrase),
			page: pageAnswer(401, heading, wrongPassword), program: problemAnswer(401, wrongPassword), calls: "sessions.Get accounts.Get", attempts: failedAgain},
		{route: route, outcome: "renewed meanwhile", given: (*fixture).signInAndRenewMeanwhile, form: right, json: rightBody,
			page: pageAnswer(409, heading, conflict), program: problemAnswer(409, conflict),
			calls: "sessions.Get accounts.Get accounts.Update sessions.Update sessions.Get sessions.List accounts.Update", attempts: succeededAgain},
		{route: route, outcome: "weak new password", given: signedIn, form: form(phrase, "too short"), json: json(phrase, "too short"),
			page: pageAnswer(400, heading, short), program: problemAnswer(400, short), calls: "sessions.Get"},
		{route: route, outcome: "being changed", given: frozen(time.Hour), form: right, json: rightBody,
			page: problemPage(503, busy).with("Retry-After", "5"), program: problemAnswer(503, busy).with("Retry-After", "5"),
			calls: "sessions.Get accounts.Get", attempts: withdrawnAgain},
		{route: route, outcome: "field missing", given: signedIn, form: "new_password=x", json: `{"new_password":"x"}`,
			page: pageAnswer(400, heading, `The field "current_password" is missing.`), program: problemAnswer(400, `The field "current_password" is missing.`), calls: "sessions.Get"},
		{route: route, outcome: "cross-site", given: signedIn, change: crossSite, form: right, json: rightBody,
			page: problemPage(403, foreign), program: problemAnswer(403, foreign)},
	}...)
}

func preferencesRows() []row {
	const route, form, json = "POST /preferences", "theme=dark", `{"theme":"dark"}`
	signedIn := states["signed in"]
	badTheme := `The field "theme" must be one of ["system" "light" "dark"].`
	badLanguage := `The language must be system or a BCP 47 tag, such as en or pt-BR.`
	unknown := `There is a field that does not belong here; expected: ["theme" "language"].`
	missing := `The field "theme" is missing.`
	const set = "sessions.Get accounts.SetPreferences"
	const whole = set + " sessions.Update"
	refused := func(outcome, form, json, detail string) row {
		return row{route: route, outcome: outcome, given: signedIn, form: form, json: json,
			page: problemPage(400, detail), program: problemAnswer(400, detail), calls: "sessions.Get"}
	}
	return append(guardedRows(route, form, json), []row{
		{route: route, outcome: "signed in", form: form, json: json, page: redirectAnswer("/profile"), program: newAnswer(204, ""), calls: whole},
		{route: route, outcome: "both", given: signedIn, form: "theme=system&language=system", json: `{"theme":"light","language":"en"}`,
			page: redirectAnswer("/profile"), program: newAnswer(204, ""), calls: whole},
		{route: route, outcome: "languages that no page has", given: signedIn, form: "language=pt-br", json: `{"language":"zh-hant-tw"}`,
			page: redirectAnswer("/profile"), program: newAnswer(204, ""), calls: whole},
		{route: route, outcome: "account store down", form: form, json: json, page: downPage(), program: downProgram(), calls: set},
		{route: route, outcome: "account gone", given: func(r *fixture) string {
			cookie := r.signIn()
			r.deleteAccount("alice")
			return cookie
		}, form: form, json: json, page: problemPage(404, noPreferences), program: problemAnswer(404, noPreferences), calls: set},
		{route: route, outcome: "another user's account by now", given: func(r *fixture) string {
			cookie := r.signIn()
			r.deleteAccount("alice")
			r.addAccount(&accounts.Account{Name: "alice", Username: "alice", UserID: "another-id"})
			return cookie
		}, form: form, json: json, page: problemPage(404, noPreferences), program: problemAnswer(404, noPreferences), calls: set},
		{route: route, outcome: "renewed meanwhile", given: (*fixture).signInAndRenewMeanwhile, form: form, json: json,
			page: problemPage(409, conflict), program: problemAnswer(409, conflict), calls: whole + " sessions.Get"},
		refused("unknown theme", "theme=pink", `{"theme":"pink"}`, badTheme),
		refused("theme in another case", "theme=Dark", `{"theme":"Dark"}`, badTheme),
		refused("no language", "language=", `{"language":""}`, badLanguage),
		refused("malformed language", "language=english+please", `{"language":"english please"}`, badLanguage),
		refused("endless language", "language=en"+strings.Repeat("-abcde", 6), `{"language":"en`+strings.Repeat("-abcde", 6)+`"}`, badLanguage),
		refused("another field", "theme=dark&roles=admin", `{"theme":"dark","roles":"admin"}`, unknown),
		refused("nothing", "next=%2F", `{}`, missing),
		{route: route, outcome: "cross-site", given: signedIn, change: crossSite, form: form, json: json,
			page: problemPage(403, foreign), program: problemAnswer(403, foreign)},
	}...)
}

// signInAndRenewMeanwhile returns a session's cookie. While the account is in use, another
// request renews this session.
func (r *fixture) signInAndRenewMeanwhile() string {
	cookie := r.signIn()
	renewed := false
	hook := func() error {
		if renewed {
			return nil
		}
		renewed = true
		behind, err := session.New(r.stores.sessions, session.Config{})
		if err != nil {
			return err
		}
		s, err := behind.Load(with(get("/profile"), "Cookie", cookie))
		if err != nil {
			return err
		}
		return behind.Renew(context.Background(), httptest.NewRecorder(), s)
	}
	r.hooks["accounts.Get"], r.hooks["accounts.SetPreferences"] = hook, hook
	return cookie
}

// revokeAll ends alice's sessions. Its calls are not recorded.
func (r *fixture) revokeAll() error {
	behind, err := session.New(r.stores.sessions, session.Config{})
	if err != nil {
		return err
	}
	return behind.RevokeAll(context.Background(), "alice-id")
}
