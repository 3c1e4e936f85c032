// Package legacy reads the session cookies of other frameworks, so that users who are
// signed in at a monolith stay signed in when its routes move. Each framework is one
// [Source]. A Source verifies and parses; the rules of what may become of a claim are in
// package bridge.
//
// A Source is data only: no class, object or call that a cookie or a row names is ever
// run. It bounds what it inflates and how deep it nests. The package imports only the
// standard library and golang.org/x/crypto.
//
// This package may still change in ways that break programs.
package legacy

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrAbsent means that the request has no cookie of this source.
	ErrAbsent error = constant("no cookie of the monolith")

	// ErrRejected means that a cookie proves nothing: it is forged, malformed, expired or
	// signed by an unknown key, its session has ended, or it is there with two values. The
	// wrapping error says which, and quotes nothing of the cookie.
	ErrRejected error = constant("the monolith's cookie proves nothing")
)

// EndedError is an [ErrRejected] of a cookie that is good itself, but names a session which
// the monolith does not have: it has ended, or never was. By the identity a logout finds what
// that session has become.
type EndedError struct {
	Identity string // as [Claim.Identity] would be
}

// Error implements error. The text does not quote the identity.
func (e *EndedError) Error() string {
	return ErrRejected.Error() + ": its session has ended, or never was"
}

// Unwrap returns [ErrRejected].
func (e *EndedError) Unwrap() error { return ErrRejected }

// ended returns err, which reading the session of that identity has returned, as an
// EndedError if there is no such session.
func ended(identity string, err error) error {
	if errors.Is(err, ErrRejected) {
		return &EndedError{identity}
	}
	return err
}

// Claim is what a cookie of a monolith proves.
type Claim struct {
	// UserID is the user's ID at the monolith: a text byte for byte, an integer as plain
	// decimal. Other kinds of values are rejected. It is "" if the session is good and
	// nobody is signed in with it.
	UserID string

	// Identity is the same in all copies of the cookie for the whole life of the
	// monolith's session, and in no other session: the ID of its row, or the stamp's. It is
	// "" if the format has none.
	Identity string

	SignedInAt time.Time // when the user gave their password; zero if nobody knows
	ExpiresAt  time.Time // when the monolith's session ends; zero if the format does not say

	// Bound reports whether the session was made with the password that has this hash. It
	// is nil if the framework does not bind sessions to passwords.
	Bound func(hash string) bool

	// Data has those values of the session that are texts, numbers or booleans, as text.
	// None of them crosses unless it is on an allow-list.
	Data map[string]string

	// End deletes the monolith's row. It is nil if the session has none. It returns nil if
	// the row is gone already; any error is an outage.
	End func(context.Context) error
}

// Source reads the session cookies of one monolith. It is safe for concurrent use.
type Source interface {
	// Cookies returns the names of the cookies that Open wants.
	Cookies() []string

	// Open returns what the cookies prove at the time now. The values are as the request
	// has them, not decoded, by name; a name of which the request has two different values
	// never gets here. It returns [ErrAbsent] or [ErrRejected], which is an [*EndedError] if
	// the session is kept at the monolith and is not there. Any other error is an outage:
	// nobody knows.
	Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error)
}

// Binder is a [Source] that knows whether it binds sessions to passwords. A Source that is
// no Binder binds none.
type Binder interface {
	Source

	// Binds reports whether claims of the source have [Claim.Bound]. Then the password's
	// hash, as the monolith has it now, must be looked up for each.
	Binds() bool
}

// Stateless is a [Source] whose cookie is the session itself: the monolith keeps no row of
// it. Without a stamp a copy has no [Claim.Identity], so that nothing but a seal of its user
// ends it.
type Stateless interface {
	Source

	isTheSession()
}

// cookieIsSession makes a source [Stateless].
type cookieIsSession struct{}

func (cookieIsSession) isTheSession() {}

// StampKey is the key under which the middleware of this project keeps a stamp in the
// session of a monolith. The stamp is put there at a sign-in, and never later. It is a
// text: 22 random characters of base64url, a dot, and the time of the sign-in in seconds
// since 1970. A cookie that is the session itself has no other identity, and most formats
// have no other time of the sign-in.
const StampKey = "coatcheck_stamp"
