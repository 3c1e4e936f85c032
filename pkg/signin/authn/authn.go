// Package authn is what stands between package signin and whoever knows the users:
// the questions that signin asks, and the answers that it understands. Package
// accounts answers them in this product.
//
// This package may still change in ways that break programs.
package authn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrRefused means that somebody may not sign in, and is the same for every
	// reason: an unknown name, a wrong password, a disabled account. Answer 401.
	ErrRefused = errors.New("user name or password wrong")

	// ErrBusy means that the account is being changed just now, or that a change
	// lost a race to another one. Nothing was changed. Answer 503: it is soon over.
	ErrBusy = errors.New("the account is being changed")

	// ErrNoUser means that there is no such user any more.
	ErrNoUser = errors.New("no such user")
)

// ThrottledError means that an attempt may not go on, whether or not somebody has
// the name and the password is right. Answer 429.
type ThrottledError struct {
	By         string        // whose attempts are too many: "name", "device" or "network"
	RetryAfter time.Duration // more than 0; for a locked name the longest wait
}

// Error implements error.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts of one %s; the next may come in %v", e.By, e.RetryAfter)
}

// Attempt is one attempt to sign in.
type Attempt struct {
	Username, Password string
	Address            string // the client's IP address
	Device             string // the value of its device cookie, "" if it sent none
}

// User is who was proved.
type User struct {
	ID          string // the same for the user's life
	Username    string // as the user knows it
	DisplayName string
	Roles       []string
	Preferences map[string]string // "theme", "language"; an absent one is the product's default
}

// Authenticator checks who somebody is. It is safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the proof that the attempt's name and password are right,
	// or [ErrRefused], [ErrBusy] or a [*ThrottledError]; anything else is an outage.
	Authenticate(ctx context.Context, a Attempt) (Proof, error)
}

// Proof is an attempt that succeeded. Who has it tells how it went on, by one of
// Confirm, Settle and Withdraw.
type Proof interface {
	// User returns who was proved. What it shares is not to be changed.
	User() User

	// KnownDevice reports whether the device signed in as this user before.
	KnownDevice() bool

	// NewDevice returns the value of the cookie by which this device will be known,
	// or "" if devices are not told apart.
	NewDevice() string

	// Failures is how many attempts in a row failed before this one.
	Failures() int

	// Confirm is what a sign-in asks once its session is stored: whether the proof
	// still holds. ErrRefused if it does not; any other error is an outage. It
	// settles the attempt too.
	Confirm(ctx context.Context) error

	// Settle says that the attempt was a success.
	Settle(ctx context.Context)

	// Withdraw says that the attempt came to nothing by an outage, so that it does
	// not count as a failure.
	Withdraw(ctx context.Context)
}

// PasswordChanger is an Authenticator whose users can change their passwords.
type PasswordChanger interface {
	Authenticator

	// CheckNew returns what speaks against a new password of the user with that
	// name, in words for the user; nil if nothing does. It makes no call.
	CheckNew(password, username string) error

	// MinCharacters is how many characters a new password has at least.
	MinCharacters() int

	// ChangePassword gives the user whose current password p proves the new one,
	// once end has ended the user's other sessions. From before the call of end on
	// nobody can sign in by the old password; while end works, p is settled. If the
	// change is interrupted anywhere, the old password is valid, or the new one is
	// and no session is left that the old one made.
	//
	// An error of end is returned as it is, and the password stays. ErrBusy if the
	// account is being changed already.
	ChangePassword(ctx context.Context, p Proof, password string, end func(context.Context) error) error
}

// PreferenceSetter keeps the preferences of users.
type PreferenceSetter interface {
	// SetPreferences sets the preferences that settings names, and leaves the
	// others. ErrNoUser if the user with that ID does not have that name any more.
	SetPreferences(ctx context.Context, userID, username string, settings map[string]string) error
}
