package signin

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	convertPath    = "/convert"
	endConvertPath = "/convert/end"
)

// whyOf says why answers to a browser lead to the login page, and whys has the keys of the
// texts there. To visitors who were never signed in there is nothing to say.
var (
	whyOf = map[*refusal]string{errMoved: "moved", errNoClaim: "again", errNobody: "new"}
	whys  = map[string]string{"moved": "login.moved", "again": "login.again"}
)

type conversion struct {
	sessions  *session.Manager
	converter authn.Converter
}

// Convert returns the routes of /convert, where users who are signed in at a monolith get
// a session of ours, and of /convert/end, where a logout ends what they have there. A
// site that has them names the monolith's cookies in [site.Site.LegacyCookies].
//
// Only a POST converts, or a GET that is a navigation of a whole window. Any other GET
// shows a page with one button. Otherwise an image on any site could convert: the browser
// would refuse our cookie in that answer, and the user would be signed out.
func Convert(sessions *session.Manager, converter authn.Converter) Routes {
	c := conversion{sessions, converter}
	return Routes{
		"GET /convert":      c.convert,
		"POST /convert":     c.convert,
		"POST /convert/end": c.end,
	}
}

func (c conversion) convert(w http.ResponseWriter, r *http.Request) {
	next := LocalPath(r.URL.Query().Get("next"))
	s, err := c.sessions.Load(r)
	switch {
	case err == nil:
		c.arrive(w, r, s, next)
	case !errors.Is(err, session.ErrNoSession):
		fail(w, r, err)
	case !mayConvert(r):
		c.ask(w, r, next)
	default:
		c.start(w, r, next)
	}
}

// mayConvert reports whether the user wants what the request does: it is a POST, which
// no other site can send, or the browser shows the answer in a window and says so (Fetch
// Metadata). A link on another site may lead here, as it may lead to any page. Browsers that
// fetch a page before anybody wants it say so too.
func mayConvert(r *http.Request) bool {
	h := r.Header
	return r.Method == http.MethodPost || r.Method == http.MethodGet &&
		h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document" && h.Get("Sec-Purpose") == "" && h.Get("Purpose") == ""
}

// ask shows a page with one button, which converts.
func (c conversion) ask(w http.ResponseWriter, r *http.Request, next string) {
	if !WantsPage(r) {
		failMethod(w, r, http.MethodPost)
		return
	}
	writePage(w, r, http.StatusOK, "convert", Page{Title: "convert.title", Data: withNext(convertPath, next)})
}

func (c conversion) start(w http.ResponseWriter, r *http.Request, next string) {
	s, err := c.converter.Convert(w, r)
	if err != nil {
		c.fail(w, r, err, next)
		return
	}
	pagesOf(r.Context()).site.ClearLegacyCookies(w)
	unmarkProvider(w, r)
	c.arrive(w, r, s, next)
}

// arrive answers a client that has a session, as a login does.
func (c conversion) arrive(w http.ResponseWriter, r *http.Request, s *session.Session, next string) {
	if WantsPage(r) {
		Redirect(w, r, next)
		return
	}
	WriteJSON(w, http.StatusOK, signedIn(s))
}

// fail answers a request that got no session. What leads to the login page never leads
// back here, because that page says why, and asks for the password. Only a cookie that is
// good for nothing any more is cleared: the monolith may still know the others.
func (c conversion) fail(w http.ResponseWriter, r *http.Request, err error, next string) {
	answer := report(w, r, err)
	if answer == errMoved {
		pagesOf(r.Context()).site.ClearLegacyCookies(w)
	}
	switch {
	case answer == errConverting:
		retry(w, r, withNext(convertPath, next))
	case whyOf[answer] != "" && WantsPage(r):
		Redirect(w, r, loginPath+"?"+url.Values{"why": {whyOf[answer]}}.Encode()+"&"+url.Values{"next": {next}}.Encode())
	default:
		answer.write(w, r)
	}
}

// retry makes a client come back in a second, when another request of it has got a
// session. A page does so by itself, by GET, also after a POST.
func retry(w http.ResponseWriter, r *http.Request, to string) {
	if !WantsPage(r) {
		w.Header().Set("Retry-After", "1")
		errConverting.write(w, r)
		return
	}
	w.Header().Set("Refresh", "1; url="+to)
	writePage(w, r, http.StatusOK, "redirect", Page{Title: "redirect.title", Data: to})
}

// end is the second part of a logout whose browser has a cookie of the monolith: see
// signedOut.
func (c conversion) end(w http.ResponseWriter, r *http.Request) {
	if err := c.converter.End(r); err != nil {
		fail(w, r, err)
		return
	}
	pagesOf(r.Context()).site.ClearLegacyCookies(w)
	writeSuccess(w, r, afterLogout(w, r))
}

// signInPath returns where a browser without a live session gets one: the login page, or
// /convert if it has a cookie of the monolith. A dead cookie of ours makes no difference:
// whoever signs in here loses the monolith's cookies, and whoever signs in there loses
// ours. So the monolith's cookie, where there is one, is of the user who came last.
func signInPath(r *http.Request) string {
	if pagesOf(r.Context()).site.HasLegacyCookie(r) {
		return convertPath
	}
	return loginPath
}

// withNext returns a path of ours whose query says which page comes next.
func withNext(path, next string) string { return path + "?" + url.Values{"next": {next}}.Encode() }

// signedInAt returns when the user of s last gave a password. It returns nil if nobody
// knows: the session continues one of a monolith that did not say.
func signedInAt(s *session.Session) *time.Time {
	if s.AuthenticatedAt.Unix() <= 0 {
		return nil
	}
	return &s.AuthenticatedAt
}
