package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const loginPath = "/login"

// Options say what a sign-in does beside what it always does. The zero Options are ready
// for production.
type Options struct {
	// Values, if not nil, returns what a new session keeps in its Values beside those of
	// the user: see [authn.ValuesFunc].
	Values authn.ValuesFunc
}

type login struct {
	sessions      *session.Manager
	authenticator authn.Authenticator
	options       Options
}

// Login returns the routes of /login. If the site has a provider, its page leads there too:
// see [SSO]. If authenticator is nil, it leads nowhere else, and nobody signs in by a
// password. The page never goes to the provider by itself: who has just logged out, or was
// refused there, would come back at once.
func Login(sessions *session.Manager, authenticator authn.Authenticator, o Options) Routes {
	l := login{sessions, authenticator, o}
	routes := Routes{"GET /login": l.show}
	if authenticator != nil {
		routes["POST /login"] = l.submit
	}
	return routes
}

// loginForm is the data of the login page.
type loginForm struct {
	Username, Next string
	Problem        string // what is wrong with the name or the password
	Notice         string // the key of what else is wrong

	OffersStay bool // whether the user may choose to stay signed in
	Stay       bool // what the user has chosen

	HasForm  bool   // whether a name and a password sign in
	Provider string // at which users sign in; "" if there is none
}

// show shows the login page. After a login it may have a receipt, by which it finds out
// whether the browser keeps cookies.
func (l login) show(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if l.mayContinue(r, query) {
		Redirect(w, r, withNext(convertPath, LocalPath(query.Get("next"))))
		return
	}
	form := loginForm{Next: LocalPath(query.Get("next")), Notice: whys[query.Get("why")]}
	if receipt := query.Get("kept"); receipt != "" {
		kept, err := l.sessions.Redeem(r, receipt)
		switch {
		case kept:
			Redirect(w, r, form.Next)
			return
		case err == nil:
			form.Notice = "login.no_cookie"
			// On this machine it is likely that somebody tries the product with Safari,
			// which keeps a Secure cookie from https alone.
			if isHere(&pagesOf(r.Context()).site, r.Host) {
				form.Notice = "login.no_cookie_here"
			}
		case !errors.Is(err, session.ErrNoSession):
			fail(w, r, err)
			return
		}
	}
	l.writePage(w, r, http.StatusOK, form)
}

// mayContinue reports whether the request may have a session of the monolith that can
// continue here. The monolith's own pages lead to this one, because its cookie signs nobody
// in there any more. Who comes from /convert does not go back, and who has a cookie of ours
// is asked for the password: a page may lead here that wants another user.
func (l login) mayContinue(r *http.Request, query url.Values) bool {
	return !query.Has("why") && !query.Has("kept") && !l.sessions.HasCookie(r) && pagesOf(r.Context()).site.HasLegacyCookie(r)
}

func (l login) writePage(w http.ResponseWriter, r *http.Request, status int, form loginForm) {
	form.OffersStay, form.HasForm = l.sessions.OffersPersistent(), l.authenticator != nil
	if form.Provider = pagesOf(r.Context()).site.Provider; !form.HasForm {
		form.Provider = providerName(r)
	}
	writePage(w, r, status, "login", Page{Title: "login.title", Data: form})
}

