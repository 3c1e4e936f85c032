package signin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/useragent"
)

const devicesPath = "/sessions"

// devices shows users where they are signed in, and lets them end it.
type devices struct {
	sessions *session.Manager
	window   time.Duration
}

// Sessions returns the routes of /sessions. To end a session one must have given
// the password within the window, so that whoever finds a browser open cannot lock
// its user out of the others (ASVS 7.5.2). To look at them one need not.
func Sessions(sessions *session.Manager, window time.Duration) Routes {
	d := devices{sessions, window}
	return Routes{
		"GET /sessions":                sessions.Require(http.HandlerFunc(d.show)).ServeHTTP,
		"POST /sessions/{id}/revoke":   d.proven(d.revoke),
		"POST /sessions/revoke-others": d.proven(d.revokeOthers),
		"POST /sessions/revoke-all":    d.proven(d.revokeAll),
	}
}

// proven calls next for users who have lately proved who they are.
func (d devices) proven(next http.HandlerFunc) http.HandlerFunc {
	return d.sessions.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := session.FromContext(r.Context()); time.Since(s.AuthenticatedAt) >= d.window {
			Fail(w, r, errProve)
			return
		}
		next(w, r)
	})).ServeHTTP
}

// handle is an allow-list, as profile is: what a session is to its user.
type handle struct {
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	IP         string    `json:"ip"`
	UserAgent  string    `json:"user_agent"`
	Current    bool      `json:"current"`
}

// Device is what the session is used with, in words.
func (h handle) Device() string { return useragent.Describe(h.UserAgent) }

func (d devices) show(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	all, err := d.sessions.List(r.Context(), s.UserID)
	if err != nil {
		Fail(w, r, err)
		return
	}
	handles := handlesOf(all, s.ID)
	if wantsPage(r) {
		writePage(w, http.StatusOK, "sessions", pageOf(s, devicesPath, "Devices", handles))
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Sessions []handle `json:"sessions"`
	}{handles})
}

// handlesOf puts the current session first, then the last active ones.
func handlesOf(all []*session.Session, current string) []handle {
	handles := make([]handle, 0, len(all))
	for _, s := range all {
		handles = append(handles, handle{s.ID, s.CreatedAt, s.LastSeenAt, s.IP, s.UserAgent, s.ID == current})
	}
	slices.SortFunc(handles, func(a, b handle) int {
		switch {
		case a.Current:
			return -1
		case b.Current:
			return 1
		}
		return cmp.Or(b.LastSeenAt.Compare(a.LastSeenAt), b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return handles
}

// revoke ends one session. Another user's, one that has ended and one that never
// was are the same to whoever asks.
func (d devices) revoke(w http.ResponseWriter, r *http.Request) {
	s, id := session.FromContext(r.Context()), r.PathValue("id")
	err := d.sessions.Revoke(r.Context(), s.UserID, id)
	switch {
	case errors.Is(err, session.ErrNoSession):
		Fail(w, r, errNotYours)
	case err != nil:
		Fail(w, r, err)
	case id == s.ID:
		d.sessions.ClearCookie(w)
		leave(w, r)
	default:
		done(w, r, devicesPath)
	}
}

func (d devices) revokeOthers(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	if err := d.sessions.RevokeAll(r.Context(), s.UserID, s.ID); err != nil {
		Fail(w, r, err)
		return
	}
	done(w, r, devicesPath)
}

func (d devices) revokeAll(w http.ResponseWriter, r *http.Request) {
	if err := d.sessions.RevokeAll(r.Context(), session.FromContext(r.Context()).UserID); err != nil {
		Fail(w, r, err)
		return
	}
	d.sessions.ClearCookie(w)
	leave(w, r)
}
