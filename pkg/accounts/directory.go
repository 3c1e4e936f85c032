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
	"sync"
	"time"

	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/signin/authn"
)

// Directory applies the rules for accounts to the accounts in a Store. It is safe for
// concurrent use.
type Directory struct {
	store   Store
	hasher  password.Hasher
	log     *slog.Logger
	dummy   *Account // used in place of an account that does not exist
	verify  func(encoded, password string) (bool, error)
	hashing hashing
}

// rehashTimeout limits how long a sign-in may take to replace a hash.
const rehashTimeout = 2 * time.Second

// Config says how a [Directory] works. The zero Config has the defaults.
type Config struct {
	// Hasher makes and checks the hashes of passwords, and says which new passwords are
	// refused. The default makes Argon2id hashes without a pepper.
	Hasher password.Hasher

	// Logger receives what happens to accounts, such as password_rehashed. A line has the
	// user ID and never a password, a hash or a name. The default is slog.Default().
	Logger *slog.Logger
}

// NewDirectory returns a directory of the accounts in store. It computes at most as many
// hashes at once as the process has processors. The hashes that it computes at once need at
// most 19 MiB for each processor, or 128 MiB if that is more.
func NewDirectory(store Store, cfg Config) *Directory {
	dummy := cfg.Hasher.DummyHash()
	return &Directory{
		store:   store,
		hasher:  cfg.Hasher,
		log:     cmp.Or(cfg.Logger, slog.Default()),
		dummy:   &Account{PasswordHash: dummy, Disabled: true},
		verify:  cfg.Hasher.Verify,
		hashing: newHashing(runtime.GOMAXPROCS(0), cfg.Hasher.Memory(dummy)),
	}
}

// Find returns the account with that name, or ErrNotFound. If no account can have
// such a name, the error does not quote it.
func (d *Directory) Find(ctx context.Context, username string) (*Account, error) {
	keys, err := keys(username)
	if err != nil {
		return nil, err
	}
	return d.get(ctx, keys)
}

// get returns the account under the first of the keys that has one. It always reads all
// of them, at the same time, so that what is stored does not show in the calls.
func (d *Directory) get(ctx context.Context, keys []string) (*Account, error) {
	found, errs := make([]*Account, len(keys)), make([]error, len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() { found[i], errs[i] = d.read(ctx, key) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	for _, account := range found {
		if account != nil {
			return account, nil
		}
	}
	return nil, ErrNotFound
}

// read returns the account under the key. A store that takes two names for one could
// return somebody else's.
func (d *Directory) read(ctx context.Context, key string) (*Account, error) {
	account, err := d.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if account.Name != key {
		return nil, fmt.Errorf("the store has returned the account of another name, with the user ID %q; see accounts.Store", account.UserID)
	}
	return d.moved(ctx, account)
}

// find returns the account for a sign-in by the keys of a name. If no account has the
// name, it returns the dummy account.
func (d *Directory) find(ctx context.Context, keys []string) (*Account, error) {
	account, err := d.get(ctx, keys)
	if errors.Is(err, ErrNotFound) {
		return d.dummy, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	return account, nil
}

// authenticate checks pw and returns the account, or authn.ErrRefused. It thaws an
// account whose freeze has expired and replaces an old hash.
func (d *Directory) authenticate(ctx context.Context, account *Account, pw string) (*Account, error) {
	matches, err := d.matches(ctx, account, pw)
	if err != nil {
		return nil, err
	}
	switch {
	case account == d.dummy:
		return nil, &authn.RefusedError{Reason: "unknown"}
	case !matches:
		return nil, &authn.RefusedError{UserID: account.UserID, Reason: "password"}
	case account.Disabled:
		return nil, &authn.RefusedError{UserID: account.UserID, Reason: "disabled"}
	case isOpenID(account.UserID):
		events.Log(ctx, d.log, "account_unusable", "user_id", account.UserID, "reason", "openid_id")
		return nil, &authn.RefusedError{UserID: account.UserID, Reason: "unusable"}
	}
	if account, err = d.thawExpired(ctx, account); err != nil {
		return nil, err
	}
	if !d.hasher.Current(account.PasswordHash) {
		account = d.rehash(ctx, account, pw)
	}
	return account, nil
}

// hash waits for its turn and makes a new hash.
func (d *Directory) hash(ctx context.Context, pw string) (string, error) {
	end, err := d.hashing.begin(ctx, 0)
	if err != nil {
		return "", err
	}
	defer end()
	return d.hasher.Hash(pw), nil
}

// matches reports whether pw is the account's password. It always computes exactly
// one hash, also if the stored hash is damaged. In an outage it computes no hash.
func (d *Directory) matches(ctx context.Context, account *Account, pw string) (bool, error) {
	end, err := d.hashing.begin(ctx, d.hasher.Memory(account.PasswordHash))
	if err != nil {
		return false, err
	}
	defer end()
	ok, err := d.verify(account.PasswordHash, pw)
	if errors.Is(err, password.ErrNoPepper) {
		return false, fmt.Errorf("user ID %s: %w", account.UserID, err)
	}
	if err != nil {
		events.Log(ctx, d.log, "account_unusable", "user_id", account.UserID, "reason", "password_hash", "error", err)
		d.verify(d.dummy.PasswordHash, pw)
		return false, nil
	}
	return ok, nil
}

// rehash replaces the hash of an account whose password is pw, and returns the
// changed account. It is called here and not later in the sign-in, because the later
// steps do not have the password.
//
// The account's Version stays the same, because the password is the same. A new
// Version would make [Directory.Recheck] refuse this sign-in and others in progress.
// A failure does no harm: the next sign-in tries again.
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
		events.Log(ctx, d.log, "password_rehashed", "user_id", account.UserID)
		return next
	case errors.Is(err, ErrChanged):
		// Another sign-in or a password change wrote first. Recheck refuses this
		// sign-in only if it was a password change.
	default:
		events.Log(ctx, d.log, "password_rehash_failed", "user_id", account.UserID, "error", err)
	}
	return account
}

// Recheck reads the account again. It returns authn.ErrRefused if the account may no
// longer sign in: if it is gone or disabled, or if its Version has changed. A sign-in
// calls it after it has written the session and before it sends the cookie, so that
// it notices a change made in between.
func (d *Directory) Recheck(ctx context.Context, account *Account) error {
	changed := &authn.RefusedError{UserID: account.UserID, Reason: "changed"}
	now, err := d.store.Get(ctx, account.Name)
	if errors.Is(err, ErrNotFound) {
		return changed
	}
	if err != nil {
		return fmt.Errorf("reading the account again: %w", err)
	}
	if now.Disabled || now.UserID != account.UserID || now.Version != account.Version {
		return changed
	}
	return nil
}

// CheckNew returns the error of [password.Hasher.CheckNew]. It makes no call to the store.
func (d *Directory) CheckNew(pw, username string) error { return d.hasher.CheckNew(pw, username) }

// randomID returns 16 random bytes in base64url, 22 characters.
func randomID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}
