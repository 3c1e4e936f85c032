package signin

import (
	"net/http"
	"slices"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// redirect makes a browser load a local path with GET. The answer is 303, or, if it sets
// a cookie, a page that loads the path by a Refresh header.
//
// The reason is the back button. Chromium keeps a page that was left in memory, also
// one that must not be stored, and drops it when a cookie changes. But if answers on
// the way to that page, redirects included, changed a cookie, Chromium lets one later
// change of it pass. So after a redirect that signs in, Back shows the profile of a
// user who has logged out. What Refresh loads is a navigation of its own, and no answer
// on that way sets a cookie. An answer that only clears cookies leads to the login page,
// which has nothing private, and is 303 like all others.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	if slices.ContainsFunc(w.Header()["Set-Cookie"], keepsCookie) {
		refresh(w, r, to)
		return
	}
	w.Header().Set("Location", to)
	writeStatus(w, http.StatusSeeOther)
}

// refresh shows a page that makes the browser load a URL, as a navigation of its own.
func refresh(w http.ResponseWriter, r *http.Request, to string) {
	p := page{Title: "redirect.title", Data: to}
	if s := session.FromContext(r.Context()); s != nil {
		p.Theme = s.Values[authn.ValueTheme]
	}
	w.Header().Set("Refresh", "0; url="+to)
	writePage(w, r, http.StatusOK, "redirect", p)
}

// keepsCookie reports whether a Set-Cookie header leaves the browser with a cookie, and
// does not clear one.
func keepsCookie(header string) bool {
	c, err := http.ParseSetCookie(header)
	return err != nil || c.MaxAge >= 0
}
