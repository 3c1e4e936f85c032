package accounts

import (
	"context"
	"time"
)

// Store keeps accounts by Name: what signing in, changing passwords and preferences need.
// Four methods on a table of users that exists already are one; all stores of this module are a
// [Registry]. It has only the rules that are written here; all other rules are in [Directory]. It
// reads no clock, keeps no copies and nothing else that another process would have to know, and
// is safe for concurrent use. If it does not know the answer, it returns an error that is not
// ErrNotFound or ErrChanged: in an outage, when the context has ended, for a damaged row.
// accountstest.Run tests this contract.
//
// # What the application keeps, and what stands beside it
//
// UserID, Username, DisplayName, Roles, PasswordHash, Disabled and Attributes may be columns of
// somebody else's table. No user ever gets the UserID of another one, also of one who was removed,
// as SQLite gives away the greatest number again unless it is AUTOINCREMENT. Revision, Version,
// CredentialVersion, FrozenUntil, Closed, ImportedHash and Preferences are ours. They may stand in
// a table beside it, in the same database, if each write is one transaction, and go by the UserID
// there, not by the name. A user who has no row there yet has no freeze, is not Closed, and has
// OriginImport and the application's hash as ImportedHash. What is NULL is a value too: no
// password is the hash "!", and a display name that is missing is the user name.
//
// # What another program writes
//
// An application that writes its own columns knows nothing of Revision. What it has written must
// count as a change all the same: Revision, Version and CredentialVersion are others when the
// password is another one, Revision and Version when the user may not sign in any more or has
// other roles, and Revision alone when another column that Update writes is another one, such as
// that of the display name. Compare the columns with what they were at the last write of ours, a
// digest of them beside our revision; or let a trigger count. (PostgreSQL's xmin does not do: of
// two changes one after the other it tells Revision, and not Version.) Then our writes never undo
// one of the application's, and a sign-in in progress with the old password fails at its last
// step. The sessions that a user has go on: no request of theirs reads the account. So the
// application must end them where it sets a password or disables or removes a user, with
// session.Manager.RevokeAll on the same store of sessions.
//
// # What breaks if a store lies
//
// A Store that loses a write, reads from a late replica, or finds somebody else's row takes
// from the promises of the Directory what it adds to its answers. Each method says what.
type Store interface {
	// Get returns the account as a copy that belongs to the caller. The name is the result of
	// [Normalize], or a spelling of a name in lower case from before that rule; Name of the
	// account is that name exactly, and its Username is the same name by Normalize. So a
	// database that takes two names for one, by its collation, must be asked more exactly; and
	// where two rows have one name, Get returns an error, or always the same of them. Get sees
	// every write that finished before the call (a strongly consistent read), and each write
	// whole. It returns ErrNotFound if there is no such account.
	//
	// If it is late, a user signs in with a password that was changed, or after having been
	// disabled. If it returns another user's account, the Directory refuses an account with
	// another Name; it cannot notice one with the Name asked for.
	Get(ctx context.Context, name string) (*Account, error)

	// FindID returns the account with that user ID as Get does, with the Name by which Get
	// finds it. User IDs are compared byte by byte: where 17 is a user, 017 is nobody. A text
	// that cannot be an ID is ErrNotFound too, and no outage.
	FindID(ctx context.Context, userID string) (*Account, error)

	// Update stores a under a.Name and sets the revision to newRevision, if the stored revision
	// is a.Revision. Both happen in one write that is atomic, in however many tables. It stores
	// all fields but Name, UserID, Attributes, CreatedAt and LastUsedAt, and, where users come
	// from elsewhere, Username, Origin, RenamedTo and RenamedFrom. If it cannot change DisplayName, Roles or Disabled, and one of them is another
	// one, it returns an error and writes nothing. FrozenUntil has whole seconds and any time
	// zone; the zero time means none. The versions have 63 bits.
	//
	// If the stored revision is already newRevision, this write was applied before, and Update
	// returns nil: a driver may send it again when the answer was lost. It returns ErrChanged if
	// the stored revision is another one, or there is no such account, or the name is that of
	// another UserID now, and it is certain that this write was not applied.
	//
	// If it compares no revision, or not in the same moment as it writes, of two changes at once
	// one is lost: an account that was disabled can sign in again, or an old password is good
	// again. If it writes half, the account may have a new password while the sessions of the
	// old one go on.
	Update(ctx context.Context, a *Account, newRevision string) error

	// SetPreferences sets the preferences that are in settings, leaves the others as
	// they are, and sets the revision to newRevision. It needs no revision of the
	// caller: of two calls at once, the settings of both are kept. Sent twice, it has
	// the same result. It returns ErrNotFound, and writes nothing, if no account of
	// that name has that user ID. It touches no other field: not a password that the
	// application has just set.
	SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error
}

// UseStore is a Store that keeps when each account was last used. It is no part of Store, so
// that a table of users that exists already needs nothing more: with such a Store LastUsedAt
// stays what Get returns.
type UseStore interface {
	Store

	// SetLastUsed sets LastUsedAt to at, in whole seconds, unless it is that late already.
	// It touches no other field, and not Revision, so it makes no other write fail and undoes
	// none. Sent twice, it has the same result. It returns ErrNotFound, and writes nothing,
	// if no account of that name has that user ID.
	SetLastUsed(ctx context.Context, name, userID string, at time.Time) error
}

// Registry is a Store in which accounts are added and deleted, by a [Registrar]: those of
// packages memaccounts, dynamoaccounts, sqlaccounts and redisaccounts. It keeps the fields too that
// come from elsewhere in other stores, and no Attributes. accountstest.RunRegistry and accountstest.RunNames test this contract.
type Registry interface {
	UseStore

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
	if checkText(userID) != nil {
		return nil, ErrNotFound // a database may refuse such a text, and nobody has it
	}
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
