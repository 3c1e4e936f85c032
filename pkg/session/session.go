// Package session keeps login sessions on the server and carries each in one
// cookie. It imports only the standard library.
//
// Most programs need three calls:
//
//	sessions, err := session.New(memstore.New(), session.Config{}) // once, at start
//
//	// in the login handler, after the password has been checked
//	_, err = sessions.Create(w, r, session.User{ID: "u1", Roles: []string{"admin"}})
//
//	// around every handler that needs a signed-in user;
//	// inside, session.FromContext(r.Context()) is never nil
//	mux.Handle("GET /profile", sessions.Require(profile))
//
// and sessions.Destroy(w, r) in the logout handler. Replace memstore by
// dynamostore, or by a [Store] of your own that passes storetest.Run, and
// nothing else changes.
//
// # Tokens
//
// The cookie carries a token, <owner>.<id>.<secret>, 89 characters of base64url
// and dots. Owner and ID address the stored session; the secret proves it. Only
// the SHA-256 of the secret is stored, so a leaked table forges nothing. With
// [Config.SigningKeys] a MAC follows, and forged tokens cost no store call; a
// leaked signing key alone forges nothing either.
//
// # Errors
//
// [ErrNoSession] means 401, [ErrForbidden] 403, [ErrConflict] a lost write race
// and [ErrInvalid] a mistake in the calling program. Any other error is an
// outage: answer 503 and leave the cookie alone, as [Manager.Require] does. An
// outage never makes a user anonymous. It ends no session, except that a
// [Manager.Renew] whose answer is lost may leave the browser with the old token,
// and that a [Manager.Create] may have ended those beyond [Config.MaxSessions].
//
// # What is not promised
//
// There are no anonymous sessions, flash messages or CSRF tokens; use
// [http.CrossOriginProtection] beside this package. A request that was accepted
// before a logout may still finish after it, but it cannot bring the session back.
package session

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"time"
)

var (
	// ErrNoSession means that there is no such session, or none any more: never
	// made, ended, expired, or a token that does not prove it. Answer 401.
	ErrNoSession = errors.New("session: no session")

	// ErrConflict means that a write lost a race and was certainly not applied.
	ErrConflict = errors.New("session: changed by another request")

	// ErrForbidden means that the session lacks the role that [Manager.RequireRole] asks for.
	ErrForbidden = errors.New("session: role missing")

	// ErrInvalid means that the caller handed in a user ID, roles or values that
	// a store could not keep. The wrapping error names the one at fault.
	ErrInvalid = errors.New("session: invalid")
)

// Session is one login of one user, as stored. Times are UTC; CreatedAt has
// milliseconds, the others whole seconds.
type Session struct {
	ID     string // public handle, 22 characters, the same for the session's life; safe to list and log
	UserID string
	Roles  []string
	Values map[string]string

	CreatedAt       time.Time
	AuthenticatedAt time.Time // when the user last proved who they are; the lifetime counts from here
	LastSeenAt      time.Time // at most a tenth of the idle timeout behind the last request
	ExpiresAt       time.Time // idle end or end of the lifetime, whichever comes first

	Version int64 // random, positive, new on every Update

	IP        string // of the client at login, from [http.Request.RemoteAddr]
	UserAgent string // at login, cut to 256 bytes

	Secret         [32]byte `json:"-"` // SHA-256 of the token's secret; never the secret
	PreviousSecret [32]byte `json:"-"` // the one before the last renewal, good only for logging out
}

// Key addresses a session in a [Store]. Both parts are random-looking, fixed in
// length and of the alphabet A–Z a–z 0–9 - _.
type Key struct {
	Owner string // groups one user's sessions: derived from the user ID, 22 characters
	ID    string // [Session.ID]
}

// Key returns the address of s. It does not change during the session's life.
func (s *Session) Key() Key { return Key{Owner: owner(s.UserID), ID: s.ID} }

// HasRole reports whether s has the role, compared byte by byte. A nil session has none.
func (s *Session) HasRole(role string) bool { return s != nil && slices.Contains(s.Roles, role) }

// Clone returns a copy of s that shares nothing with it.
func (s *Session) Clone() *Session {
	c := *s
	c.Roles = slices.Clone(s.Roles)
	c.Values = maps.Clone(s.Values)
	return &c
}

// owner derives the part of a token and key that groups one user's sessions. It
// keeps user IDs, which may be names or addresses, out of cookies and keys.
func owner(userID string) string {
	sum := sha256.Sum256([]byte("coatcheck owner v1\x00" + userID))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
