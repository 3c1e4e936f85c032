package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"example.com/coatcheck/internal/accounts"
	"example.com/coatcheck/internal/respond"
	"example.com/coatcheck/pkg/session"
)

// The session's Values, copied from the account at login so that no later
// request reads the users table.
const (
	valueUsername    = "username"
	valueDisplayName = "display_name"
	valueTheme       = "theme"
	valueLanguage    = "language"
)

type login struct {
	sessions  *session.Manager
	directory *accounts.Directory
}

// Login returns the routes of /login.
func Login(sessions *session.Manager, directory *accounts.Directory) Routes {
	l := login{sessions, directory}
	return Routes{
		"GET /login":  l.show,
		"POST /login": l.submit,
	}
}

// loginForm is what the login page shows.
type loginForm struct{ Username, Next, Problem string }

func (l login) show(w http.ResponseWriter, r *http.Request) {
	writeLoginPage(w, http.StatusOK, loginForm{Next: localPath(r.URL.Query().Get("next"))})
}

func writeLoginPage(w http.ResponseWriter, status int, form loginForm) {
	writePage(w, status, "login", page{Title: "Sign in", Data: form})
}

func (l login) submit(w http.ResponseWriter, r *http.Request) {
	form, err := fields(r, "username", "password")
	if err != nil {
		Fail(w, r, err)
		return
	}
	s, err := l.signIn(w, r, form["username"], form["password"])
	switch {
	case errors.Is(err, accounts.ErrRefused) && wantsPage(r):
		writeLoginPage(w, errRefused.status, loginForm{form["username"], localPath(form["next"]), errRefused.detail})
	case err != nil:
		Fail(w, r, err)
	case wantsPage(r):
		redirect(w, localPath(form["next"]))
	default:
		respond.JSON(w, http.StatusOK, signedIn(s))
	}
}

func (l login) signIn(w http.ResponseWriter, r *http.Request, username, password string) (*session.Session, error) {
	ctx := r.Context()
	s, err := l.start(w, r, username, password)
	switch {
	case err == nil:
		slog.InfoContext(ctx, "authn_login_success", "user_id", s.UserID, "session_id", s.ID, "ip", s.IP, "user_agent", s.UserAgent)
	case errors.Is(err, accounts.ErrRefused):
		slog.WarnContext(ctx, "authn_login_fail", "ip", clientIP(r))
	}
	return s, err
}

// start checks the credentials and makes the session.
func (l login) start(w http.ResponseWriter, r *http.Request, username, password string) (*session.Session, error) {
	account, err := l.directory.Authenticate(r.Context(), username, password)
	if err != nil {
		return nil, err
	}
	return l.sessions.Create(w, r, session.User{
		ID:      account.UserID,
		Roles:   account.Roles,
		Values:  values(account),
		Confirm: func(ctx context.Context) error { return l.directory.Recheck(ctx, account) },
	})
}

func values(a *accounts.Account) map[string]string {
	v := map[string]string{valueUsername: a.Username, valueDisplayName: a.DisplayName}
	for _, key := range []string{valueTheme, valueLanguage} {
		if setting := a.Preferences[key]; setting != "" {
			v[key] = setting
		}
	}
	return v
}

// signedIn is what a program is told after a login.
func signedIn(s *session.Session) any {
	type user struct {
		UserID      string   `json:"user_id"`
		Username    string   `json:"username"`
		DisplayName string   `json:"display_name"`
		Roles       []string `json:"roles"`
	}
	type handle struct {
		ID         string    `json:"id"`
		SignedInAt time.Time `json:"signed_in_at"`
		ExpiresAt  time.Time `json:"expires_at"`
	}
	return struct {
		User    user   `json:"user"`
		Session handle `json:"session"`
	}{
		user{s.UserID, s.Values[valueUsername], s.Values[valueDisplayName], notNil(s.Roles)},
		handle{s.ID, s.AuthenticatedAt, s.ExpiresAt},
	}
}

// notNil makes JSON say [] rather than null.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
