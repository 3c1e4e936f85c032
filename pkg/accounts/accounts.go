// Package accounts decides who may sign in. [Directory] applies the rules, and a
// [Store] keeps the accounts. The stores are the packages memaccounts, dynamoaccounts,
// sqlaccounts and redisaccounts below this one.
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

	// ErrChanged means that the account has changed since the caller read it, or that
	// it was deleted. Nothing was written.
	ErrChanged = errors.New("the account has changed")
)

// Account is one user.
type Account struct {
	Name        string            // the key: the result of [Normalize] for Username; an account from before that rule keeps the key it has
	Username    string            // as typed when the account was made, without what cannot be seen
	UserID      string            // it never changes, and no other account ever has it: 22 random characters of base64url, or what an import gave
	DisplayName string            // how pages address the user
	Roles       []string          // a session gets them at sign-in
	Preferences map[string]string // "theme", "language"; if one is absent, the product's default applies

	PasswordHash string    `json:"-"` // see package password
	Disabled     bool      // the user may not sign in
	FrozenUntil  time.Time // whole seconds: nobody can sign in before this time, because the password is being changed; zero if it is not

	// Origin says where the account comes from: "" if it was made here, else
	// [OriginImport] or [OriginSignIn]. Imports of releases before this field left it
	// empty.
	Origin string

	// ImportedHash is the hash of the password as it was imported. A sign-in that makes a
	// new hash of the same password leaves it. A change of the password removes it. It is
	// empty if there is none.
	ImportedHash string `json:"-"`

	// Closed says that the password was changed here, or the account disabled. The write
	// that does it sets Closed, and nothing ever clears it. No session from elsewhere may
	// go on here then, and no import may change the password.
	Closed bool

	// Version counts the changes that affect a sign-in: it grows when the account is
	// frozen, thawed, disabled or enabled, and when its roles change. A sign-in that
	// is in progress must fail if Version has changed.
	Version int64

	// CredentialVersion grows when the password is changed and when the account is
	// disabled, and never otherwise. A new hash of the same password does not change
	// it. The devices that signed in before are strangers when it has changed.
	CredentialVersion int64

	// Revision is random, and every write sets a new one. So only one of two
	// concurrent writes succeeds, and a write that was sent twice can recognise
	// itself.
	Revision string
}

// The origins of accounts that were not made here.
const (
	OriginImport = "import"  // an operator imported it, with its hash
	OriginSignIn = "sign-in" // another system knew its password at the first sign-in
)

// Clone returns a deep copy of a.
func (a *Account) Clone() *Account {
	c := *a
	c.Roles = slices.Clone(a.Roles)
	c.Preferences = maps.Clone(a.Preferences)
	return &c
}

// Store keeps accounts by Name. It applies no rules and is safe for concurrent use.
// An error other than the errors named here is an outage: the result is unknown.
type Store interface {
	// Get returns a copy of the account that belongs to the caller. It sees every
	// write that finished before the call (a strongly consistent read). It returns
	// ErrNotFound if there is no such account.
	Get(ctx context.Context, name string) (*Account, error)

	// Create stores a new account under a.Name. It returns ErrExists if the name is
	// taken, and then leaves the stored account as it is.
	Create(ctx context.Context, a *Account) error

	// Update stores a under a.Name and sets the revision to newRevision, if the
	// stored revision is a.Revision. It does not change Name, Username and UserID. If
	// the stored revision is already newRevision, this write was applied before, and
	// Update returns nil. It returns ErrChanged if the stored revision is another one
	// and it is certain that this write was not applied.
	Update(ctx context.Context, a *Account, newRevision string) error

	// SetPreferences sets the preferences that are in settings, leaves the others as
	// they are, and sets the revision to newRevision. It needs no revision of the
	// caller: of two calls at once, the settings of both are kept. Sent twice, it has
	// the same result. It returns ErrNotFound, and writes nothing, if no account of
	// that name has that user ID.
	SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error

	// Delete removes the account if the stored revision is a.Revision. It returns nil
	// if the account is already gone. It returns ErrChanged if the stored revision is
	// another one.
	Delete(ctx context.Context, a *Account) error

	// Claim stores that key belongs to holder, if nothing has the key yet. It returns nil
	// if this holder has it already, and ErrExists if an account or another holder has
	// it. Claims and accounts share one space of keys: Create returns ErrExists for a key
	// that is claimed. No other method for accounts, and no listing, sees a claim. Key
	// and holder are not empty, and not the same.
	Claim(ctx context.Context, key, holder string) error

	// Holder returns the holder of the key: that of a claim, or key itself if an account
	// is stored under it. It sees every write that finished before the call. It returns
	// ErrNotFound if nothing has the key.
	Holder(ctx context.Context, key string) (string, error)

	// PassClaim gives the claim of the holder from to the holder to, or removes it if to
	// is "". It returns nil if that is so already, and ErrChanged if somebody else has
	// the key and it is certain that this write was not applied. An account is somebody
	// else, and where to is not "", so is nobody.
	PassClaim(ctx context.Context, key, from, to string) error
}
