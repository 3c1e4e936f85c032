package signin

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	beginPath       = "/sso"
	againPath       = "/sso/again"
	leavePath       = "/sso/logout"
	unnamedProvider = "OpenID" // what the pages call a provider without a name
)

type sso struct {
	sessions *session.Manager
	provider authn.Provider
	options  Options
}

// SSO returns the routes of a sign-in at a provider: /sso begins it, at /sso/callback the
// browser comes back, at /sso/again a signed-in user proves again who they are, and
// /sso/logout leads to the provider's own logout. The provider itself posts to /sso/ended
// what has ended there. A site that has these routes names the provider in
// [site.Site.Provider]; then the login page, /reauthenticate and every logout lead here.
//
// Who may sign in is for the provider alone to say: these routes believe what it says.
//
// A sign-in begins and ends only in a navigation of a whole window: no image, no frame and
// no prefetch of another site's page begins one or uses one up.
func SSO(sessions *session.Manager, provider authn.Provider, o Options) Routes {
	x := sso{sessions, provider, o}
	return Routes{
		"GET /sso":          x.begin,
		"GET /sso/callback": x.finish,
		"GET /sso/again":    sessions.Require(http.HandlerFunc(x.again)).ServeHTTP,
		"GET /sso/logout":   x.leave,
		"POST /sso/ended":   x.ended,
	}
}

// mayTravel reports whether the answer is shown in a whole window. Browsers that do not say
// so (Fetch Metadata) may travel too: what a begin sets, they refuse from an image. The
// filters of mail and chat programs send HEAD, which must use up nothing.
func mayTravel(r *http.Request) bool {
	h := r.Header
	return r.Method == http.MethodGet && h.Get("Sec-Purpose") == "" && h.Get("Purpose") == "" &&
		cmp.Or(h.Get("Sec-Fetch-Mode"), "navigate") == "navigate" && cmp.Or(h.Get("Sec-Fetch-Dest"), "document") == "document"
}

// isOwnLink reports whether no page of another site has made the browser send the request.
func isOwnLink(r *http.Request) bool {
	from := r.Header.Get("Sec-Fetch-Site")
	return from == "" || from == "same-origin" || from == "none"
}

// begin leads the browser to the provider. A link on another site may do that, as it may
// lead to any page: who comes back is whom the provider knows. Whether the user stays signed
// in is chosen on the login page alone.
func (x sso) begin(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	x.travel(w, r, authn.Trip{Next: LocalPath(query.Get("next")), Stay: query.Get("stay") == "true" && isOwnLink(r)})
}

// again does the same for a user who is signed in. Nobody else can come back.
func (x sso) again(w http.ResponseWriter, r *http.Request) {
	x.travel(w, r, authn.Trip{Next: LocalPath(r.URL.Query().Get("next")), UserID: session.FromContext(r.Context()).UserID})
}

func (x sso) travel(w http.ResponseWriter, r *http.Request, t authn.Trip) {
	if !mayTravel(r) {
		x.fail(w, r, t, errNoWindow)
		return
	}
	to, err := x.provider.Begin(w, r, t)
	if err != nil {
		x.fail(w, r, t, err)
		return
	}
	Redirect(w, r, to)
}

// finish ends a trip: it signs in, or renews the session of a user who proves it again.
func (x sso) finish(w http.ResponseWriter, r *http.Request) {
	if !mayTravel(r) {
		x.fail(w, r, authn.Trip{Next: homePath}, errNoWindow)
		return
	}
	trip, arrival, err := x.provider.Finish(w, r)
	trip.Next = LocalPath(trip.Next)
	switch {
	case err != nil:
	case trip.UserID != "":
		err = x.renew(w, r, trip, arrival)
	default:
		err = x.signIn(w, r, trip, arrival)
	}
	if err != nil {
		x.fail(w, r, trip, err)
	}
}

