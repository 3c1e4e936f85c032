package signin

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/texts"
)

// refusal is an error that the client gets as the answer: a status, and a text for
// people from the catalogue. A page shows the text in its own language. A program gets
// it in English, as all other parts of a problem document are.
type refusal struct {
	status int
	detail texts.Message
}

func (e *refusal) Error() string { return e.detail.String() }

// forPrograms returns the text as a program that has sent r gets it: in English.
func (e *refusal) forPrograms(r *http.Request) string {
	return e.detail.In(pagesOf(r.Context()).texts.English())
}

// in returns the text in the language of a page that answers r.
func (e *refusal) in(r *http.Request) string { return e.detail.In(languageOf(r)) }

// Refuse returns an error that [Pages.Fail] answers with the status, which must be one from
// 400 to 599, and with the text that has the key in the catalogue: a page in its own
// language, a problem document in English. The arguments are those of
// [texts.Language.Text].
func Refuse(status int, key string, args ...any) error { return refuse(status, key, args...) }

// refuse returns a refusal with the text that has the key: see [texts.Language.Text].
func refuse(status int, key string, args ...any) *refusal {
	return &refusal{status, texts.Message{Key: key, Args: args}}
}

func badRequest(key string, args ...any) error { return refuse(http.StatusBadRequest, key, args...) }

var (
	errNotFound       = refuse(http.StatusNotFound, "problem.not_found")
	errOtherType      = refuse(http.StatusUnsupportedMediaType, "problem.type")
	errTooLarge       = refuse(http.StatusRequestEntityTooLarge, "problem.too_large")
	errBroken         = refuse(http.StatusInternalServerError, "problem.broken")
	errOutage         = refuse(http.StatusServiceUnavailable, "problem.outage")
	errSignIn         = refuse(http.StatusUnauthorized, "problem.sign_in")
	errRefused        = refuse(http.StatusUnauthorized, "problem.refused")
	errPassword       = refuse(http.StatusUnauthorized, "problem.password")
	errLocked         = refuse(http.StatusTooManyRequests, "problem.locked")
	errUserLocked     = refuse(http.StatusTooManyRequests, "problem.user_locked")
	errBusy           = refuse(http.StatusServiceUnavailable, "problem.busy")
	errNotProxied     = refuse(http.StatusForbidden, "problem.not_proxied")
	errRole           = refuse(http.StatusForbidden, "problem.role")
	errReauthenticate = refuse(http.StatusForbidden, "problem.reauthenticate")
	errNoPassword     = refuse(http.StatusForbidden, "problem.no_password")
	errSignInAgain    = refuse(http.StatusForbidden, "problem.sign_in_again")
	errNotYours       = refuse(http.StatusNotFound, "problem.not_yours")
	errNoPreferences  = refuse(http.StatusNotFound, "problem.no_preferences")
	errConflict       = refuse(http.StatusConflict, "problem.conflict")
	errCookies        = refuse(http.StatusBadRequest, "problem.cookies")
	errNoClaim        = refuse(http.StatusUnauthorized, "problem.no_claim")
	errNobody         = refuse(http.StatusUnauthorized, "problem.no_claim") // to a program it is errNoClaim
	errMoved          = refuse(http.StatusUnauthorized, "problem.moved")
	errConverting     = refuse(http.StatusConflict, "problem.converting")
	errCancelled      = refuse(http.StatusUnauthorized, "problem.cancelled")
	errStale          = refuse(http.StatusBadRequest, "problem.stale")
	errUntrusted      = refuse(http.StatusUnauthorized, "problem.untrusted")
	errNotAsked       = refuse(http.StatusUnauthorized, "problem.not_asked")
	errNotHere        = refuse(http.StatusUnauthorized, "problem.not_here")
	errEndedThere     = refuse(http.StatusUnauthorized, "problem.ended_there")
	errOtherUser      = refuse(http.StatusForbidden, "problem.other_user")
	errAway           = refuse(http.StatusServiceUnavailable, "problem.away")
	errLeft           = refuse(http.StatusServiceUnavailable, "problem.left")
	errNoWindow       = refuse(http.StatusBadRequest, "problem.no_window")
	errNotice         = refuse(http.StatusBadRequest, "problem.notice")
)

// Fail answers a request that failed with err: an error of package session or authn, one
// of [Refuse], or any other, which is an outage. It is the ErrorHandler of
// [session.Config], in a program that has no [Pages.Handler] too.
func (p *Pages) Fail(w http.ResponseWriter, r *http.Request, err error) { fail(w, p.admit(r), err) }

func fail(w http.ResponseWriter, r *http.Request, err error) { report(w, r, err).write(w, r) }

// log returns the logger of the events of a request.
func log(ctx context.Context) *slog.Logger { return pagesOf(ctx).logger }

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

// write sends the answer: a page or a redirect to a browser, JSON to a program. It sets
// all headers, because Handler may not have set them, or a panic has cleared them.
func (e *refusal) write(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header(), r)
	switch {
	case e == errReauthenticate && WantsPage(r):
		Redirect(w, r, withNext("/reauthenticate", pageBefore(r)))
	case e == errReauthenticate:
		writeTypedProblem(w, "reauthentication-required", e.status, e.forPrograms(r))
	case !WantsPage(r):
		writeProblem(w, e.status, e.forPrograms(r))
	case e == errSignIn:
		Redirect(w, r, withNext(signInPath(r), pageBefore(r)))
	default:
		writePage(w, r, e.status, "problem", Page{Title: "problem.title", Data: e.in(r)})
	}
}

