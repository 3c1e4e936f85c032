package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// untilMoved is the FrozenUntil of an account of a new name until the old name is gone. A
// program of a release before renaming takes it for a change in progress.
var untilMoved = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// moving reports whether a is an account of a new name that may not be the user's yet.
func (a *Account) moving() bool { return a.RenamedFrom != "" && a.FrozenUntil.Equal(untilMoved) }

// moved returns a, unless it is the account of a new name that is not the user's yet: as long
// as the account of the old name is there, that one is. It makes no call for any other
// account. Who has the user ID decides if there is no account of the old name, because a user
// may have been deleted while the name was changed.
func (d *Directory) moved(ctx context.Context, a *Account) (*Account, error) {
	if !a.moving() {
		return a, nil
	}
	switch old, err := d.store.Get(ctx, a.RenamedFrom); {
	case err == nil && old.UserID == a.UserID:
		return nil, ErrNotFound
	case err != nil && !errors.Is(err, ErrNotFound):
		return nil, err
	}
	owner, err := d.store.FindID(ctx, a.UserID)
	if err == nil && owner.Name != a.Name {
		return nil, ErrNotFound
	}
	return a, err
}

// Along is what goes along when a user gets another name. The two accounts are the user's,
// with the old name and the new one. A function is called again where a change was
// interrupted, so it must do the same when it is.
type Along struct {
	// Before is called while nobody can sign in by either name. An error of it is returned, and
	// the user keeps the old name.
	Before func(ctx context.Context, from, to *Account) error

	// After is called when the user has the new name. If it fails, the user keeps the new
	// name, and Rename can be called again.
	After func(ctx context.Context, from, to *Account) error
}

// Rename gives the user of account another name, and returns the changed account. The user
// ID and all other fields stay, but a display name that is the old name becomes the new one. The
// account must be as the caller has just read it.
//
// An account is stored under its name, and no store can move one under another in one write.
// So the order of the writes makes the change safe. First the account is frozen, as in
// [Directory.ChangePassword], and names the new name. Then it is stored under the new name
// too, where nobody can sign in while the old one is there. Then the user ID leads to the new
// one, and the old one is deleted if nothing has changed it: at this moment the user has the
// new name. A process that stops anywhere leaves the user with one of the two names, by
// which a sign-in succeeds after 15 seconds at most. To finish, call Rename again, for an
// account that has the new name with what [Registrar.FindRenamed] returns.
//
// The error wraps [ErrExists] if somebody has the new name, or [authn.ErrBusy] if the account
// is being changed or deleted. Then nothing has changed. Where the old name and the new one
// are one name, only Username is another one.
func (r *Registrar) Rename(ctx context.Context, account *Account, username string, along Along) (*Account, error) {
	to, err := Normalize(username)
	if err != nil {
		return nil, err
	}
	if err := r.checked(ctx); err != nil {
		return nil, err
	}
	from := account.Clone()
	switch {
	case account.Name == to && account.RenamedFrom != "":
		from.Name = account.RenamedFrom
	case account.Name == to:
		account, err = r.modify(ctx, account, func(now *Account) error {
			now.spell(visible(username))
			return nil
		})
	default:
		account, err = r.move(ctx, account, to, visible(username), along.Before)
	}
	if err != nil {
		return nil, err
	}
	if err := along.After(ctx, from, account); err != nil {
		return nil, err
	}
	return r.arrive(ctx, account)
}

// FindRenamed returns the user of the name to who had the name from, if a [Registrar.Rename]
// was interrupted after the user got the new name. Otherwise it returns ErrNotFound.
func (r *Registrar) FindRenamed(ctx context.Context, from, to string) (*Account, error) {
	account, err := r.Find(ctx, to)
	if err == nil && (account.RenamedFrom == "" || counted(account.RenamedFrom) != counted(from)) {
		return nil, ErrNotFound
	}
	return account, err
}