// signIn makes the session. There is no receipt as after a password: the provider has
// recognised the browser by a cookie, so it keeps cookies.
func (x sso) signIn(w http.ResponseWriter, r *http.Request, t authn.Trip, a authn.Arrival) error {
	ctx := r.Context()
	user, err := a.User().SessionUser(r, x.options.Values)
	if err != nil {
		return err
	}
	user.Persistent = t.Stay
	user.Announce = func(ctx context.Context, key session.Key) error { return x.announce(ctx, a, key) }
	user.Confirm = func(ctx context.Context) error { return endedThere(a.Confirm(ctx)) }
	s, err := x.sessions.Create(w, r, user)
	if err != nil {
		return err
	}
	pagesOf(ctx).site.ClearLegacyCookies(w) // they may be another user's
	markProvider(w)
	events.Log(ctx, log(ctx), "authn_login_success", "user_id", s.UserID, "session_id", s.ID, "provider", providerName(r))
	if WantsPage(r) {
		Redirect(w, r, t.Next)
	} else {
		WriteJSON(w, http.StatusOK, signedIn(s))
	}
	return nil
}

// announce announces the session with that key. It ends at once the one that the same session
// at the provider had here before: from now on no notice leads to that one, whatever becomes
// of the new one.
func (x sso) announce(ctx context.Context, a authn.Arrival, key session.Key) error {
	if err := a.Announce(ctx, key); err != nil {
		return endedThere(err)
	}
	if before := a.Replaced(); before != key {
		return x.endOne(session.WithCause(ctx, session.Cause{Reason: "replaced"}), before)
	}
	return nil
}

// endedThere returns the error of an arrival whose session at the provider may have ended.
func endedThere(err error) error {
	if errors.Is(err, authn.ErrRefused) {
		return errEndedThere
	}
	return err
}

// renew renews the session of the user for whom the trip began. The session must be that
// user's still, and nobody else may have come back. It is announced first, so that the end
// of the new session at the provider finds it. What ended before that is refused there or
// has ended the session, so nothing has to be confirmed.
func (x sso) renew(w http.ResponseWriter, r *http.Request, t authn.Trip, a authn.Arrival) error {
	ctx := session.WithClient(r.Context(), r)
	s, err := x.sessions.Load(r)
	if err != nil {
		return err
	}
	if s.UserID != t.UserID || a.User().ID != t.UserID {
		return errOtherUser
	}
	if err := x.announce(ctx, a, s.Key()); err != nil {
		return err
	}
	if err := x.sessions.ReauthenticateAt(ctx, w, s, a.User().AuthenticatedAt); err != nil {
		return err
	}
	events.Log(ctx, log(ctx), "authn_reauthentication_success", "user_id", s.UserID, "session_id", s.ID, "provider", providerName(r))
	writeSuccess(w, r, t.Next)
	return nil
}

// leave leads the browser to the provider's logout, and from there to the login page. Our
// own session has ended before, at /logout: so leave reads nothing.
func (x sso) leave(w http.ResponseWriter, r *http.Request) {
	origin := cmp.Or(pagesOf(r.Context()).site.Origin, "https://"+r.Host)
	to, err := x.provider.SignOutURL(r.Context(), origin+loginPath)
	switch {
	case err != nil:
		report(w, r, err)
		answer := errLeft
		if x.sessions.HasCookie(r) { // who was refused at the provider has not logged out here
			answer = errAway
		}
		x.write(w, r, answer, waysOut{Again: leavePath, AgainKey: "sso.retry", Back: loginPath, BackKey: "sso.login"})
	case to == "":
		Redirect(w, r, loginPath)
	default:
		Redirect(w, r, to)
	}
}

