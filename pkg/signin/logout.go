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
		writeSuccess(w, r, loginPath)
	}}
}
