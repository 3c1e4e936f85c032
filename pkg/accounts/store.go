package accounts

import (
	"context"
)

// Store keeps accounts by Name: what signing in, changing passwords and preferences need.
// It applies no rules and is safe for concurrent use. An error other than the errors named
// here is an outage: the result is unknown.
type Store interface {
	// Get returns a copy of the account that belongs to the caller. It sees every
	// write that finished before the call (a strongly consistent read). It returns
	// ErrNotFound if there is no such account.
	Get(ctx context.Context, name string) (*Account, error)

	// FindID returns the account with that user ID as Get does, or ErrNotFound. User IDs
	// are compared byte by byte.
	FindID(ctx context.Context, userID string) (*Account, error)

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
}

// Registry is a Store in which accounts are added and deleted.
type Registry interface {
	Store

	// Create stores a new account under a.Name. It returns ErrExists if the name is
	// taken, and then leaves the stored account as it is.
	Create(ctx context.Context, a *Account) error

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

// FindByClaim is the FindID of a Registry. It makes two calls, one after the other: it
// reads who holds the user ID, and then that account. An account from before user IDs were
// claimed is not found: see [Registrar.CheckNames].
func FindByClaim(ctx context.Context, registry Registry, userID string) (*Account, error) {
	name, err := registry.Holder(ctx, idKey(userID))
	if err != nil {
		return nil, err
	}
	account, err := registry.Get(ctx, name)
	if err == nil && account.UserID != userID { // a claim is written before its account; that of a deleted user names none
		return nil, ErrNotFound
	}
	return account, err
}
