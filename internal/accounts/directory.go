package accounts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/coatcheck/internal/password"
)

// ErrRefused means that somebody may not sign in, and is the same for every
// reason. Answer 401. Any other error of a [Directory] is an outage: 503.
var ErrRefused = errors.New("user name or password wrong")

// Directory is who may sign in, by the rules. It is safe for concurrent use.
type Directory struct {
	store  Store
	hasher password.Hasher
	nobody *Account // stands in for an account that does not exist
	verify func(encoded, password string) (bool, error)
}

// rehashTimeout bounds what replacing a hash may take from a sign-in's time.
const rehashTimeout = 2 * time.Second

// NewDirectory returns a directory of the accounts in store, whose passwords
// hasher makes and checks.
func NewDirectory(store Store, hasher password.Hasher) *Directory {
	return &Directory{
		store:  store,
		hasher: hasher,
		nobody: &Account{PasswordHash: hasher.Decoy(), Disabled: true},
		verify: hasher.Verify,
	}
}

// Authenticate returns the account that username and pw prove, or ErrRefused.
//
// An unknown name, a wrong password and a disabled account look and cost the
// same: one read and one hash (ASVS 6.3.8). What no account can have is refused
// before either: a name that [Normalize] refuses, a password over
// [password.MaxBytes]. A stored hash that cannot be read is logged and refused;
// one whose pepper is not configured is an outage.
//
// A right password whose stored hash is another framework's, or weaker than
// today's, is hashed anew and stored: at the cost of one hash and one write, once.
// Until then a foreign hash takes its own time to check.
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
	matches, err := d.matches(ctx, account, pw)
	if err != nil {
		return nil, err
	}
	if !matches || account.Disabled {
		return nil, ErrRefused
	}
	if !d.hasher.Current(account.PasswordHash) {
		d.rehash(ctx, account, pw)
	}
	return account, nil
}

// matches computes exactly one hash, whatever is stored, unless it is an outage.
func (d *Directory) matches(ctx context.Context, account *Account, pw string) (bool, error) {
	ok, err := d.verify(account.PasswordHash, pw)
	if errors.Is(err, password.ErrNoPepper) {
		return false, fmt.Errorf("user ID %s: %w", account.UserID, err)
	}
	if err != nil {
		slog.ErrorContext(ctx, "stored password hash cannot be used; set a new password", "user_id", account.UserID, "error", err)
		d.verify(d.nobody.PasswordHash, pw)
		return false, nil
	}
	return ok, nil
}

// rehash replaces the hash of an account whose password is pw. It is done here,
// and not later in the sign-in, because nothing after Authenticate has the
// password.
//
// The account's Version stays: the credentials are the same, and a new Version
// would make [Directory.Recheck] refuse this sign-in and any other under way. A
// password change in between is safe without it: the write is conditional on the
// old hash, and if it comes first, the change writes its own hash over it. So a
// failure harms nobody: the next sign-in tries again.
func (d *Directory) rehash(ctx context.Context, account *Account, pw string) {
	ctx, cancel := context.WithTimeout(ctx, rehashTimeout)
	defer cancel()
	hash := d.hasher.Hash(pw)
	err := d.store.Rehash(ctx, account.Name, account.PasswordHash, hash)
	switch {
	case err == nil:
		account.PasswordHash = hash
		slog.InfoContext(ctx, "password_rehashed", "user_id", account.UserID)
	case errors.Is(err, ErrChanged):
		// Another sign-in or a password change was faster. Recheck tells them apart.
	default:
		slog.WarnContext(ctx, "password hash not renewed; the next sign-in tries again", "user_id", account.UserID, "error", err)
	}
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
	if err := password.CheckNew(pw, name); err != nil {
		return nil, err
	}
	account := &Account{
		Name:         name,
		Username:     username,
		UserID:       newUserID(),
		DisplayName:  displayName,
		Roles:        roles,
		PasswordHash: d.hasher.Hash(pw),
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
