package accounts

import "context"

// Difference says what an import that is run again changes about an account that is there.
type Difference struct {
	Password bool // the other system has another hash than the one that was imported
	Disabled bool // the other system does not let the user sign in any more
}

// Reimport makes a stored account as row says, which is the same user as
// [Registrar.Imported] has it from the other system now. It returns what [Account.Differs]
// does. If nothing differs, it makes no call; and it changes nothing else of the account.
//
// The sessions of an account that differs are ended by calling end, in the order in which
// [Directory.ChangePassword] does it. So a process that stops between two of the steps
// leaves an account that differs still, or one of which every session has ended. Reimport
// returns the error of end, or [authn.ErrBusy] if another change is in progress.
func (r *Registrar) Reimport(ctx context.Context, stored, row *Account, end func(context.Context) error) (Difference, error) {
	differs := stored.Differs(row)
	if differs == (Difference{}) {
		return differs, nil
	}
	_, err := r.changeFrozen(ctx, stored, end, func(now *Account) {
		if differs.Password {
			now.PasswordHash, now.ImportedHash, now.Origin = row.PasswordHash, row.PasswordHash, OriginImport
			now.CredentialVersion++
		}
		if differs.Disabled {
			now.Disable()
		}
	})
	return differs, err
}

// Differs returns what [Registrar.Reimport] changes about a stored account.
//
// It replaces the password's hash if the row has another one than was imported, also where
// a sign-in has made a new hash of the same password. It leaves the hash if the account is
// closed: if the password was changed here, or the account disabled. It disables an account
// of which the row is disabled, and never enables one.
func (a *Account) Differs(row *Account) Difference {
	hash := a.imported()
	return Difference{
		Password: !a.IsClosed() && hash != "" && hash != row.PasswordHash,
		Disabled: !a.Disabled && row.Disabled,
	}
}

// FromImport reports whether the account is certainly from an import.
func (a *Account) FromImport() bool { return a.Origin == OriginImport || a.imported() != "" }

// HasSignedIn reports whether the password of an imported account was given or changed
// here since the last import. It is false if that cannot be told, because the imported
// hash is like one of ours.
func (a *Account) HasSignedIn() bool { return a.PasswordHash != a.imported() }

// ForgetImported removes the imported hash of a stored account that has another one by
// now, and reports whether it did. No import replaces the password of such an account any
// more. It returns ErrNotFound if the account was deleted.
func (r *Registrar) ForgetImported(ctx context.Context, account *Account) (bool, error) {
	if account.ImportedHash == "" || !account.HasSignedIn() {
		return false, nil
	}
	_, err := r.modify(ctx, account, func(now *Account) error {
		if now.HasSignedIn() { // else somebody has imported it again meanwhile
			now.ImportedHash = ""
		}
		return nil
	})
	return err == nil, err
}
