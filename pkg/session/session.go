// Package session keeps login sessions on the server. The browser has only a token
// for its session, in one cookie. The package imports only the standard library.
//
// Most programs need three calls:
//
//	sessions, err := session.New(memstore.New(), session.Config{}) // once, at start
//
//	// in the login handler, after the password has been checked,
//	// and before anything of the answer is written
//	_, err = sessions.Create(w, r, session.User{ID: "u1", Roles: []string{"admin"}})
//
//	// around every handler that needs a signed-in user;
//	// inside, session.FromContext(r.Context()) is never nil
//	mux.Handle("GET /profile", sessions.Require(profile))
//
// Call sessions.Destroy(w, r) in the logout handler. [Manager.Optional] is for pages
// that are for everybody and greet whoever is signed in; [Manager.RequireRole] and
// [Manager.RequireRecent] are for what not every user may do, and for what nobody may do
// who finds an open browser. To use another store, replace memstore by dynamostore, or
// by your own [Store] that passes storetest.Run. Nothing else changes.
//
// Every handler writes a status or a body, also if it has nothing to say: unlike
// net/http, some adapters add no 200. To test a handler without a store, give its
// request the context of [NewContext].
//
// # Tokens
//
// The cookie carries a token, <owner>.<id>.<secret>, 89 characters of base64url and
// dots. Owner and ID are the key of the stored session. The secret proves that the
// client may use it. Only the SHA-256 of the secret is stored, so a leaked table is
// not enough to forge a token. With [Config.SigningKeys] a MAC follows, and forged
// tokens cost no store call. A leaked signing key alone is not enough to forge a
// token either.
//
// # Errors
//
// [ErrNoSession] means 401, with the header that [Challenge] is for. [ErrForbidden] and
// [ErrNotRecent] mean 403, [ErrConflict] means 409: a write lost a race.
// [ErrTooManyCookies] means 400; [ErrInvalid] and [ErrTooLate] mean a mistake in the
// calling program. Any other error is an outage: answer 503 and leave the cookie
// alone, as [Manager.Require] does. An outage never makes a user anonymous. It ends
// no session, with one exception: if the answer to a [Manager.Renew] is lost, the
// browser may be left with the old token.
//
// # What is not promised
//
// There are no anonymous sessions, flash messages or CSRF tokens; against CSRF, use
// [http.CrossOriginProtection]. A request that was accepted before a logout may
// still finish after it, but it cannot bring the session back.
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
	// ErrNoSession means that there is no live session: it was never made, has ended
	// or expired, or the token does not prove it. Answer 401.
	ErrNoSession = errors.New("session: no session")

	// ErrConflict means that a write lost a race and was certainly not applied. It is
	// no outage. Answer 409.
	ErrConflict = errors.New("session: changed by another request")

	// ErrForbidden means that the session lacks the role that [Manager.RequireRole] asks for.
	ErrForbidden = errors.New("session: role missing")

	// ErrNotRecent means that the user of the session proved who they are longer ago than
	// [Manager.RequireRecent] allows. Answer 403, and let the user prove it again, by the
	// password for example; then call [Manager.Reauthenticate].
	ErrNotRecent = errors.New("session: the user has to prove again who they are")

	// ErrInvalid means that the caller passed a user ID, roles or values that a
	// store could not keep. The wrapping error says which one.
	ErrInvalid = errors.New("session: invalid")

	// ErrTooManyCookies means that a request to log out has more than four different
	// cookies of our name, and that none of them was looked at. Answer 400.
	ErrTooManyCookies = errors.New("session: more than 4 different session cookies in one request")

	// ErrTooLate means that the answer had begun before a call that sets a cookie, so
	// that the browser would never get the cookie. Nothing was stored. It is a mistake in
	// the calling program.
	ErrTooLate = errors.New("session: the answer has begun, so it can set no cookie; call this before anything is written")
)