// arrive ends the change: nothing of the old name is left.
func (r *Registrar) arrive(ctx context.Context, account *Account) (*Account, error) {
	if account.RenamedFrom == "" {
		return account, nil
	}
	if name, err := Normalize(account.RenamedFrom); err == nil && name != account.RenamedFrom {
		if err := r.release(ctx, name, account.RenamedFrom); err != nil {
			return nil, err
		}
	}
	return r.modify(ctx, account, func(now *Account) error {
		if now.moving() {
			now.FrozenUntil = time.Time{}
			now.Version++
		}
		now.RenamedFrom = ""
		return nil
	})
}

// move moves the account to another key, and returns it as it is there.
func (r *Registrar) move(ctx context.Context, account *Account, to, username string, before func(context.Context, *Account, *Account) error) (*Account, error) {
	if err := r.canMove(ctx, account, to); err != nil {
		return nil, err
	}
	leaving, err := r.leave(ctx, account, to)
	if err != nil {
		return nil, err
	}
	during, cancel := context.WithDeadline(ctx, leaving.FrozenUntil)
	defer cancel()
	moved, err := r.carry(during, leaving, username, before)
	switch {
	case errors.Is(err, ErrExists), errors.Is(err, authn.ErrBusy), errors.Is(err, errBefore):
		return nil, errors.Join(err, r.stay(ctx, leaving))
	case err != nil:
		return nil, fmt.Errorf("run it again: %w", err) // nobody knows how far it came
	}
	return moved, nil
}

// canMove returns ErrExists if somebody else has the name.
func (r *Registrar) canMove(ctx context.Context, account *Account, to string) error {
	_, err := r.freeName(ctx, to)
	if !errors.Is(err, ErrExists) {
		return err
	}
	if counted(account.Name) == counted(to) {
		return fmt.Errorf("%w: it is one name with that of the user by the rule for new names; choose another one first, and this one then", err)
	}
	stored, other := r.registry.Get(ctx, to)
	if other == nil && isCopy(stored, account) {
		return nil
	}
	if other != nil && !errors.Is(other, ErrNotFound) {
		return other
	}
	return err
}

// isCopy reports whether stored is what an interrupted change of the account's name has left
// under the new name.
func isCopy(stored, account *Account) bool {
	return stored.UserID == account.UserID && stored.RenamedFrom == account.Name && stored.moving()
}

// leave freezes the account, and writes down where it goes. What a change to a third name has
// left there is removed after the freeze, so that nothing is taken from a change that goes on.
func (r *Registrar) leave(ctx context.Context, account *Account, to string) (*Account, error) {
	leaving, err := r.modify(ctx, account, func(now *Account) error {
		if now.Version != account.Version || now.frozen() {
			return authn.ErrBusy
		}
		now.freeze()
		now.RenamedTo = cmp.Or(now.RenamedTo, to)
		return nil
	})
	if err != nil || leaving.RenamedTo == to {
		return leaving, err
	}
	if err := r.dropCopy(ctx, leaving); err != nil {
		return nil, err
	}
	return r.modify(ctx, leaving, func(now *Account) error {
		if now.Version != leaving.Version {
			return authn.ErrBusy
		}
		now.RenamedTo = to
		return nil
	})
}

// errBefore marks an error of [Along.Before].
var errBefore = errors.New("what goes along with a name")

