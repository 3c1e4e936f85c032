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
	"sync/atomic"
	"time"
	"unicode/utf8"

	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/signin/authn"
)

// Directory applies the rules for accounts to the accounts in a Store. It is safe for
// concurrent use.
type Directory struct {
	store   Store
	hasher  password.Hasher
	dummy   *Account // used in place of an account that does not exist
	verify  func(encoded, password string) (bool, error)
	hashing hashing

	namesChecked atomic.Bool // see checked
}

// rehashTimeout limits how long a sign-in may take to replace a hash.
const rehashTimeout = 2 * time.Second

// NewDirectory returns a directory of the accounts in store. The hasher makes and
// checks their passwords' hashes, and says which new passwords are refused. The directory computes at most as many hashes at
// once as the process has processors. The hashes that it computes at once need at most
// 19 MiB for each processor, or 128 MiB if that is more.
func NewDirectory(store Store, hasher password.Hasher) *Directory {
	dummy := hasher.DummyHash()
	return &Directory{
		store:   store,
		hasher:  hasher,
		dummy:   &Account{PasswordHash: dummy, Disabled: true},
		verify:  hasher.Verify,
		hashing: newHashing(runtime.GOMAXPROCS(0), hasher.Memory(dummy)),
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
		wg.Go(func() { found[i], errs[i] = d.store.Get(ctx, key) })
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
		slog.ErrorContext(ctx, "stored password hash cannot be used; set a new password", "user_id", account.UserID, "error", err)
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
		slog.InfoContext(ctx, "password_rehashed", "user_id", account.UserID)
		return next
	case errors.Is(err, ErrChanged):
		// Another sign-in or a password change wrote first. Recheck refuses this
		// sign-in only if it was a password change.
	default:
		slog.WarnContext(ctx, "password hash not renewed; the next sign-in tries again", "user_id", account.UserID, "error", err)
	}
	return account
}

// Recheck reads the account again. It returns authn.ErrRefused if the account may no
// longer sign in: if it is gone or disabled, or if its Version has changed. A sign-in
// calls it after it has written the session and before it sends the cookie, so that
// it notices a change made in between.
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

// CheckNew returns the error of [password.Hasher.CheckNew]. It makes no call to the store.
func (d *Directory) CheckNew(pw, username string) error { return d.hasher.CheckNew(pw, username) }

// Register stores a new account and returns it. If displayName is empty, username is
// used. A role is at most 254 bytes of valid UTF-8. It contains no white space, no
// control character, none that cannot be seen, and none of , ; | { } [ ] " ' \ with which
// lists are written. The error says what is wrong with an argument, or is that of
// [Directory.Add].
func (d *Directory) Register(ctx context.Context, username, displayName string, roles []string, pw string) (*Account, error) {
	account, err := newAccount(username, displayName, roles)
	if err != nil {
		return nil, err
	}
	if err := d.CheckNew(pw, account.Name); err != nil {
		return nil, err
	}
	if account.PasswordHash, err = d.hash(ctx, pw); err != nil {
		return nil, err
	}
	if err := d.Add(ctx, account); err != nil {
		return nil, err
	}
	return account, nil
}

// Imported returns a new account whose password was hashed by another system. The
// caller stores it with [Directory.Add], after [Account.Disable] if the user may not sign in. Imported itself stores nothing and computes no
// hash. The user ID is the one that the other system has: valid UTF-8 of at most 254
// bytes, without control characters, and without white space at its ends. It is kept
// byte for byte. If it is empty, the account gets a random one. The other arguments are
// the same as those of [Directory.Register]. The error says what is wrong with an
// argument, and quotes none.
func (d *Directory) Imported(username, displayName string, roles []string, hash, userID string) (*Account, error) {
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
	if err := d.hasher.Check(hash); err != nil {
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
		Version:     1,
		Revision:    randomID(),
	}, nil
}

// randomID returns 16 random bytes in base64url, 22 characters.
func randomID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}