// pageBefore returns the page to which a browser comes back after its user has signed in
// or proved again who they are: the one that it asked for. A form cannot be sent again;
// those that end sessions are on the page of devices.
func pageBefore(r *http.Request) string {
	switch {
	case isSafeMethod(r.Method):
		return LocalPath(r.URL.RequestURI())
	case strings.HasPrefix(r.URL.Path, devicesPath+"/"):
		return devicesPath
	}
	return homePath
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
		return throttled(tooMany.RetryAfter)
	case errors.Is(err, clientip.ErrNoSecret):
		return errNotProxied
	case errors.Is(err, session.ErrNoSession):
		return errSignIn
	case errors.Is(err, session.ErrForbidden):
		return errRole
	case errors.Is(err, authn.ErrRefused):
		return errRefused
	case errors.Is(err, authn.ErrBusy):
		return errBusy
	case errors.Is(err, authn.ErrNobody):
		return errNobody
	case errors.Is(err, authn.ErrNoClaim):
		return errNoClaim
	case errors.Is(err, authn.ErrConverted):
		return errMoved
	case errors.Is(err, authn.ErrConverting):
		return errConverting
	case errors.Is(err, authn.ErrCancelled):
		return errCancelled
	case errors.Is(err, authn.ErrStale):
		return errStale
	case errors.Is(err, authn.ErrNotAsked):
		return errNotAsked
	case errors.Is(err, authn.ErrUntrusted):
		return errUntrusted
	case errors.Is(err, session.ErrConflict):
		return errConflict
	case errors.Is(err, session.ErrTooManyCookies):
		return errCookies
	case errors.Is(err, session.ErrNotRecent):
		return errReauthenticate
	case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrTooLate):
		return errBroken
	}
	return errOutage
}

// logFailure logs err. A client that hangs up cancels its request, and with it the calls
// to the stores. These fail, but that is no outage. The end of the request's time is
// one.
func logFailure(r *http.Request, answer *refusal, err error) {
	switch {
	case answer == errOutage && errors.Is(r.Context().Err(), context.Canceled):
		logRequest(r, "client_gone", "error", err.Error())
	case answer == errBusy:
		logRequest(r, "account_busy")
	case answer.status >= http.StatusInternalServerError:
		logRequest(r, "sys_failure", "status", answer.status, "error", err.Error())
	case answer.status == http.StatusTooManyRequests:
		logThrottled(r, err)
	case answer == errRefused, answer == errPassword:
		logRefused(r, err)
	case answer == errEndedThere:
		logRequest(r, "authn_login_fail", "reason", "ended_there")
	case answer == errUntrusted:
		logRequest(r, "authn_login_fail", "reason", "untrusted", "error", err.Error())
	case answer == errNotAsked:
		logRequest(r, "authn_login_fail", "reason", "not_asked", "error", err.Error())
	case answer == errRole:
		logRequest(r, "authz_fail", "reason", "role")
	case answer == errNotProxied:
		logRequest(r, "authz_fail", "reason", "not_proxied")
	case answer == errOtherUser:
		logRequest(r, "authz_fail", "reason", "other_user")
	case answer.status == http.StatusBadRequest, answer.status == http.StatusRequestEntityTooLarge, answer.status == http.StatusUnsupportedMediaType:
		logRequest(r, "input_validation_fail", "status", answer.status)
	}
}

// logRefused logs a refused attempt to sign in, or to give the password again, with what is
// known of whose it is. Nobody's name is logged: it may be a password in the wrong field.
func logRefused(r *http.Request, err error) {
	args := []any{"reason", "refused"}
	if refused, ok := errors.AsType[*authn.RefusedError](err); ok {
		args = append(userArgs(r, refused.UserID), "reason", refused.Reason)
	}
	logRequest(r, "authn_login_fail", args...)
}

func logThrottled(r *http.Request, err error) {
	args := []any{"error", err.Error()}
	if refused, ok := errors.AsType[*authn.ThrottledError](err); ok {
		args = append(args, "reason", refused.By, "locked", refused.Locked)
		args = append(args, userArgs(r, refused.UserID)...)
	}
	logRequest(r, "excess_rate_limit_exceeded", args...)
}

// userArgs returns the user_id of a request in which nobody is signed in.
func userArgs(r *http.Request, userID string) []any {
	if userID == "" || session.FromContext(r.Context()) != nil {
		return nil
	}
	return []any{"user_id", userID}
}

// logRequest logs an event that is about a request, with the user who is signed in.
func logRequest(r *http.Request, name string, args ...any) {
	ctx := r.Context()
	args = append([]any{"method", r.Method, "path", r.URL.Path}, args...)
	if s := session.FromContext(ctx); s != nil {
		args = append(args, "user_id", s.UserID, "session_id", s.ID)
	}
	events.Log(ctx, log(ctx), name, args...)
}

// throttled tells how long to wait, in whole seconds, or in whole minutes if it is longer
// than 90 seconds. It rounds the wait up.
func throttled(wait time.Duration) *refusal {
	if n := int(math.Ceil(wait.Seconds())); n <= 90 {
		return refuse(http.StatusTooManyRequests, "problem.throttled_seconds", "n", n)
	}
	return refuse(http.StatusTooManyRequests, "problem.throttled_minutes", "n", int(math.Ceil(wait.Minutes())))
}
