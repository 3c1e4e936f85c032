// Package authn is the contract between package signin and a package that knows the
// users. It defines the calls that signin makes and the results that signin
// understands. In this product package accounts implements them.
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
	// ErrRefused means that a user may not sign in. It is the same for every reason:
	// an unknown name, a wrong password, a disabled account. Answer 401.
	ErrRefused = errors.New("user name or password wrong")

	// ErrBusy means that another change of the account is in progress, or that a
	// change lost a race to another change. Nothing was changed. Answer 503: a later
	// try succeeds soon.
	ErrBusy = errors.New("the account is being changed")

	// ErrNoUser means that this user no longer exists.
	ErrNoUser = errors.New("no such user")
)

// RefusedError is an [ErrRefused] that says for the log what was wrong. To the client it
// looks like any other, so that nobody learns who has an account.
type RefusedError struct {
	UserID string // who would have signed in, "" if nobody has the name

	// Reason is one of those of the event authn_login_fail in package events: unknown,
	// malformed, password, disabled, changed or unusable.
	Reason string
}

// Error implements error, by the text of [ErrRefused].
func (e *RefusedError) Error() string { return ErrRefused.Error() }

// Is reports whether target is [ErrRefused].
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// ThrottledError means that an attempt is refused because there were too many
// attempts. The error is the same whether or not the name exists and the password is
// right. Answer 429.
type ThrottledError struct {
	By         string        // what made too many attempts: "name", "device", "user" or "network"
	RetryAfter time.Duration // more than 0; if Locked, the longest wait
	Locked     bool          // no wait helps: only an operator can allow the next attempt, or a sign-in if By is "user"
	UserID     string        // whose attempts they are, if that is known; for the log alone
}

// Error implements error.
func (e *ThrottledError) Error() string {
	if e.Locked {
		return fmt.Sprintf("too many attempts of one %s; it is locked, and no wait helps", e.By)
	}
	return fmt.Sprintf("too many attempts of one %s; the next may come in %v", e.By, e.RetryAfter)
}

// Attempt is one attempt to sign in, or to give the password again.
type Attempt struct {
	Username string // as it was typed
	Password string // as it was typed, byte for byte
	Address  string // the client's IP address
	Device   string // the value of the client's device cookie, "" if it sent none
	UserID   string // the ID of the user who is signed in and gives the password again; empty at a sign-in
}

// User is a user who has proved who they are.
type User struct {
	ID          string            // never changes
	Username    string            // as the user typed it when the account was made
	DisplayName string            // how pages address the user
	Roles       []string          // a session gets them at sign-in
	Preferences map[string]string // "theme", "language"; if one is absent, the browser's applies

	// Attributes are more that a session of the user keeps in its Values, such as the
	// user's tenant. None of the keys of this package may be in it.
	Attributes map[string]string

	// AuthenticatedAt is when the user proved who they are. The zero time, which is usual,
	// means just now.
	AuthenticatedAt time.Time

	// NoPassword says that the user has no password here: somebody else proves who the user
	// is.
	NoPassword bool
}

// OpenIDPrefix begins the user ID of everybody who signs in at an OpenID provider, as
// package oidc writes it, and of nobody else. An Authenticator never gives such an ID to a
// user of its own: the user would share sessions with whoever has it at the provider. Package
// signin makes no session for one that does, and answers 500.
const OpenIDPrefix = "openid:"

// Authenticator checks names and passwords. It is safe for concurrent use. The one of
// package accounts comes with the product; this is the interface for one of your own.
//
// Everything rests on its answer. One that answers yes to everybody signs everybody in as
// whom they name: nothing after it asks again. What package accounts does before it answers
// is then its own affair: to count attempts and slow down guesses, to take as long for a name
// that nobody has, to read the user again in Confirm so that nobody is signed in who was
// disabled meanwhile. And users to whom it gives one ID share their sessions. What is left is
// what package signin does by itself: requests that other sites send are refused, and each
// sign-in makes a new session.
type Authenticator interface {
	// Authenticate returns a Proof if the name and the password of the attempt are
	// right. Otherwise it returns [ErrRefused], which may be a [*RefusedError], [ErrBusy] or a [*ThrottledError]. Any
	// other error is an outage.
	Authenticate(ctx context.Context, a Attempt) (Proof, error)
}

// Proof is an attempt whose name and password were right. The caller must report how
// the sign-in ended: it calls one of Confirm, Succeed and Withdraw.
type Proof interface {
	// User returns the user. The caller must not change the slices and maps in it.
	User() User

	// KnownDevice reports whether this user has signed in on this device before.
	KnownDevice() bool

	// NewDevice returns the value of a cookie by which this device is recognised
	// later, until the password changes or the account is disabled or deleted. It is
	// "" if devices are not recognised. After [PasswordChanger.ChangePassword] it is
	// a value that is good with the new password.
	NewDevice() string

	// Failures returns how many attempts in a row failed before this one.
	Failures() int

	// Confirm checks that the proof is still valid. A sign-in calls it after it has
	// stored the session. It returns ErrRefused if the proof is no longer valid. Any
	// other error is an outage. Confirm also reports that the attempt succeeded, as
	// Succeed does.
	Confirm(ctx context.Context) error

	// Succeed reports that the attempt succeeded.
	Succeed(ctx context.Context)

	// Withdraw reports that an outage ended the attempt. The attempt then does not
	// count as a failed one.
	Withdraw(ctx context.Context)
}

// PasswordChanger is an Authenticator whose users can change their passwords.
type PasswordChanger interface {
	Authenticator

	// CheckNew returns an error if the user called username may not have this new
	// password. A [*NewPasswordError] is told to users in the language of the page, and
	// the text of any other error as it is. CheckNew makes no call to a store.
	CheckNew(password, username string) error

	// MinCharacters returns the minimum number of characters in a new password.
	MinCharacters() int

	// ChangePassword replaces the password of the user in p. The proof p shows that
	// the user knows the current password. ChangePassword first makes sure that
	// nobody can sign in with the old password any more. Then it calls end, which
	// must end the user's other sessions, and at the same time p.Succeed. Then it
	// stores the new password. A process that stops at any point leaves one of two
	// states: the old password is valid, or the new password is valid and no session
	// is left that was made with the old one.
	//
	// If end returns an error, ChangePassword returns it unchanged, and the password
	// stays the same. It returns ErrBusy if another change of the account is in
	// progress.
	ChangePassword(ctx context.Context, p Proof, password string, end func(context.Context) error) error
}

// PreferenceSetter stores the preferences of users.
type PreferenceSetter interface {
	// SetPreferences sets the preferences that are in settings and leaves the others
	// as they are. It returns ErrNoUser if the user with that ID no longer has that
	// name.
	SetPreferences(ctx context.Context, userID, username string, settings map[string]string) error
}
