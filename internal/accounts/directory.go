package accounts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"example.com/coatcheck/internal/password"
)

// ErrRefused means that somebody may not sign in, and is the same for every
// reason. Answer 401. Any other error of a [Directory] is an outage: 503.
var ErrRefused = errors.New("user name or password wrong")

// Directory is who may sign in, by the rules. It is safe for concurrent use.
type Directory struct {
	store  Store
	nobody *Account // stands in for an account that does not exist
	verify func(encoded, password string) (bool, error)
}

// NewDirectory returns a directory of the accounts in store.
func NewDirectory(store Store) *Directory {
	return &Directory{
		store:  store,
		nobody: &Account{PasswordHash: password.Decoy(), Disabled: true},
		verify: password.Verify,
	}
}

// Authenticate returns the account that username and pw prove, or ErrRefused.
//
// An unknown name, a wrong password and a disabled account look and cost the
// same: one read and one hash (ASVS 6.3.8). What no account can have is refused
// before either: a name that [Normalize] refuses, a password over
// [password.MaxBytes]. A stored hash that cannot be read is logged and refused.
func (d *Directory) Authenticate(ctx context.Context, username, pw string) (*Account, error) {
	name, err := Normalize(username)
	if err != nil || len(pw) > password.MaxBytes {
		return nil, ErrRefused
	}
	account, err := d.store.Get(ctx, name)
	if errors.Is(err, ErrNotFound) {
		account = d.nobody
	} else if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	if matches := d.matches(ctx, account, pw); !matches || account.Disabled {
		return nil, ErrRefused
	}
	return account, nil
}

// matches computes exactly one hash, whatever is stored.
func (d *Directory) matches(ctx context.Context, account *Account, pw string) bool {
	ok, err := d.verify(account.PasswordHash, pw)
	if err != nil {
		slog.ErrorContext(ctx, "stored password hash cannot be used; set a new password", "user_id", account.UserID, "error", err)
		d.verify(d.nobody.PasswordHash, pw)
		return false
	}
	return ok
}

// Recheck reads the account again and returns ErrRefused if what [Authenticate]
// found no longer holds: it is gone, disabled, or its credentials changed. Sign-in
// calls it when the session is written and no cookie is sent yet, so that a
// change made in between is not missed.
func (d *Directory) Recheck(ctx context.Context, account *Account) error {
	now, err := d.store.Get(ctx, account.Name)
	if errors.Is(err, ErrNotFound) {
		return ErrRefused
	}
	if err != nil {
		return fmt.Errorf("reading the account again: %w", err)
	}
	if now.Disabled || now.UserID != account.UserID || now.Version != account.Version {
		return ErrRefused
	}
	return nil
}

// Register stores a new account and returns it. An empty displayName means
// username. The error says what is wrong with an argument, wraps [ErrExists] if
// the name is taken, or is an outage.
func (d *Directory) Register(ctx context.Context, username, displayName string, roles []string, pw string) (*Account, error) {
	name, err := Normalize(username)
	if err != nil {
		return nil, err
	}
	if displayName == "" {
		displayName = username
	}
	if err := checkText(displayName); err != nil {
		return nil, fmt.Errorf("the display name %w", err)
	}
	for _, role := range roles {
		if err := checkText(role); err != nil {
			return nil, fmt.Errorf("the role %q %w", role, err)
		}
	}
	if err := password.CheckNew(pw); err != nil {
		return nil, err
	}
	account := &Account{
		Name:         name,
		Username:     username,
		UserID:       newUserID(),
		DisplayName:  displayName,
		Roles:        roles,
		PasswordHash: password.Hash(pw),
		Version:      1,
	}
	if err := d.store.Create(ctx, account); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	return account, nil
}

// newUserID returns 16 random bytes in base64url, 22 characters.
func newUserID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}
