package signin

import (
	"net/http"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// Whoami returns the route by which another server at the same host, such as the monolith
// that this program takes routes from, asks who a user is: it forwards the user's cookie.
// The answer is JSON to everybody, also to a client that asks for a page: 200 says who,
// 401 that it is nobody, and whatever else that nobody knows.
//
// It costs one read, and a touch when one is due. The address and the browser of the
// request are the other server's, so none of them is compared or stored.
func Whoami(sessions *session.Manager) Routes {
	return Routes{"GET /whoami": func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.LoadForwarded(r)
		if err != nil {
			answer := report(w, r, err)
			writeProblem(w, answer.status, answer.Error())
			return
		}
		WriteJSON(w, http.StatusOK, whoami{
			s.UserID, s.Values[authn.ValueUsername], s.Values[authn.ValueDisplayName], notNil(s.Roles), s.ID, signedInAt(s), s.ExpiresAt,
		})
	}}
}

// whoami is an allow-list (ASVS 15.3.1): only these fields are sent.
type whoami struct {
	UserID          string     `json:"user_id"`
	Username        string     `json:"username"`
	DisplayName     string     `json:"display_name"`
	Roles           []string   `json:"roles"`
	SessionID       string     `json:"session_id"`
	AuthenticatedAt *time.Time `json:"authenticated_at"` // null if nobody knows
	ExpiresAt       time.Time  `json:"expires_at"`
}