// Session is one login of one user, as stored. Times are UTC; CreatedAt has
// milliseconds, the others whole seconds.
type Session struct {
	ID     string            // public identifier, 22 characters; it never changes and is safe to list and log
	UserID string            // [User.ID]
	Roles  []string          // [User.Roles], for [Session.HasRole]; see [Manager.RequireRole]
	Values map[string]string // [User.Values]; change them by [Manager.Update]

	CreatedAt       time.Time // when the session was made
	AuthenticatedAt time.Time // when the user last proved who they are; 1970 if nobody knows: see [User.AuthenticatedAt]
	LastSeenAt      time.Time // at most a tenth of [Config.IdleTimeout] before the last request
	ExpiresAt       time.Time // end of the idle timeout or of the lifetime, or EndsAt, whichever comes first
	EndsAt          time.Time // ends the session however much it is used; usually zero, which ends nothing: see [User.EndsAt]

	Persistent bool // the limits are those of persistent sessions; it never changes: see [User.Persistent]

	Version int64 // random, positive, new on every Update

	IP        string // address of the client at login, from [http.Request.RemoteAddr]
	UserAgent string // of the client at login, cut to 256 bytes

	// LastIP and LastUserAgent are those of the client at the last touch. Both are
	// empty as long as they are the same as IP and UserAgent: see LastClient.
	LastIP        string // as IP
	LastUserAgent string // as UserAgent

	Secret         [32]byte `json:"-"` // SHA-256 of the token's secret; never the secret
	PreviousSecret [32]byte `json:"-"` // Secret before the last renewal, valid only for logging out
}

// Key identifies a session in a [Store]. Both parts look random, have a fixed length
// and use only the characters A–Z a–z 0–9 - _.
type Key struct {
	Owner string // the same for all sessions of a user; derived from the user ID, 22 characters
	ID    string // [Session.ID]
}

// Key returns the key of s. It never changes.
func (s *Session) Key() Key { return Key{Owner: owner(s.UserID), ID: s.ID} }

// begunAt returns when the lifetime of s began: with the last authentication, or, if that
// was before s was made, at another system, when s was made.
func (s *Session) begunAt() time.Time {
	if s.CreatedAt.Unix() > s.AuthenticatedAt.Unix() {
		return s.CreatedAt.Truncate(time.Second)
	}
	return s.AuthenticatedAt
}

// BegunBefore reports whether the lifetime of s began before t: whether [Config.NotBefore] ends
// s if it is t. The lifetime begins with the last authentication, or, if that was at another
// system, when s was made here.
func (s *Session) BegunBefore(t time.Time) bool { return s.begunAt().Before(t) }

// HasRole reports whether s has the role. Roles are compared byte by byte. A nil
// session has no role.
func (s *Session) HasRole(role string) bool { return s != nil && slices.Contains(s.Roles, role) }

// LastClient returns the address and the browser of the client at the last touch, or
// at login if there was no touch yet.
func (s *Session) LastClient() (ip, userAgent string) {
	if s.LastIP == "" && s.LastUserAgent == "" {
		return s.IP, s.UserAgent
	}
	return s.LastIP, s.LastUserAgent
}

// setLastClient stores both values only if one differs from that at login, so that
// most sessions stay small.
func (s *Session) setLastClient(ip, userAgent string) {
	s.LastIP, s.LastUserAgent = ip, userAgent
	if ip == s.IP && userAgent == s.UserAgent {
		s.LastIP, s.LastUserAgent = "", ""
	}
}

// Clone returns a copy of s that shares nothing with it.
func (s *Session) Clone() *Session {
	c := *s
	c.Roles = slices.Clone(s.Roles)
	c.Values = maps.Clone(s.Values)
	return &c
}

// owner derives the part of a token and of a key that is the same for all sessions
// of a user. It keeps user IDs, which may be names or addresses, out of cookies and
// keys.
func owner(userID string) string {
	sum := sha256.Sum256([]byte("coatcheck owner v1\x00" + userID))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
