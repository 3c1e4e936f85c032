package web

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"example.com/coatcheck/internal/accounts"
	"example.com/coatcheck/internal/respond"
	"example.com/coatcheck/pkg/session"
)

// refusal is an answer that names what the client did wrong, in words for people.
type refusal struct {
	status int
	detail string
}

func (e *refusal) Error() string { return e.detail }

var (
	errNotFound = &refusal{http.StatusNotFound, "There is nothing at this address."}
	errTooLarge = &refusal{http.StatusRequestEntityTooLarge, "The request is larger than 8 KB."}
	errBroken   = &refusal{http.StatusInternalServerError, "Something went wrong on our side. Try again in a moment."}
	errOutage   = &refusal{http.StatusServiceUnavailable, "We cannot reach our records just now. Nothing is lost; try again in a moment."}
	errSignIn   = &refusal{http.StatusUnauthorized, "Sign in first."}
	errRefused  = &refusal{http.StatusUnauthorized, "The username or password is wrong."}
	errRole     = &refusal{http.StatusForbidden, "Your account may not do this."}
)

// Fail answers a request that met err. It is the one place where errors become
// statuses, and is meant as [session.Config]'s ErrorHandler too.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := answerTo(err)
	logFailure(r, answer, err)
	if !wantsPage(r) {
		respond.Problem(w, answer.status, answer.detail)
		return
	}
	if answer == errSignIn {
		next := home
		if r.Method == http.MethodGet {
			next = localPath(r.URL.RequestURI())
		}
		redirect(w, "/login?"+url.Values{"next": {next}}.Encode())
		return
	}
	writePage(w, answer.status, "problem", page{Title: http.StatusText(answer.status), Data: answer.detail})
}

func answerTo(err error) *refusal {
	var known *refusal
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, session.ErrNoSession):
		return errSignIn
	case errors.Is(err, session.ErrForbidden):
		return errRole
	case errors.Is(err, accounts.ErrRefused):
		return errRefused
	case errors.Is(err, session.ErrInvalid):
		return errBroken
	}
	return errOutage
}

func logFailure(r *http.Request, answer *refusal, err error) {
	switch answer.status {
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		slog.ErrorContext(r.Context(), "sys_failure", "method", r.Method, "path", r.URL.Path, "status", answer.status, "error", err.Error())
	case http.StatusForbidden:
		slog.WarnContext(r.Context(), "authz_fail", "method", r.Method, "path", r.URL.Path, "ip", clientIP(r))
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		slog.InfoContext(r.Context(), "input_validation_fail", "method", r.Method, "path", r.URL.Path, "status", answer.status, "ip", clientIP(r))
	}
}

// redirect sends a browser to a local path by GET.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	respond.Status(w, http.StatusSeeOther)
}

func clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
