package signin

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

type reauthentication struct {
	sessions      *session.Manager
	authenticator authn.Authenticator
	elsewhere     func(w http.ResponseWriter, r *http.Request, next string)
}

// Reauthenticate returns the routes of /reauthenticate, where a signed-in user gives
// the password again.
//
// Users whose session has [authn.ValueNoPassword] cannot do that, and nobody can if
// authenticator is nil. If elsewhere is not nil, it answers their GET. It usually redirects to
// whoever proves them, and asks for a new proof. When the user is back, and is the same one,
// the program calls [session.Manager.ReauthenticateAt] and leads the browser to next, a path of
// this site. That is better not done by a redirect: [session.Manager.Create] says why. If
// elsewhere is nil, they are led to /sso/again, of [SSO], and if the site has no provider, the
// answer says that signing out and in again helps.
func Reauthenticate(sessions *session.Manager, authenticator authn.Authenticator, elsewhere func(w http.ResponseWriter, r *http.Request, next string)) Routes {
	a := reauthentication{sessions, authenticator, elsewhere}
	routes := Routes{"GET /reauthenticate": sessions.Require(http.HandlerFunc(a.show)).ServeHTTP}
	if authenticator != nil {
		routes["POST /reauthenticate"] = sessions.Require(http.HandlerFunc(a.submit)).ServeHTTP
	}
	return routes
}

// passwordForm is the data of the pages that ask a signed-in user for the password.
type passwordForm struct{ Username, Next, Problem string }

func (a reauthentication) show(w http.ResponseWriter, r *http.Request) {
	next := LocalPath(r.URL.Query().Get("next"))
	switch {
	case a.authenticator != nil && hasPassword(session.FromContext(r.Context())):
		a.write(w, r, http.StatusOK, next, "")
	case a.elsewhere != nil:
		a.elsewhere(w, r, next)
	case pagesOf(r.Context()).site.Provider != "":
		Redirect(w, r, withNext(againPath, next))
	default:
		fail(w, r, errSignInAgain)
	}
}

func (a reauthentication) write(w http.ResponseWriter, r *http.Request, status int, next, problem string) {
	s := session.FromContext(r.Context())
	writePage(w, r, status, "reauthenticate", Page{"reauthenticate.title", r.URL.Path, passwordForm{s.Values[authn.ValueUsername], next, problem}})
}

func (a reauthentication) submit(w http.ResponseWriter, r *http.Request) {
	if !hasPassword(session.FromContext(r.Context())) {
		fail(w, r, errSignInAgain)
		return
	}
	form, err := Fields(r, "password")
	if err == nil {
		err = a.renew(w, r, form["password"])
	}
	if err != nil {
		writeFormError(w, r, err, func(problem *refusal) {
			a.write(w, r, problem.status, LocalPath(form["next"]), problem.in(r))
		})
		return
	}
	writeSuccess(w, r, LocalPath(form["next"]))
}

func (a reauthentication) renew(w http.ResponseWriter, r *http.Request, password string) error {
	ctx := r.Context()
	s := session.FromContext(ctx)
	proof, err := reauthenticate(a.authenticator, r, s, password)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { proof.Succeed(ctx) })
	err = a.sessions.Reauthenticate(ctx, w, s)
	wg.Wait()
	if err == nil {
		events.Log(ctx, log(ctx), "authn_reauthentication_success", "user_id", s.UserID, "session_id", s.ID)
	}
	return err
}

// reauthenticate checks the password of a signed-in user. The attempt is counted for
// the user. If the name belongs to another user now, the right password of that user is
// refused too.
func reauthenticate(authenticator authn.Authenticator, r *http.Request, s *session.Session, password string) (authn.Proof, error) {
	a := attempt(r, s.Values[authn.ValueUsername], password)
	a.UserID = s.UserID
	proof, err := authenticator.Authenticate(r.Context(), a)
	if err == nil && proof.User().ID != s.UserID {
		err = &authn.RefusedError{UserID: s.UserID, Reason: "changed"}
	}
	if errors.Is(err, authn.ErrRefused) {
		err = fmt.Errorf("%w: %w", errPassword, err)
	}
	return proof, err
}

// writeSuccess answers a successful write whose answer has no body.
func writeSuccess(w http.ResponseWriter, r *http.Request, next string) {
	if WantsPage(r) {
		Redirect(w, r, next)
		return
	}
	writeStatus(w, http.StatusNoContent)
}
