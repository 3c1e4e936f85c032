// Package accounts knows who may sign in. [Directory] holds the rules, a [Store]
// keeps the accounts: one of the packages memaccounts, dynamoaccounts and
// sqlaccounts below this one.
//
// This package may still change in ways that break programs.
package accounts

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

var (
	// ErrNotFound means that no account has the name.
	ErrNotFound = errors.New("no such account")

	// ErrExists means that an account has the name already.
	ErrExists = errors.New("the account exists already")

	// ErrChanged means that the account is no longer as the caller read it, or
	// gone, and that nothing was written.
	ErrChanged = errors.New("the account has changed")
)

// Account is one user.
type Account struct {
	Name        string            // the key: what [Normalize] makes of Username
	Username    string            // as typed when the account was made
	UserID      string            // random, 22 characters of base64url, the same for the account's life
	DisplayName string            // how pages address the user
	Roles       []string          // what a session gets at sign-in
	Preferences map[string]string // "theme", "language"; an absent one is the product's default

	PasswordHash string    `json:"-"` // see package password
	Disabled     bool      // may not sign in
	FrozenUntil  time.Time // whole seconds: nobody signs in before, because the password is being changed; zero if it is not

	// Version is that of what a sign-in relies on. It grows when the account is
	// frozen, thawed, disabled or enabled, and when its roles change, and tells a
	// sign-in under way that it must not succeed.
	Version int64

	// Revision is random and new with every write, so that of two writes one wins,
	// and one that was sent twice recognises itself.
	Revision string
}

// Clone returns a copy that shares nothing with a.
func (a *Account) Clone() *Account {
	c := *a
	c.Roles = slices.Clone(a.Roles)
	c.Preferences = maps.Clone(a.Preferences)
	return &c
}

// Store keeps accounts by Name. It is dumb and safe for concurrent use. An error
// other than those named here is an outage: the answer is not known.
type Store interface {
	// Get returns the account with everything written before the call (a strongly
	// consistent read), as the caller's own copy. ErrNotFound if there is none.
	Get(ctx context.Context, name string) (*Account, error)

	// Create stores a new account under a.Name. ErrExists if the name is taken;
	// what is stored under it stays as it is.
	Create(ctx context.Context, a *Account) error

	// Update stores a under a.Name, with newRevision as its revision, if the stored
	// revision is a.Revision. Name, Username and UserID stay as they are. If the
	// stored revision is newRevision already, this write was applied before: nil.
	// ErrChanged if it is another and it is certain that this write was not applied.
	Update(ctx context.Context, a *Account, newRevision string) error

	// Delete removes the account if the stored revision is a.Revision. One that is
	// gone already is no error. ErrChanged if the revision is another.
	Delete(ctx context.Context, a *Account) error
}
