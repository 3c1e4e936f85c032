// Package accounts knows who may sign in. [Directory] holds the rules, a [Store]
// keeps the accounts: [NewMemory] or [NewDynamo].
package accounts

import (
	"context"
	"errors"
	"maps"
	"slices"
)

var (
	// ErrNotFound means that no account has the name.
	ErrNotFound = errors.New("no such account")

	// ErrExists means that an account has the name already.
	ErrExists = errors.New("the account exists already")

	// ErrChanged means that the account is no longer as the caller read it.
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

	PasswordHash string `json:"-"` // see package password
	Version      int64  // of the credentials: grows when the password changes or the account is disabled
	Disabled     bool   // may not sign in
}

func (a *Account) clone() *Account {
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

	// Rehash replaces the password hash oldHash, and nothing else, by newHash: of the
	// same password, with a salt of its own. ErrChanged if the account does not have
	// oldHash, or is gone.
	Rehash(ctx context.Context, name, oldHash, newHash string) error
}
