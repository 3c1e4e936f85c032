package accounts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// lease is the maximum time of a password change. A freeze that is older was left by
// a process that stopped during the change. The next sign-in clears it.
const lease = 15 * time.Second

// writeTries limits how often one change tries its write again. Each failed try means
// that another write of the account succeeded.
const writeTries = 32

// The pause before a change reads the account again is random, so that writers who met
// once do not meet again. It grows, so that many writers leave each other room, also on
// a busy store, where more of them meet because each try takes longer.
const (
	firstPause   = 4 * time.Millisecond // the longest pause after the first failed try
	longestPause = 2 * time.Second
)

// ChangePassword sets the password of the account to pw, ends the sessions of the
// account by calling end, and returns the changed account. The account must be as the caller has just read it or
// authenticated it. The order of the writes makes the change safe. First the account
// is frozen, so that no sign-in with the old password can succeed any more. Then its
// sessions end. Then the new hash is stored and the account is thawed. A process that
// stops after any of these steps leaves one of two states: the old password is valid
// and the change can be repeated, or the new password is valid and no session is left
// that was made with the old one.
//
// If end returns an error, ChangePassword returns it unchanged, and the password
// stays the same. It returns [authn.ErrBusy] if another change is in progress, or if
// the account has changed since the caller read it. If [Directory.CheckNew] refuses
// pw, nothing is changed.
func (d *Directory) ChangePassword(ctx context.Context, account *Account, pw string, end func(context.Context) error) (*Account, error) {
	if err := d.CheckNew(pw, account.Name); err != nil {
		return nil, err
	}
	hash, err := d.hash(ctx, pw)
	if err != nil {
		return nil, err
	}
	return d.changeFrozen(ctx, account, end, func(now *Account) {
		now.PasswordHash, now.ImportedHash, now.Closed = hash, "", true
		now.CredentialVersion++
	})
}

// changeFrozen freezes the account, calls end, and then makes the change and thaws the
// account in one write. [Directory.ChangePassword] says what is so in between, and what it returns.
func (d *Directory) changeFrozen(ctx context.Context, account *Account, end func(context.Context) error, change func(now *Account)) (*Account, error) {
	frozen, err := d.freeze(ctx, account)
	if err != nil {
		return nil, err
	}
	during, cancel := context.WithDeadline(ctx, frozen.FrozenUntil)
	defer cancel()
	if err := end(during); err != nil {
		_, left := d.thaw(ctx, frozen, func(*Account) {})
		return nil, errors.Join(err, left)
	}
	return d.thaw(during, frozen, change)
}

// frozen reports whether a change of the account is in progress now. One that has moved to
// another name and was read by that name is not: see moved.
func (a *Account) frozen() bool { return time.Now().Before(a.FrozenUntil) && !a.moving() }

// freeze makes every sign-in fail for the time of the lease.
func (d *Directory) freeze(ctx context.Context, account *Account) (*Account, error) {
	return d.modify(ctx, account, func(now *Account) error {
		if now.Version != account.Version || now.frozen() {
			return authn.ErrBusy
		}
		now.freeze()
		return nil
	})
}

// freeze sets the account frozen for the time of the lease.
func (a *Account) freeze() {
	a.FrozenUntil = now().Add(lease)
	a.Version++
}

// thaw ends the freeze that this change made, and makes the change in the same write. The
// version distinguishes the freeze from that of another change.
func (d *Directory) thaw(ctx context.Context, frozen *Account, change func(now *Account)) (*Account, error) {
	return d.modify(ctx, frozen, func(now *Account) error {
		if now.Version != frozen.Version {
			return authn.ErrBusy
		}
		change(now)
		now.FrozenUntil = time.Time{}
		now.Version++
		return nil
	})
}

// thawExpired clears the freeze of a change that was interrupted. It returns
// authn.ErrBusy if the change is still in progress.
func (d *Directory) thawExpired(ctx context.Context, account *Account) (*Account, error) {
	if account.FrozenUntil.IsZero() {
		return account, nil
	}
	return d.modify(ctx, account, func(now *Account) error {
		if now.Version != account.Version || now.frozen() {
			return authn.ErrBusy
		}
		now.FrozenUntil = time.Time{}
		now.Version++
		return nil
	})
}

// SetDisabled sets whether the user may sign in, and returns the changed account. The
// caller must end the user's sessions afterwards.
func (d *Directory) SetDisabled(ctx context.Context, account *Account, disabled bool) (*Account, error) {
	return d.modify(ctx, account, func(now *Account) error {
		if now.Disabled = false; disabled {
			now.Disable()
		}
		now.FrozenUntil = time.Time{}
		now.Version++
		return nil
	})
}

// Disable keeps the user of an account that is about to be stored from signing in. To
// disable one that is stored call [Directory.SetDisabled].
func (a *Account) Disable() {
	a.Disabled, a.Closed = true, true
	a.CredentialVersion++
}

// SetProfile replaces the display name if displayName is not nil, and the roles if
// roles is not nil, by the rules of [Registrar.Register]. It returns the changed account.
// The caller must end the sessions with the old roles afterwards. No new session gets the
// old roles.
func (d *Directory) SetProfile(ctx context.Context, account *Account, displayName *string, roles *[]string) (*Account, error) {
	if displayName != nil {
		if err := checkDisplayName(*displayName); err != nil {
			return nil, err
		}
	}
	if roles != nil {
		if err := checkRoles(*roles); err != nil {
			return nil, err
		}
	}
	return d.modify(ctx, account, func(now *Account) error {
		if displayName != nil {
			now.DisplayName = *displayName
		}
		if roles != nil {
			now.Roles = *roles
			now.Version++
		}
		return nil
	})
}

// SetPreferences implements [authn.PreferenceSetter] by [Store.SetPreferences]. It
// touches nothing else of the account.
func (d *Directory) SetPreferences(ctx context.Context, userID, username string, settings map[string]string) error {
	keys, err := keys(username)
	if err != nil {
		return authn.ErrNoUser // no account can have this name
	}
	for _, key := range keys {
		err := d.store.SetPreferences(ctx, key, userID, settings, randomID())
		if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return authn.ErrNoUser
}

// modify applies change to the account and stores the result. If it loses a race to
// another write, it pauses, reads the account again and repeats the change. If change
// returns an error, modify stops and writes nothing. If it loses every race, it returns
// authn.ErrBusy.
func (d *Directory) modify(ctx context.Context, account *Account, change func(now *Account) error) (*Account, error) {
	base := account
	for try := range writeTries {
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
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
		if base, err = d.store.Get(ctx, account.Name); err != nil {
			return nil, err
		}
		if base.UserID != account.UserID {
			return nil, ErrNotFound // the name belongs to another account now
		}
	}
	return nil, authn.ErrBusy
}

// pause waits before the account is read again, after the try with that number, from 0.
func pause(ctx context.Context, try int) error {
	select {
	case <-time.After(rand.N(min(firstPause<<min(try, 10), longestPause))):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", authn.ErrBusy, ctx.Err())
	}
}

// write stores the account and sets its new revision.
func (d *Directory) write(ctx context.Context, account *Account) error {
	revision := randomID()
	if err := d.store.Update(ctx, account, revision); err != nil {
		return err
	}
	account.Revision = revision
	return nil
}
