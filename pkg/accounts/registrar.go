package accounts

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"unicode/utf8"
)

// Registrar is a [Directory] that also adds, imports and deletes accounts. It is safe for
// concurrent use.
type Registrar struct {
	*Directory
	registry Registry

	namesChecked atomic.Bool // see checked
}

// NewRegistrar returns a registrar of the accounts in registry. The zero Config has the
// defaults.
func NewRegistrar(registry Registry, cfg Config) *Registrar {
	return &Registrar{Directory: NewDirectory(registry, cfg), registry: registry}
}

// Register stores a new account and returns it. If displayName is empty, username is
// used. A role is at most 254 bytes of valid UTF-8. It contains no white space, no
// control character, none that cannot be seen, and none of , ; | { } [ ] " ' \ with which
// lists are written. The error says what is wrong with an argument, or is that of
// [Registrar.Add].
func (r *Registrar) Register(ctx context.Context, username, displayName string, roles []string, pw string) (*Account, error) {
	account, err := newAccount(username, displayName, roles)
	if err != nil {
		return nil, err
	}
	if err := r.CheckNew(pw, account.Name); err != nil {
		return nil, err
	}
	if account.PasswordHash, err = r.hash(ctx, pw); err != nil {
		return nil, err
	}
	if err := r.Add(ctx, account); err != nil {
		return nil, err
	}
	return account, nil
}

// Imported returns a new account whose password was hashed by another system. The
// caller stores it with [Registrar.Add], after [Account.Disable] if the user may not sign in. Imported itself stores nothing and computes no
// hash. The user ID is the one that the other system has: valid UTF-8 of at most 254
// bytes, without control characters, and without white space at its ends. It is kept
// byte for byte. If it is empty, the account gets a random one. The other arguments are
// the same as those of [Registrar.Register]. The error says what is wrong with an
// argument, and quotes none.
func (r *Registrar) Imported(username, displayName string, roles []string, hash, userID string) (*Account, error) {
	account, err := newAccount(username, displayName, roles)
	if err != nil {
		return nil, err
	}
	if userID != "" {
		if err := checkUserID(userID); err != nil {
			return nil, err
		}
		account.UserID = userID
	}
	if hash == "" {
		return nil, errors.New("the password hash is empty; write ! for a user without a password")
	}
	if !utf8.ValidString(hash) {
		return nil, errors.New("the password hash is not valid UTF-8")
	}
	if err := r.hasher.Check(hash); err != nil {
		return nil, err
	}
	account.PasswordHash, account.ImportedHash, account.Origin = hash, hash, OriginImport
	return account, nil
}

func newAccount(username, displayName string, roles []string) (*Account, error) {
	name, err := Normalize(username)
	if err != nil {
		return nil, err
	}
	username = visible(username)
	displayName = cmp.Or(displayName, username)
	if err := checkDisplayName(displayName); err != nil {
		return nil, err
	}
	if err := checkRoles(roles); err != nil {
		return nil, err
	}
	return &Account{
		Name:        name,
		Username:    username,
		UserID:      randomID(),
		DisplayName: displayName,
		Roles:       roles,
		CreatedAt:   now(),
		Version:     1,
		Revision:    randomID(),
	}, nil
}