// ended ends what the provider has ended (OpenID Connect Back-Channel Logout 1.0, section
// 2.8). A notice that comes again finds nothing, and is answered as the first.
func (x sso) ended(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	e, err := x.provider.Ended(r)
	if errors.Is(err, authn.ErrUntrusted) {
		events.Log(ctx, log(ctx), "authn_notice_untrusted", "provider", providerName(r), "error", err.Error())
		errNotice.write(w, r)
		return
	}
	if err == nil {
		err = x.end(ctx, e)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	args := []any{"provider", providerName(r)}
	if e.UserID != "" {
		args = append(args, "user_id", e.UserID)
	} else {
		args = append(args, "session_id", e.Session.ID)
	}
	events.Log(ctx, log(ctx), "authn_ended_by_provider", args...)
	writeStatus(w, http.StatusOK)
}

func (x sso) end(ctx context.Context, e authn.Ended) error {
	ctx = session.WithCause(ctx, session.Cause{Reason: "provider"})
	if e.UserID != "" {
		return x.sessions.RevokeAll(ctx, e.UserID)
	}
	return x.endOne(ctx, e.Session)
}

// endOne ends the session with that key, if there is one.
func (x sso) endOne(ctx context.Context, key session.Key) error {
	if key == (session.Key{}) {
		return nil
	}
	if err := x.sessions.RevokeKey(ctx, key); !errors.Is(err, session.ErrNoSession) {
		return err
	}
	return nil
}

// waysOut is the data of the page of a trip that has failed: what was wrong, and two links.
type waysOut struct{ Provider, Detail, Again, AgainKey, Back, BackKey string }

// fail answers a trip that has failed. Nobody is signed in by it.
func (x sso) fail(w http.ResponseWriter, r *http.Request, t authn.Trip, err error) {
	out := waysOut{Again: withNext(beginPath, t.Next), AgainKey: "sso.begin", Back: withNext(loginPath, t.Next), BackKey: "sso.login"}
	if t.UserID != "" {
		out.Again, out.Back, out.BackKey = withNext(againPath, t.Next), homePath, "problem.home"
	}
	answer := report(w, r, err)
	switch answer {
	case errSignIn: // the session for which the trip began has ended
		if WantsPage(r) {
			Redirect(w, r, withNext(signInPath(r), t.Next))
			return
		}
	case errRefused, errOtherUser: // the provider would send the same user again
		out.Again, out.AgainKey = leavePath, "sso.leave"
		if answer = errNotHere; t.UserID != "" {
			answer = errOtherUser
		}
	case errOutage:
		answer, out.AgainKey = errAway, "sso.retry"
	}
	x.write(w, r, answer, out)
}

// write writes the answer as JSON, or as a page that leads on.
func (x sso) write(w http.ResponseWriter, r *http.Request, answer *refusal, out waysOut) {
	if !WantsPage(r) {
		answer.write(w, r)
		return
	}
	out.Provider, out.Detail = providerName(r), answer.in(r)
	writePage(w, r, answer.status, "sso", Page{Title: "problem.title", Data: out})
}

// providerName returns what the pages call the provider.
func providerName(r *http.Request) string {
	return cmp.Or(pagesOf(r.Context()).site.Provider, unnamedProvider)
}

// providerCookie is there if the last sign-in in this browser was one at the provider. By
// it a logout knows, without reading anything, that it goes on there.
const providerCookie = "__Host-PROVIDER"

func markProvider(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: providerCookie, Value: "1", Path: "/", MaxAge: deviceMaxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// isMarked reports whether the request has the cookie of markProvider, and the site a
// provider still.
func isMarked(r *http.Request) bool {
	return pagesOf(r.Context()).site.Provider != "" && len(r.CookiesNamed(providerCookie)) > 0
}

// unmarkProvider removes the cookie of markProvider, if the request has it.
func unmarkProvider(w http.ResponseWriter, r *http.Request) {
	if len(r.CookiesNamed(providerCookie)) > 0 {
		http.SetCookie(w, &http.Cookie{Name: providerCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}

// afterLogout returns where a browser goes after a logout: to the login page, by way of the
// provider if the sign-in was there. A program stays.
func afterLogout(w http.ResponseWriter, r *http.Request) string {
	marked := isMarked(r)
	unmarkProvider(w, r)
	if marked {
		return leavePath
	}
	return loginPath
}
