package signin

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const passwordPath = "/password"

type passwordChange struct {
	sessions  *session.Manager
	passwords authn.PasswordChanger
}

// Password returns the routes of /password. A new password ends all sessions of the
// user except the one that sets it. That session gets a new token. All devices of the
// user are strangers then, except the one that sets it. That device gets a new cookie.
func Password(sessions *session.Manager, passwords authn.PasswordChanger) Routes {
	c := passwordChange{sessions, passwords}
	return Routes{
		"GET /password":  sessions.Require(http.HandlerFunc(c.show)).ServeHTTP,
		"POST /password": sessions.Require(http.HandlerFunc(c.submit)).ServeHTTP,
	}
}

func (c passwordChange) show(w http.ResponseWriter, r *http.Request) {
	c.write(w, r, http.StatusOK, "")
}

func (c passwordChange) write(w http.ResponseWriter, r *http.Request, status int, problem string) {
	s := session.FromContext(r.Context())
	writePage(w, r, status, "password", pageOf(s, passwordPath, "Change password", struct {
		passwordForm
		MinCharacters int
	}{passwordForm{Username: s.Values[valueUsername], Problem: problem}, c.passwords.MinCharacters()}))
}

func (c passwordChange) submit(w http.ResponseWriter, r *http.Request) {
	form, err := fields(r, "current_password", "new_password")
	if err == nil {
		err = c.change(w, r, form["current_password"], form["new_password"])
	}
	if err != nil {
		writeFormError(w, r, err, func(problem *refusal) { c.write(w, r, problem.status, problem.detail) })
		return
	}
	writeSuccess(w, r, homePath)
}

func (c passwordChange) change(w http.ResponseWriter, r *http.Request, current, next string) error {
	ctx := r.Context()
	s := session.FromContext(ctx)
	if err := c.passwords.CheckNew(next, s.Values[valueUsername]); err != nil {
		return badRequest("%s", sentence(err))
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
	slog.InfoContext(ctx, "authn_password_change", "user_id", s.UserID, "session_id", s.ID, "ip", clientip.Of(r))
	return nil
}

// sentence returns the text of err as a sentence for people.
func sentence(err error) string {
	first, size := utf8.DecodeRuneInString(err.Error())
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(err.Error()[size:], ".") + "."
}
