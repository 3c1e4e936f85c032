package signin

import (
	"context"
	"errors"
	"net/http"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const passwordPath = "/password"

// changePath is where password managers look for the page that changes the password
// (W3C, A Well-Known URL for Changing Passwords).
const changePath = "/.well-known/change-password"

type passwordChange struct {
	sessions  *session.Manager
	passwords authn.PasswordChanger
}

// Password returns the routes of /password, and of the address at which password
// managers look for it, /.well-known/change-password. A new password ends all sessions of the
// user except the one that sets it. That session gets a new token. All devices of the
// user are strangers then, except the one that sets it. That device gets a new cookie.
// Sessions with [authn.ValueNoPassword] are refused.
func Password(sessions *session.Manager, passwords authn.PasswordChanger) Routes {
	c := passwordChange{sessions, passwords}
	return Routes{
		"GET " + changePath: func(w http.ResponseWriter, r *http.Request) { Redirect(w, r, passwordPath) },
		"GET /password":     sessions.Require(withPassword(c.show)).ServeHTTP,
		"POST /password":    sessions.Require(withPassword(c.submit)).ServeHTTP,
	}
}

func withPassword(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hasPassword(session.FromContext(r.Context())) {
			fail(w, r, errNoPassword)
			return
		}
		next(w, r)
	})
}

// passwordPage is the data of the page.
type passwordPage struct {
	passwordForm
	MinCharacters int // how long a new password must be
}

func (c passwordChange) show(w http.ResponseWriter, r *http.Request) {
	c.write(w, r, http.StatusOK, "")
}

func (c passwordChange) write(w http.ResponseWriter, r *http.Request, status int, problem string) {
	s := session.FromContext(r.Context())
	writePage(w, r, status, "password", Page{"password.title", passwordPath, passwordPage{
		passwordForm{Username: s.Values[authn.ValueUsername], Problem: problem}, c.passwords.MinCharacters(),
	}})
}

func (c passwordChange) submit(w http.ResponseWriter, r *http.Request) {
	form, err := Fields(r, "current_password", "new_password")
	if err == nil {
		err = c.change(w, r, form["current_password"], form["new_password"])
	}
	if err != nil {
		writeFormError(w, r, err, func(problem *refusal) { c.write(w, r, problem.status, problem.in(r)) })
		return
	}
	writeSuccess(w, r, homePath)
}

func (c passwordChange) change(w http.ResponseWriter, r *http.Request, current, next string) error {
	ctx := r.Context()
	s := session.FromContext(ctx)
	if err := c.passwords.CheckNew(next, s.Values[authn.ValueUsername]); err != nil {
		return refusedNew(err)
	}
	proof, err := reauthenticate(c.passwords, r, s, current)
	if err != nil {
		return err
	}
	err = c.passwords.ChangePassword(ctx, proof, next, func(ctx context.Context) error {
		return c.sessions.ReauthenticateAlone(ctx, w, s)
	})
	if err != nil {
		return err
	}
	if device := proof.NewDevice(); device != "" {
		setDeviceCookie(w, device)
	}
	events.Log(ctx, log(ctx), "authn_password_change", "user_id", s.UserID, "session_id", s.ID)
	return nil
}

// rules are the keys of the texts about the rules for new passwords.
var rules = map[authn.Rule]string{
	authn.TooLong:     "password_rule.too_long",
	authn.NotUTF8:     "password_rule.not_utf8",
	authn.TooShort:    "password_rule.too_short",
	authn.Common:      "password_rule.common",
	authn.Patterns:    "password_rule.patterns",
	authn.Words:       "password_rule.words",
	authn.Names:       "password_rule.names",
	authn.Runs:        "password_rule.runs",
	authn.Repetitions: "password_rule.repetitions",
}

// refusedNew returns the answer to an error of [authn.PasswordChanger].CheckNew.
func refusedNew(err error) error {
	var known *authn.NewPasswordError
	switch {
	case !errors.As(err, &known) || rules[known.Rule] == "":
		return badRequest("password_rule.reason", "reason", err.Error())
	case known.Limit > 0:
		return badRequest(rules[known.Rule], "n", known.Limit)
	}
	return badRequest(rules[known.Rule])
}

func hasPassword(s *session.Session) bool { return s.Values[authn.ValueNoPassword] == "" }
