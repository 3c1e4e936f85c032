package signin

import (
	"net/http"
	"slices"
	"strings"
)

// Redirect makes a client load to with GET: a path of this site, or a whole URL of another
// site that the program itself has chosen. What comes with a request goes through [LocalPath]
// before. The answer is 303. A browser gets a page that loads to by a Refresh header if the
// answer sets a cookie, or if to is on another site: a form may have been sent before, and
// Chromium follows no redirect after it that form-action does not allow.
//
// The reason why a cookie makes a difference is the back button. Chromium keeps a page that
// was left in memory, also one that must not be stored, and drops it when a cookie changes.
// But if answers on the way to that page, redirects included, changed a cookie, Chromium
// lets one later change of it pass. So after a redirect that signs in, Back shows the
// profile of a user who has logged out. What Refresh loads is a navigation of its own, and
// no answer on that way sets a cookie. An answer that only clears cookies leads to the login
// page, which has nothing private, and is 303 like all others.
func Redirect(w http.ResponseWriter, r *http.Request, to string) {
	h := w.Header()
	leaves := !strings.HasPrefix(to, "/")
	if !WantsPage(r) || !leaves && !slices.ContainsFunc(h["Set-Cookie"], keepsCookie) {
		h.Set("Location", to)
		writeStatus(w, http.StatusSeeOther)
		return
	}
	h.Set("Refresh", "0; url="+to)
	writePage(w, r, http.StatusOK, "redirect", Page{Title: "redirect.title", Data: to})
}

// keepsCookie reports whether a Set-Cookie header leaves the browser with a cookie, and
// does not clear one.
func keepsCookie(header string) bool {
	c, err := http.ParseSetCookie(header)
	return err != nil || c.MaxAge >= 0
}
