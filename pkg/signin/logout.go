package signin

import (
	"net/http"

	"example.com/coatcheck/pkg/session"
)

// Logout returns the route of /logout. The answer is the same whether or not there
// was a session to end. Where sessions of a monolith move to this site, it goes on at
// /convert/end, of [Convert]. After a sign-in at a provider it goes on there, by
// /sso/logout, of [SSO].
func Logout(sessions *session.Manager) Routes {
	return Routes{"POST /logout": func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(w, r); err != nil {
			fail(w, r, err)
			return
		}
		signedOut(w, r)
	}}
}

// signedOut answers a request that has ended the session of its user. If the client has a
// cookie of the monolith too, the answer sends it to /convert/end by 307, again by POST:
// only the function there can read that cookie. Otherwise the cookie would sign the user
// in again at the next page.
func signedOut(w http.ResponseWriter, r *http.Request) {
	if !pagesOf(r.Context()).site.HasLegacyCookie(r) {
		writeSuccess(w, r, afterLogout(w, r))
		return
	}
	w.Header().Set("Location", endConvertPath)
	writeStatus(w, http.StatusTemporaryRedirect)
}
