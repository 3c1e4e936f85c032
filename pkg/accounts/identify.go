package accounts

import (
	"context"
	"errors"
	"fmt"

	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/signin/authn"
)

// Identify implements [authn.Identifier] for users for whom another system vouches. It
// makes two calls, one after the other: it reads whose the user ID is, and then the account
// with a strongly consistent read. An account from before user IDs were claimed is not found: see
// [Registrar.CheckNames]. If a change of the password was interrupted, Identify ends it as
// a sign-in does, by one write.
func (d *Directory) Identify(ctx context.Context, userID string) (authn.Identity, error) {
	if checkUserID(userID) != nil {
		return nil, authn.ErrRefused // no account can have this ID
	}
	account, err := d.FindID(ctx, userID)
	if errors.Is(err, ErrNotFound) {
		return nil, authn.ErrRefused
	}
	if err != nil {
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	if account.Disabled {
		return nil, authn.ErrRefused
	}
	if account, err = d.thawExpired(ctx, account); err != nil {
		return nil, err
	}
	return &identity{account, d}, nil
}

// FindID returns the account with that user ID, or ErrNotFound.
func (d *Directory) FindID(ctx context.Context, userID string) (*Account, error) {
	account, err := d.store.FindID(ctx, userID)
	if err == nil && account.UserID != userID {
		return nil, fmt.Errorf("the store has returned the user %q for the ID %q; see accounts.Store", account.UserID, userID)
	}
	if err != nil || !account.moving() {
		return account, err
	}
	moved, err := d.moved(ctx, account)
	if errors.Is(err, ErrNotFound) {
		return d.read(ctx, account.RenamedFrom)
	}
	return moved, err
}

// IsClosed reports whether the password was changed here, or the account disabled. It is
// [Account.Closed], or what the other fields tell: programs of releases before that field
// do not set it. What they do to an account with [OriginImport] does not show, because
// CredentialVersion grows there with each import of another hash too.
func (a *Account) IsClosed() bool {
	return a.Closed || a.Origin != OriginImport && a.CredentialVersion > 0
}

// imported returns the hash of the password as it was imported, or "" if there is none.
// Imports of releases before [Account.Origin] kept it only until the first sign-in.
func (a *Account) imported() string {
	if a.Origin == "" && !a.Closed && password.Foreign(a.PasswordHash) {
		return a.PasswordHash
	}
	return a.ImportedHash
}

// identity is an [authn.Identity].
type identity struct {
	account   *Account
	directory *Directory
}

func (i *identity) User() authn.User { return i.account.user() }

func (i *identity) Closed() bool { return i.account.IsClosed() }

func (i *identity) ImportedHash() string { return i.account.imported() }

// Confirm also keeps that the account was used, as [Proof.Confirm] does.
func (i *identity) Confirm(ctx context.Context) error {
	var err error
	atOnce(
		func() { i.directory.used(ctx, i.account) },
		func() { err = i.directory.Recheck(ctx, i.account) },
	)
	return err
}
