package signin

import (
	"net/http"

	"example.com/coatcheck/pkg/session"
)

// Logout returns the route of /logout. The answer is the same whether or not there
// was a session to end.
func Logout(sessions *session.Manager) Routes {
	return Routes{"POST /logout": func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(w, r); err != nil {
			Fail(w, r, err)
			return
		}
		writeSignedOut(w, r)
	}}
}

// writeSignedOut answers a request that ended the browser's own session.
func writeSignedOut(w http.ResponseWriter, r *http.Request) {
	// The value "cookies" is left out on purpose: it would also delete the cookies of
	// other applications on the same site (ASVS 14.3.1).
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	writeSuccess(w, r, "/login")
}