func (l login) submit(w http.ResponseWriter, r *http.Request) {
	form, stay, err := loginFields(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	s, err := l.signIn(w, r, form["username"], form["password"], stay)
	if err != nil {
		writeFormError(w, r, err, func(problem *refusal) {
			l.writePage(w, r, problem.status, loginForm{Username: form["username"], Next: LocalPath(form["next"]), Problem: problem.in(r), Stay: stay})
		})
		return
	}
	if WantsPage(r) {
		Redirect(w, r, l.landing(r, s, LocalPath(form["next"])))
		return
	}
	WriteJSON(w, http.StatusOK, signedIn(s))
}

// landing returns the path that the browser loads after the login of s. It is next if the
// browser has sent a cookie of ours, because then it keeps them. Otherwise it is the
// login page with a receipt for s, which leads to next or says what is wrong.
func (l login) landing(r *http.Request, s *session.Session, next string) string {
	if l.sessions.HasCookie(r) || len(r.CookiesNamed(deviceCookie)) > 0 {
		return next
	}
	return loginPath + "?" + url.Values{"kept": {l.sessions.Receipt(s)}, "next": {next}}.Encode()
}

// writeFormError answers a form that failed with err. If the person can correct the
// mistake, it calls show, which shows the form again with the problem. Otherwise it
// sends the answer to err.
func writeFormError(w http.ResponseWriter, r *http.Request, err error, show func(problem *refusal)) {
	answer := report(w, r, err)
	switch {
	case !WantsPage(r), answer == errSignIn, answer.status == http.StatusForbidden, answer.status >= http.StatusInternalServerError:
		answer.write(w, r)
	default:
		show(answer)
	}
}

// signIn checks the name and the password, creates the session and logs the sign-in.
func (l login) signIn(w http.ResponseWriter, r *http.Request, username, password string, stay bool) (*session.Session, error) {
	ctx := r.Context()
	proof, err := l.authenticator.Authenticate(ctx, attempt(r, username, password))
	if err != nil {
		return nil, err
	}
	s, err := l.start(w, r, proof, stay)
	if err != nil {
		return nil, err
	}
	pagesOf(ctx).site.ClearLegacyCookies(w) // they may be another user's
	unmarkProvider(w, r)                    // a logout ends nothing there that another user has
	device := proof.NewDevice()
	isNew := device != "" && !proof.KnownDevice()
	if isNew {
		setDeviceCookie(w, device)
	}
	logSignIn(ctx, s, isNew, proof.Failures())
	return s, nil
}

// logSignIn logs a sign-in as one event, and what somebody may want to look at as others.
func logSignIn(ctx context.Context, s *session.Session, newDevice bool, failures int) {
	events.Log(ctx, log(ctx), "authn_login_success", "user_id", s.UserID, "session_id", s.ID, "new_device", newDevice, "failures", failures)
	if failures > 0 {
		events.Log(ctx, log(ctx), "authn_login_successafterfail", "user_id", s.UserID, "session_id", s.ID, "failures", failures)
	}
	if newDevice {
		events.Log(ctx, log(ctx), "authn_login_new_device", "user_id", s.UserID, "session_id", s.ID)
	}
}

// start makes the session of the user in proof. An error that is a refusal counts as a
// wrong password, whoever refuses; after any other the attempt has not counted.
func (l login) start(w http.ResponseWriter, r *http.Request, proof authn.Proof, stay bool) (s *session.Session, err error) {
	user, err := proof.User().SessionUser(r, l.options.Values)
	if err == nil && strings.HasPrefix(user.ID, authn.OpenIDPrefix) {
		err = fmt.Errorf("%w: an Authenticator has given the user ID %q, as only users of a provider have", session.ErrInvalid, user.ID)
	}
	if err == nil {
		user.Persistent, user.Confirm = stay, proof.Confirm
		s, err = l.sessions.Create(w, r, user)
	}
	if err != nil && !errors.Is(err, authn.ErrRefused) {
		proof.Withdraw(r.Context())
	}
	return s, err
}

// attempt returns the attempt that the request makes. The client's address and device
// cookie are in it, because attempts are counted for them.
func attempt(r *http.Request, username, password string) authn.Attempt {
	return authn.Attempt{Username: username, Password: password, Address: clientip.Of(r), Device: device(r)}
}

// signedIn returns the JSON that a program gets after a login.
func signedIn(s *session.Session) any {
	type user struct {
		UserID      string   `json:"user_id"`
		Username    string   `json:"username"`
		DisplayName string   `json:"display_name"`
		Roles       []string `json:"roles"`
	}
	type newSession struct {
		ID         string     `json:"id"`
		SignedInAt *time.Time `json:"signed_in_at"` // null if nobody knows
		ExpiresAt  time.Time  `json:"expires_at"`
	}
	return struct {
		User    user       `json:"user"`
		Session newSession `json:"session"`
	}{
		user{s.UserID, s.Values[authn.ValueUsername], s.Values[authn.ValueDisplayName], notNil(s.Roles)},
		newSession{s.ID, signedInAt(s), s.ExpiresAt},
	}
}

// notNil makes the JSON of an empty list [] and not null.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
