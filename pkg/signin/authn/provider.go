package authn

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/coatcheck/pkg/session"
)

var (
	// ErrCancelled means that the user has said no at the provider's page. Answer 401.
	ErrCancelled = errors.New("the user has cancelled the sign-in at the provider")

	// ErrStale means that what the browser brought back belongs to no sign-in that this
	// browser has begun: it is too old, was used before, or comes from elsewhere. Answer
	// 400, and let the user begin again.
	ErrStale = errors.New("this browser has begun no such sign-in, or too long ago")

	// ErrUntrusted means that what the provider said could not be verified, or that it does
	// not say what is needed. The wrapping error says which check failed, for the log.
	// Answer 401.
	ErrUntrusted = errors.New("what the provider said cannot be trusted")

	// ErrNotAsked is an ErrUntrusted: the user had to prove again who they are, and the
	// provider does not say that it has asked. No later try helps if the provider never says
	// so. Answer 401, and tell the user to sign out and in again.
	ErrNotAsked = fmt.Errorf("%w: it does not say that it has asked the user again", ErrUntrusted)
)

// Provider signs users in at pages of somebody else: an OpenID provider. It is safe for
// concurrent use. Any error that is not named here is an outage.
type Provider interface {
	// Begin sets a cookie on w by which Finish recognises the browser, and returns the URL
	// at which the provider asks who the user is.
	Begin(w http.ResponseWriter, r *http.Request, t Trip) (url string, err error)

	// Finish checks what the browser has brought back from the provider, and removes the
	// cookie of Begin, also if it fails. It returns the Trip that Begin was given, also with
	// an error, unless that is ErrStale. It returns ErrCancelled, ErrStale, ErrUntrusted,
	// which may be ErrNotAsked, or [ErrRefused] if the provider knows the user and the user may
	// not sign in here, or is another than the one of the Trip.
	Finish(w http.ResponseWriter, r *http.Request) (Trip, Arrival, error)

	// SignOutURL returns the URL at which the browser ends its session at the provider and
	// comes back to the URL back, or "" if the provider has none.
	SignOutURL(ctx context.Context, back string) (string, error)

	// Ended checks a notice of the provider, a request of its own, that a session there has
	// ended, or all of a user. Before it returns, it makes sure that no Arrival from before
	// can be confirmed. It returns what the caller must end, or ErrUntrusted.
	Ended(r *http.Request) (Ended, error)
}

// Trip is what a browser takes along to the provider and brings back.
type Trip struct {
	Next   string // the local path that comes after it
	Stay   bool   // the user wants to stay signed in
	UserID string // who must come back: a user who is signed in and proves it again; "" at a sign-in
}

// Arrival is a user who has come back from the provider.
type Arrival interface {
	// User returns the user. The caller must not change the slices and maps in it. Its
	// AuthenticatedAt is when the user proved who they are at the provider, as far as it
	// says so. It is not before Begin if the user had to prove it again.
	User() User

	// Announce stores which session the user gets, before that is stored: see
	// [session.User.Announce]. It returns ErrRefused if the provider has ended its session
	// since.
	Announce(ctx context.Context, key session.Key) error

	// Replaced returns, after Announce, the session that the same session at the provider had
	// here before, or the zero Key. The caller must end it, unless it is the one that was
	// announced, and whatever becomes of that one: no notice of the provider leads to it any
	// more.
	Replaced() session.Key

	// Confirm checks that the provider has not ended its session since: see
	// [session.User.Confirm]. It returns ErrRefused if it has, or if another session was
	// announced for that one since: no notice would lead to this one. Any other error is an
	// outage.
	Confirm(ctx context.Context) error
}

// Ended is what a provider has ended: the one session with that key, or, if the user ID is
// not empty, all sessions of a user. The zero Ended is nothing that is known here.
type Ended struct {
	Session session.Key // of ours
	UserID  string      // of ours
}
