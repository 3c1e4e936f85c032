// Package accounts decides who may sign in. [Directory] applies the rules, and a
// [Store] keeps the accounts: one of the packages memaccounts, dynamoaccounts,
// sqlaccounts and redisaccounts below this one, or your own on a table of users that exists
// already. [Authenticator] is what package signin signs users in by, and a [Registrar] adds
// and deletes users in a store of this module.
//
// This package may still change in ways that break programs.
package accounts

import (
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

	// Attributes are more that a sign-in puts into the Values of the session, such as the
	// user's tenant: see [authn.User]. A [Store] of yours may fill them in. No store of this
	// module keeps them, and nothing changes them.
	Attributes map[string]string

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

	// CreatedAt is when the account was added here, in whole seconds, UTC. It is zero if
	// nobody knows: for an account from before this field, and where a store of yours does
	// not keep it.
	CreatedAt time.Time

	// LastUsedAt is when the user last signed in or gave the password again, in whole
	// seconds, UTC. It is written once a day: the day is that of the last use in UTC, and the
	// time that of the first use on that day. Requests of a session do not count: a session
	// knows by itself when it was used. It is zero if the account was never used since
	// CreatedAt, or if that is zero too, if nobody knows. See [UseStore].
	LastUsedAt time.Time

	// RenamedTo and RenamedFrom are set while [Registrar.Rename] gives the user another name.
	// RenamedTo is in the account of the old name, which is the user's as long as it is
	// there, and names the key of the new one. RenamedFrom is in the account of the new name,
	// and names the old key.
	RenamedTo, RenamedFrom string

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
	c.Attributes = maps.Clone(a.Attributes)
	return &c
}
