package signin

import (
	"net/http"

	"example.com/coatcheck/pkg/session"
)

// Logout returns the route of /logout. It answers the same whether or not there
// was a session to end.
func Logout(sessions *session.Manager) Routes {
	return Routes{"POST /logout": func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(w, r); err != nil {
			Fail(w, r, err)
			return
		}
		leave(w, r)
	}}
}

// leave answers a request after which the browser has no session any more.
func leave(w http.ResponseWriter, r *http.Request) {
	// Not "cookies": that would clear those of sibling applications too (ASVS 14.3.1).
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	done(w, r, "/login")
}
