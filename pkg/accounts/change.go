package accounts

import (
	"context"
	"errors"
	"time"

	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/signin/authn"
)

// lease is how long a password change may take. Beyond it, a freeze is what a
// process left that ended in between, and the next sign-in clears it.
const lease = 15 * time.Second

// writeTries bounds the races that one change may lose. Each means that another
// write got through.
const writeTries = 32

// ChangePassword gives account, as the caller has just read or proved it, the
// password pw, and ends its sessions in between by calling end. The order of the
// writes is what makes it safe: the account is frozen, so that no sign-in by the
// old password can succeed from then on; its sessions end; the new hash is stored
// and the account thawed. Whichever of these is the last, the old password is
// valid and the change can be repeated, or the new one is and no session is left
// that the old one made.
//
// An error of end is returned as it is, and the password stays. [authn.ErrBusy] if
// another change is under way, or the account is no longer as the caller read it.
// What [password.CheckNew] says against pw changes nothing.
func (d *Directory) ChangePassword(ctx context.Context, account *Account, pw string, end func(context.Context) error) error {
	if err := password.CheckNew(pw, account.Name); err != nil {
		return err
	}
	hash, err := d.hash(ctx, pw)
	if err != nil {
		return err
	}
	frozen, err := d.freeze(ctx, account)
	if err != nil {
		return err
	}
	during, cancel := context.WithDeadline(ctx, frozen.FrozenUntil)
	defer cancel()
	if err := end(during); err != nil {
		return errors.Join(err, d.thaw(ctx, frozen, frozen.PasswordHash))
	}
	return d.thaw(during, frozen, hash)
}

// freeze keeps everybody from signing in for the time of the lease.
func (d *Directory) freeze(ctx context.Context, account *Account) (*Account, error) {
	return d.modify(ctx, account, func(now *Account) error {
		if now.Version != account.Version || time.Now().Before(now.FrozenUntil) {
			return authn.ErrBusy
		}
		now.FrozenUntil = time.Now().UTC().Truncate(time.Second).Add(lease)
		now.Version++
		return nil
	})
}

// thaw ends a freeze of our own: the version tells it from that of others.
func (d *Directory) thaw(ctx context.Context, frozen *Account, hash string) error {
	_, err := d.modify(ctx, frozen, func(now *Account) error {
		if now.Version != frozen.Version {
			return authn.ErrBusy
		}
		now.PasswordHash, now.FrozenUntil = hash, time.Time{}
		now.Version++
		return nil
	})
	return err
}

// thawExpired clears the freeze of a change that never ended. One that is under
// way is authn.ErrBusy.
func (d *Directory) thawExpired(ctx context.Context, account *Account) (*Account, error) {
	if account.FrozenUntil.IsZero() {
		return account, nil
	}
	return d.modify(ctx, account, func(now *Account) error {
		if now.Version != account.Version || time.Now().Before(now.FrozenUntil) {
			return authn.ErrBusy
		}
		now.FrozenUntil = time.Time{}
		now.Version++
		return nil
	})
}

// SetDisabled says whether the user may sign in, and returns the account as it is
// then. Sessions that the user has are the caller's to end, afterwards.
func (d *Directory) SetDisabled(ctx context.Context, account *Account, disabled bool) (*Account, error) {
	return d.modify(ctx, account, func(now *Account) error {
		now.Disabled, now.FrozenUntil = disabled, time.Time{}
		now.Version++
		return nil
	})
}

// SetProfile replaces what displayName and roles are not nil for, and returns the
// account as it is then. Sessions with the old roles are the caller's to end,
// afterwards; no new one gets them.
func (d *Directory) SetProfile(ctx context.Context, account *Account, displayName *string, roles *[]string) (*Account, error) {
	return d.modify(ctx, account, func(now *Account) error {
		if displayName != nil {
			now.DisplayName = *displayName
		}
		if roles != nil {
			now.Roles = *roles
			now.Version++
		}
		return checkProfile(now.DisplayName, now.Roles)
	})
}

// SetPreferences implements [authn.PreferenceSetter] by one read and one write.
func (d *Directory) SetPreferences(ctx context.Context, userID, username string, settings map[string]string) error {
	account, err := d.Find(ctx, username)
	if err == nil {
		if account.UserID != userID {
			return authn.ErrNoUser
		}
		err = d.setPreferences(ctx, account, settings)
	}
	if errors.Is(err, ErrNotFound) {
		return authn.ErrNoUser
	}
	return err
}

func (d *Directory) setPreferences(ctx context.Context, account *Account, settings map[string]string) error {
	_, err := d.modify(ctx, account, func(now *Account) error {
		if now.Preferences == nil {
			now.Preferences = map[string]string{}
		}
		for key, setting := range settings {
			now.Preferences[key] = setting
		}
		return nil
	})
	return err
}

// Delete removes an account that nobody can sign in to any more: disable it and end
// its sessions first. [ErrChanged] if it is no longer as the caller read it.
func (d *Directory) Delete(ctx context.Context, account *Account) error {
	return d.store.Delete(ctx, account)
}

// modify applies change to account and stores it, again from what is stored when
// it loses a race. An error of change ends it, and nothing is written.
func (d *Directory) modify(ctx context.Context, account *Account, change func(now *Account) error) (*Account, error) {
	base := account
	for range writeTries {
		next := base.Clone()
		if err := change(next); err != nil {
			return nil, err
		}
		err := d.write(ctx, next)
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrChanged) {
			return nil, err
		}
		if base, err = d.store.Get(ctx, account.Name); err != nil {
			return nil, err
		}
		if base.UserID != account.UserID {
			return nil, ErrNotFound // another account of that name
		}
	}
	return nil, authn.ErrBusy
}

// write stores the account, and gives it its new revision.
func (d *Directory) write(ctx context.Context, account *Account) error {
	revision := randomID()
	if err := d.store.Update(ctx, account, revision); err != nil {
		return err
	}
	account.Revision = revision
	return nil
}
