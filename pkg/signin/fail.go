package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// refusal is an error that the client gets as the answer: a status and a text for
// people.
type refusal struct {
	status int
	detail string
}

func (e *refusal) Error() string { return e.detail }

var (
	errNotFound       = &refusal{http.StatusNotFound, "There is nothing at this address."}
	errOtherType      = &refusal{http.StatusUnsupportedMediaType, "Send application/json or application/x-www-form-urlencoded, in UTF-8."}
	errTooLarge       = &refusal{http.StatusRequestEntityTooLarge, "The request is larger than 8 KB."}
	errBroken         = &refusal{http.StatusInternalServerError, "Something went wrong on our side. Try again in a moment."}
	errOutage         = &refusal{http.StatusServiceUnavailable, "We cannot reach our records just now. Nothing is lost; try again in a moment."}
	errSignIn         = &refusal{http.StatusUnauthorized, "Sign in first."}
	errRefused        = &refusal{http.StatusUnauthorized, "The username or password is wrong."}
	errPassword       = &refusal{http.StatusUnauthorized, "The password is wrong."}
	errLocked         = &refusal{http.StatusTooManyRequests, "There were too many failed attempts, so this name is locked until the operator unlocks it."}
	errUserLocked     = &refusal{http.StatusTooManyRequests, "There were too many wrong passwords in your sessions. Sign out and sign in again, or ask the operator to unlock your name."}
	errBusy           = &refusal{http.StatusServiceUnavailable, "This account is being changed just now. Try again in a moment."}
	errRole           = &refusal{http.StatusForbidden, "Your account may not do this."}
	errReauthenticate = &refusal{http.StatusForbidden, "Give your password again first, at /reauthenticate."}
	errNotYours       = &refusal{http.StatusNotFound, "You have no such session; it may have ended already."}
	errNoPreferences  = &refusal{http.StatusNotFound, "Your account keeps no preferences here. You are still signed in."}
	errConflict       = &refusal{http.StatusConflict, "Another request changed your session at the same moment. Try again."}
	errCookies        = &refusal{http.StatusBadRequest, "The request has too many session cookies. You are still signed in; delete this site's cookies in your browser."}
)

// Fail answers a request that failed with err. It can also be used as the
// ErrorHandler of [session.Config].
func Fail(w http.ResponseWriter, r *http.Request, err error) { report(w, r, err).write(w, r) }

// report logs err, sets the Retry-After header if the error needs one, and returns
// the answer to err. Statuses are chosen from errors only here.
func report(w http.ResponseWriter, r *http.Request, err error) *refusal {
	answer := answerTo(err)
	logFailure(r, answer, err)
	if refused := (*authn.ThrottledError)(nil); errors.As(err, &refused) {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refused.RetryAfter.Seconds()))))
	}
	return answer
}

// write sends the answer: a page or a redirect to a browser, JSON to a program.
func (e *refusal) write(w http.ResponseWriter, r *http.Request) {
	switch {
	case e == errReauthenticate && wantsPage(r):
		redirect(w, "/reauthenticate?"+url.Values{"next": {devicesPath}}.Encode())
	case e == errReauthenticate:
		writeTypedProblem(w, "reauthentication-required", e.status, e.detail)
	case !wantsPage(r):
		writeProblem(w, e.status, e.detail)
	case e == errSignIn:
		next := homePath
		if isSafeMethod(r.Method) {
			next = localPath(r.URL.RequestURI())
		}
		redirect(w, "/login?"+url.Values{"next": {next}}.Encode())
	default:
		writePage(w, r, e.status, "problem", page{Title: http.StatusText(e.status), Data: e.detail})
	}
}

func answerTo(err error) *refusal {
	var known *refusal
	var tooMany *authn.ThrottledError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooMany) && tooMany.Locked && tooMany.By == "user":
		return errUserLocked
	case errors.As(err, &tooMany) && tooMany.Locked:
		return errLocked
	case errors.As(err, &tooMany):
		return &refusal{http.StatusTooManyRequests, "There were too many attempts to sign in. Try again in " + inWords(tooMany.RetryAfter) + "."}
	case errors.Is(err, session.ErrNoSession):
		return errSignIn
	case errors.Is(err, session.ErrForbidden):
		return errRole
	case errors.Is(err, authn.ErrRefused):
		return errRefused
	case errors.Is(err, authn.ErrBusy):
		return errBusy
	case errors.Is(err, session.ErrConflict):
		return errConflict
	case errors.Is(err, session.ErrTooManyCookies):
		return errCookies
	case errors.Is(err, session.ErrInvalid):
		return errBroken
	}
	return errOutage
}

// logFailure logs err. A client that hangs up cancels its request, and with it the calls
// to the stores. These fail, but that is no outage. The end of the request's time is
// one.
func logFailure(r *http.Request, answer *refusal, err error) {
	ctx, method, path := r.Context(), r.Method, r.URL.Path
	switch {
	case answer == errOutage && errors.Is(ctx.Err(), context.Canceled):
		slog.InfoContext(ctx, "client_gone", "method", method, "path", path, "error", err.Error())
	case answer == errBusy:
		slog.InfoContext(ctx, "account_busy", "method", method, "path", path)
	case answer.status >= http.StatusInternalServerError:
		slog.ErrorContext(ctx, "sys_failure", "method", method, "path", path, "status", answer.status, "error", err.Error())
	case answer.status == http.StatusTooManyRequests:
		slog.WarnContext(ctx, "excess_rate_limit_exceeded", "method", method, "path", path, "ip", clientip.Of(r), "error", err.Error())
	case answer == errRefused, answer == errPassword:
		slog.WarnContext(ctx, "authn_login_fail", "method", method, "path", path, "ip", clientip.Of(r))
	case answer == errRole:
		slog.WarnContext(ctx, "authz_fail", "method", method, "path", path, "ip", clientip.Of(r))
	case answer.status == http.StatusBadRequest, answer.status == http.StatusRequestEntityTooLarge, answer.status == http.StatusUnsupportedMediaType:
		slog.InfoContext(ctx, "input_validation_fail", "method", method, "path", path, "status", answer.status, "ip", clientip.Of(r))
	}
}

// inWords returns a wait in words. It rounds the wait up to whole seconds, or to
// whole minutes if it is longer than 90 seconds.
func inWords(wait time.Duration) string {
	n, unit := int(math.Ceil(wait.Seconds())), "second"
	if n > 90 {
		n, unit = int(math.Ceil(wait.Minutes())), "minute"
	}
	if n == 1 {
		return "a " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// redirect makes a browser load a local path with GET.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	writeStatus(w, http.StatusSeeOther)
}
