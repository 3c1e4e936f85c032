package authn

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/coatcheck/pkg/session"
)

var (
	// ErrNoClaim means that the request has no session of the monolith that may become one
	// of ours: none at all, a bad one, one that has ended, or one of a user who may not sign
	// in. Nothing was changed. Lead the user to the login page.
	ErrNoClaim = errors.New("no session of the monolith that could go on here")

	// ErrNobody is an ErrNoClaim of a session of the monolith in which nobody is signed in:
	// that of a visitor. Who comes with it has no earlier sign-in.
	ErrNobody = fmt.Errorf("%w: nobody is signed in with it", ErrNoClaim)

	// ErrConverting means that another request is making a session of the monolith's at
	// this moment. Answer 409, and let the client try again in a second.
	ErrConverting = errors.New("another request makes a session of it now")

	// ErrConverted means that the monolith's session has become one of ours before. It can
	// not do so again. Clear its cookie, and lead the user to the login page.
	ErrConverted = errors.New("the monolith's session has moved here before")
)

// Converter makes sessions of those that users have at a monolith. It is safe for
// concurrent use.
type Converter interface {
	// Convert makes a session for the user whom the request's cookies of the monolith
	// prove, and sets its cookie on w. It does not touch the monolith's cookies. It returns
	// ErrNoClaim, which may be ErrNobody, ErrConverting, ErrConverted or [ErrBusy]. Any other error is an outage,
	// and leaves the monolith's session as good as it was, unless its row is deleted already.
	Convert(w http.ResponseWriter, r *http.Request) (*session.Session, error)

	// End makes sure that the request's cookies of the monolith never become a session, and
	// ends the one that they have become. It returns nil if they prove nothing, and
	// [session.ErrTooManyCookies] if there are too many of one name to look at all. Any other
	// error is an outage.
	End(r *http.Request) error
}

// Identifier finds users by their IDs. It is safe for concurrent use.
type Identifier interface {
	// Identify returns the user with that ID. It returns ErrRefused if there is none, or if
	// the user may not sign in, and ErrBusy if the account is being changed. Any other
	// error is an outage.
	Identify(ctx context.Context, userID string) (Identity, error)
}

// Identity is a user whom somebody else vouches for.
type Identity interface {
	// User returns the user. The caller must not change the slices and maps in it.
	User() User

	// Closed reports whether the password was changed here, or the account disabled, since
	// the user came. A session at the monolith from before that must not go on here.
	Closed() bool

	// ImportedHash returns the password's hash as it was imported, or "".
	ImportedHash() string

	// Confirm reads the user again. It returns ErrRefused if anything that affects a sign-in has
	// changed since. Any other error is an outage.
	Confirm(ctx context.Context) error
}
