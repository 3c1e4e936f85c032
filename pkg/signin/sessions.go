package signin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
)

const devicesPath = "/sessions"

// devices shows users where they are signed in, and lets them end their sessions.
type devices struct{ sessions *session.Manager }

// Sessions returns the routes of /sessions. A user can end sessions only if they have
// given the password within the window. So a person who finds an open browser cannot
// sign the user out everywhere else (ASVS 7.5.2). Showing the sessions does not need
// the password.
func Sessions(sessions *session.Manager, window time.Duration) Routes {
	d := devices{sessions}
	return Routes{
		"GET /sessions":                sessions.Require(http.HandlerFunc(d.show)).ServeHTTP,
		"POST /sessions/{id}/revoke":   sessions.RequireRecent(window, http.HandlerFunc(d.revoke)).ServeHTTP,
		"POST /sessions/revoke-others": sessions.RequireRecent(window, http.HandlerFunc(d.revokeOthers)).ServeHTTP,
		"POST /sessions/revoke-all":    sessions.RequireRecent(window, http.HandlerFunc(d.revokeAll)).ServeHTTP,
	}
}

// sessionInfo holds the fields of a session that its user may see. It is an
// allow-list, as profile is. The first address and browser are those at login, the
// last ones those at the last touch.
type sessionInfo struct {
	ID            string    `json:"id"`
	CreatedAt     time.Time `json:"created_at"`
	LastSeenAt    time.Time `json:"last_seen_at"`
	IP            string    `json:"ip"`
	UserAgent     string    `json:"user_agent"`
	LastIP        string    `json:"last_ip"`
	LastUserAgent string    `json:"last_user_agent"`
	Current       bool      `json:"current"`
}

// Moved reports whether another client than at login has used the session.
func (i sessionInfo) Moved() bool { return i.LastIP != i.IP || i.LastUserAgent != i.UserAgent }

func (d devices) show(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	all, err := d.sessions.List(r.Context(), s.UserID)
	if err != nil {
		fail(w, r, err)
		return
	}
	infos := sessionInfos(all, s.ID)
	if WantsPage(r) {
		writePage(w, r, http.StatusOK, "sessions", Page{"menu.devices", devicesPath, infos})
		return
	}
	WriteJSON(w, http.StatusOK, struct {
		Sessions []sessionInfo `json:"sessions"`
	}{infos})
}

// sessionInfos returns the current session first. The other sessions follow, the last
// active one first.
func sessionInfos(all []*session.Session, current string) []sessionInfo {
	infos := make([]sessionInfo, 0, len(all))
	for _, s := range all {
		lastIP, lastUserAgent := s.LastClient()
		infos = append(infos, sessionInfo{s.ID, s.CreatedAt, s.LastSeenAt, s.IP, s.UserAgent, lastIP, lastUserAgent, s.ID == current})
	}
	slices.SortFunc(infos, func(a, b sessionInfo) int {
		switch {
		case a.Current:
			return -1
		case b.Current:
			return 1
		}
		return cmp.Or(b.LastSeenAt.Compare(a.LastSeenAt), b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return infos
}

// revoke ends one session. The answer is the same for another user's session, a
// session that has ended and a session that never existed.
func (d devices) revoke(w http.ResponseWriter, r *http.Request) {
	s, id := session.FromContext(r.Context()), r.PathValue("id")
	err := d.sessions.Revoke(r.Context(), s.UserID, id)
	switch {
	case errors.Is(err, session.ErrNoSession):
		fail(w, r, errNotYours)
	case err != nil:
		fail(w, r, err)
	case id == s.ID:
		d.sessions.ClearCookie(w)
		signedOut(w, r)
	default:
		writeSuccess(w, r, devicesPath)
	}
}

func (d devices) revokeOthers(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	if err := d.sessions.RevokeAll(r.Context(), s.UserID, s.ID); err != nil {
		fail(w, r, err)
		return
	}
	writeSuccess(w, r, devicesPath)
}

func (d devices) revokeAll(w http.ResponseWriter, r *http.Request) {
	if err := d.sessions.RevokeAll(r.Context(), session.FromContext(r.Context()).UserID); err != nil {
		fail(w, r, err)
		return
	}
	d.sessions.ClearCookie(w)
	signedOut(w, r)
}