// carry stores the account under the new name and deletes the one under the old name.
func (r *Registrar) carry(ctx context.Context, leaving *Account, username string, before func(context.Context, *Account, *Account) error) (*Account, error) {
	if err := r.dropCopy(ctx, leaving); err != nil { // an earlier one may be of an older state
		return nil, err
	}
	copied := copyTo(leaving, username)
	if err := r.settle(ctx, copied); err != nil {
		return nil, err
	}
	if err := before(ctx, leaving, copied); err != nil {
		return nil, fmt.Errorf("%w: %w", errBefore, err)
	}
	if err := r.passID(ctx, leaving.UserID, leaving.Name, copied.Name); err != nil {
		return nil, err
	}
	for try := range writeTries {
		err := r.registry.Delete(ctx, leaving)
		if !errors.Is(err, ErrChanged) {
			return copied, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
		now, err := r.registry.Get(ctx, leaving.Name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if err != nil || now.UserID != leaving.UserID || now.Version != leaving.Version {
			return nil, authn.ErrBusy // a sign-in after the lease, an operator, or a deletion
		}
		leaving = now // preferences or a display name are others: the copy gets them too
		next := copyTo(leaving, username)
		next.Revision = copied.Revision
		if err := r.write(ctx, next); err != nil {
			return nil, err
		}
		copied = next
	}
	return nil, authn.ErrBusy
}

// copyTo returns the account as it is stored under the new name.
func copyTo(leaving *Account, username string) *Account {
	c := leaving.Clone()
	c.spell(username)
	c.Name, c.Revision = leaving.RenamedTo, randomID()
	c.RenamedTo, c.RenamedFrom, c.FrozenUntil = "", leaving.Name, untilMoved
	return c
}

// spell sets the name as it was typed. A display name that is the name, as it is if nobody has
// given one, stays so.
func (a *Account) spell(username string) {
	if a.DisplayName == a.Username {
		a.DisplayName = username
	}
	a.Username = username
}

// settle stores the account under the new name. A claim of that name whose account is gone
// makes room for it.
func (r *Registrar) settle(ctx context.Context, copied *Account) error {
	stale, err := r.freeName(ctx, copied.Name)
	if err != nil {
		return err
	}
	if stale != "" {
		if err := r.release(ctx, copied.Name, stale); err != nil {
			return err
		}
	}
	if err := r.registry.Create(ctx, copied); err != nil {
		return fmt.Errorf("user %q: %w", copied.Name, err)
	}
	return nil
}

// passID makes the user ID lead to the account under the key to. It claims nothing anew, so
// that the ID of a deleted user stays nobody's: it returns authn.ErrBusy if the user is being
// deleted.
func (r *Registrar) passID(ctx context.Context, userID, from, to string) error {
	err := r.registry.PassClaim(ctx, idKey(userID), from, to)
	if errors.Is(err, ErrChanged) {
		return authn.ErrBusy
	}
	return err
}

// stay undoes what was written of a change that cannot be made: the user keeps the old name.
// It freezes the account again first, because another change may have begun when the lease was
// over: then that one tidies up.
func (r *Registrar) stay(ctx context.Context, leaving *Account) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	defer cancel()
	held, err := r.modify(ctx, leaving, func(now *Account) error {
		if now.Version != leaving.Version && now.frozen() {
			return authn.ErrBusy
		}
		now.freeze()
		return nil
	})
	switch {
	case errors.Is(err, authn.ErrBusy):
		return nil
	case errors.Is(err, ErrNotFound):
		return r.dropLeft(ctx, leaving)
	case err != nil:
		return err
	}
	if err := r.dropCopy(ctx, held); err != nil {
		return err
	}
	_, err = r.modify(ctx, held, func(now *Account) error {
		if now.Version == held.Version {
			now.FrozenUntil = time.Time{}
			now.Version++
		}
		now.RenamedTo = ""
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// dropLeft removes what is left under the new name of a user who was deleted. If the user ID
// leads there, another change has finished what this one began, and it is the user's account.
func (r *Registrar) dropLeft(ctx context.Context, gone *Account) error {
	holder, err := r.holder(ctx, idKey(gone.UserID))
	if err != nil || holder == gone.RenamedTo {
		return err
	}
	return r.dropCopy(ctx, gone)
}

// dropCopy makes the user ID lead to the account itself again, and removes the one under the
// new name, if a change of the name has left one there.
func (r *Registrar) dropCopy(ctx context.Context, account *Account) error {
	if account.RenamedTo == "" {
		return nil
	}
	err := r.registry.PassClaim(ctx, idKey(account.UserID), account.RenamedTo, account.Name)
	if err != nil && !errors.Is(err, ErrChanged) {
		return err
	}
	stored, err := r.registry.Get(ctx, account.RenamedTo)
	if errors.Is(err, ErrNotFound) || err == nil && !isCopy(stored, account) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.registry.Delete(ctx, stored)
}
