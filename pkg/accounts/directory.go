package accounts

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"
	"unicode/utf8"

	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/signin/authn"
)

// Directory is who may sign in, by the rules. It is safe for concurrent use.
type Directory struct {
	store  Store
	hasher password.Hasher
	nobody *Account // stands in for an account that does not exist
	verify func(encoded, password string) (bool, error)
	slots  chan struct{} // one for each hash that is being computed
}

// rehashTimeout bounds what replacing a hash may take from a sign-in's time.
const rehashTimeout = 2 * time.Second

// NewDirectory returns a directory of the accounts in store, whose passwords
// hasher makes and checks. It computes no more hashes at once than the process has
// processors: more would take memory and make none of them faster.
func NewDirectory(store Store, hasher password.Hasher) *Directory {
	return &Directory{
		store:  store,
		hasher: hasher,
		nobody: &Account{PasswordHash: hasher.Decoy(), Disabled: true},
		verify: hasher.Verify,
		slots:  make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
}

// Find returns the account of that name, or ErrNotFound. The error does not quote a
// name that no account can have.
func (d *Directory) Find(ctx context.Context, username string) (*Account, error) {
	name, err := Normalize(username)
	if err != nil {
		return nil, err
	}
	return d.store.Get(ctx, name)
}

// find is Find for a normalised name and a sign-in: nobody stands in for a name that
// no account has.
func (d *Directory) find(ctx context.Context, name string) (*Account, error) {
	account, err := d.store.Get(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return d.nobody, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	return account, nil
}

// prove returns the account as it is after pw has proved it, or authn.ErrRefused.
func (d *Directory) prove(ctx context.Context, account *Account, pw string) (*Account, error) {
	matches, err := d.matches(ctx, account, pw)
	if err != nil {
		return nil, err
	}
	if !matches || account.Disabled {
		return nil, authn.ErrRefused
	}
	if account, err = d.thawExpired(ctx, account); err != nil {
		return nil, err
	}
	if !d.hasher.Current(account.PasswordHash) {
		account = d.rehash(ctx, account, pw)
	}
	return account, nil
}

// hash waits for a slot and makes a new hash.
func (d *Directory) hash(ctx context.Context, pw string) (string, error) {
	if err := d.acquire(ctx); err != nil {
		return "", err
	}
	defer d.release()
	return d.hasher.Hash(pw), nil
}

func (d *Directory) acquire(ctx context.Context) error {
	select {
	case d.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for other passwords to be hashed: %w", ctx.Err())
	}
}

func (d *Directory) release() { <-d.slots }

// matches computes exactly one hash, whatever is stored, unless it is an outage.
func (d *Directory) matches(ctx context.Context, account *Account, pw string) (bool, error) {
	if err := d.acquire(ctx); err != nil {
		return false, err
	}
	defer d.release()
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

// rehash replaces the hash of an account whose password is pw, and returns the
// account as it is then. It is done here, and not later in the sign-in, because
// nothing after it has the password.
//
// The account's Version stays: the credentials are the same, and a new Version
// would make [Directory.Recheck] refuse this sign-in and any other under way. A
// failure harms nobody: the next sign-in tries again.
func (d *Directory) rehash(ctx context.Context, account *Account, pw string) *Account {
	ctx, cancel := context.WithTimeout(ctx, rehashTimeout)
	defer cancel()
	next := account.Clone()
	var err error
	if next.PasswordHash, err = d.hash(ctx, pw); err == nil {
		err = d.write(ctx, next)
	}
	switch {
	case err == nil:
		slog.InfoContext(ctx, "password_rehashed", "user_id", account.UserID)
		return next
	case errors.Is(err, ErrChanged):
		// Another sign-in or a password change was faster. Recheck tells them apart.
	default:
		slog.WarnContext(ctx, "password hash not renewed; the next sign-in tries again", "user_id", account.UserID, "error", err)
	}
	return account
}

// Recheck reads the account again and returns authn.ErrRefused if what proved it no
// longer holds: it is gone, disabled, or its Version has changed. Sign-in calls it
// when the session is written and no cookie is sent yet, so that a change made in
// between is not missed.
func (d *Directory) Recheck(ctx context.Context, account *Account) error {
	now, err := d.store.Get(ctx, account.Name)
	if errors.Is(err, ErrNotFound) {
		return authn.ErrRefused
	}
	if err != nil {
		return fmt.Errorf("reading the account again: %w", err)
	}
	if now.Disabled || now.UserID != account.UserID || now.Version != account.Version {
		return authn.ErrRefused
	}
	return nil
}

// Register stores a new account and returns it. An empty displayName means
// username. The error says what is wrong with an argument, wraps [ErrExists] if
// the name is taken, or is an outage.
func (d *Directory) Register(ctx context.Context, username, displayName string, roles []string, pw string) (*Account, error) {
	account, err := newAccount(username, displayName, roles)
	if err != nil {
		return nil, err
	}
	if err := password.CheckNew(pw, account.Name); err != nil {
		return nil, err
	}
	if account.PasswordHash, err = d.hash(ctx, pw); err != nil {
		return nil, err
	}
	if err := d.store.Create(ctx, account); err != nil {
		return nil, fmt.Errorf("user %q: %w", account.Name, err)
	}
	return account, nil
}

// Imported returns a new account whose password another system has hashed, for
// [Store.Create]: it stores nothing and computes no hash. The other arguments are
// those of [Directory.Register]. The error says what is wrong with one, and never
// quotes hash.
func (d *Directory) Imported(username, displayName string, roles []string, hash string) (*Account, error) {
	account, err := newAccount(username, displayName, roles)
	if err != nil {
		return nil, err
	}
	if hash == "" {
		return nil, errors.New("the password hash is empty; write ! for a user without a password")
	}
	if !utf8.ValidString(hash) {
		return nil, errors.New("the password hash is not valid UTF-8")
	}
	if err := d.hasher.Check(hash); err != nil {
		return nil, err
	}
	account.PasswordHash = hash
	return account, nil
}

func newAccount(username, displayName string, roles []string) (*Account, error) {
	name, err := Normalize(username)
	if err != nil {
		return nil, err
	}
	displayName = cmp.Or(displayName, username)
	if err := checkProfile(displayName, roles); err != nil {
		return nil, err
	}
	return &Account{
		Name:        name,
		Username:    username,
		UserID:      randomID(),
		DisplayName: displayName,
		Roles:       roles,
		Version:     1,
		Revision:    randomID(),
	}, nil
}

// maxRoles is how many bytes a user's roles may have together. With the names they
// have to fit into a session, which holds 4 KB.
const maxRoles = 2048

// checkProfile quotes nothing: an import may have put a hash in the wrong place.
func checkProfile(displayName string, roles []string) error {
	if err := checkText(displayName); err != nil {
		return fmt.Errorf("the display name %w", err)
	}
	bytes := 0
	for i, role := range roles {
		if err := checkText(role); err != nil {
			return fmt.Errorf("role %d %w", i+1, err)
		}
		bytes += len(role)
	}
	if bytes > maxRoles {
		return fmt.Errorf("the roles have %d bytes together; at most %d", bytes, maxRoles)
	}
	return nil
}

// randomID returns 16 random bytes in base64url, 22 characters.
func randomID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}
