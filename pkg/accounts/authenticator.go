package accounts

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// Authenticator checks names and passwords. It counts every attempt, and checks the
// password only if the attempt may go on. It is safe for concurrent use.
type Authenticator struct {
	directory *Directory
	limiter   *throttle.Limiter

	// bring asks another system about a name that nobody here has. It is a field, and not a
	// method, so that programs that ask nobody contain nothing that adds accounts. nil: nobody
	// is asked.
	bring func(ctx context.Context, username, pw string) (*Account, error)
}

// NewAuthenticator returns an Authenticator for the accounts in directory. The
// limiter counts its attempts.
func NewAuthenticator(directory *Directory, limiter *throttle.Limiter) *Authenticator {
	return &Authenticator{directory: directory, limiter: limiter}
}

// Proof is an [authn.Proof] of an account.
type Proof struct {
	Account *Account // as the attempt has read it

	directory *Directory
	limiter   *throttle.Limiter
	admission *throttle.Admission
}

// Authenticate implements [authn.Authenticator]. The proof is a [*Proof].
//
// The attempt is counted before the hash is computed, as [throttle.Limiter.Admit]
// does it. An unknown name, a wrong password and a disabled account look the same and
// cost the same: one read, the same counts and one hash (ASVS 6.3.8). A name of which an
// account from before the rule of [Normalize] would have another key costs one read more,
// whether there is such an account or not. Two kinds of
// input are refused before that, because no account can have them: a name that
// [Normalize] refuses, and a password over [password.MaxBytes]. If a stored hash
// cannot be read, this is logged and the attempt is refused. If the pepper of a
// stored hash is not configured, this is an outage. An Authenticator of [NewAsking]
// asks about an unknown name elsewhere before it refuses it.
//
// If the password is right and its stored hash comes from another framework or is
// weaker than a new one, the password is hashed again and stored. This costs one hash
// and one write, once. Until then a foreign hash takes its own time to check.
func (d *Authenticator) Authenticate(ctx context.Context, a authn.Attempt) (authn.Proof, error) {
	keys, err := keys(a.Username)
	if err != nil || len(a.Password) > password.MaxBytes {
		return nil, &authn.RefusedError{Reason: "malformed"}
	}
	var account *Account
	admission, err := d.limiter.Admit(ctx, throttle.Attempt{Name: counted(a.Username), Address: a.Address, Device: a.Device, UserID: a.UserID},
		func(ctx context.Context) (owner throttle.Owner, err error) {
			if account, err = d.directory.find(ctx, keys); err == nil {
				owner = account.owner()
			}
			return owner, err
		})
	if err != nil {
		return nil, err
	}
	found := account
	account, err = d.directory.authenticate(ctx, found, a.Password)
	if errors.Is(err, authn.ErrRefused) && found == d.directory.dummy && d.bring != nil && a.UserID == "" {
		account, err = d.bring(ctx, a.Username, a.Password)
	}
	switch {
	case errors.Is(err, authn.ErrRefused):
		admission.Fail(ctx)
		return nil, err
	case err != nil:
		admission.Withdraw(ctx)
		return nil, err
	}
	return &Proof{account, d.directory, d.limiter, admission}, nil
}

// owner returns what the limiter knows about the owner of the account's name.
func (a *Account) owner() throttle.Owner {
	return throttle.Owner{UserID: a.UserID, CredentialVersion: a.CredentialVersion}
}

// Subject returns what is limited when somebody signs in to the account. All spellings of
// a name are limited together, also if two accounts from before the rule of [Normalize]
// share it.
func (a *Account) Subject() throttle.Subject {
	return throttle.Subject{Name: counted(a.Name), Owner: a.owner()}
}

// CheckNew implements [authn.PasswordChanger] by [Directory.CheckNew].
func (d *Authenticator) CheckNew(pw, username string) error {
	return d.directory.CheckNew(pw, username)
}

// MinCharacters implements [authn.PasswordChanger].
func (d *Authenticator) MinCharacters() int { return password.MinCharacters }

// ChangePassword implements [authn.PasswordChanger] by [Directory.ChangePassword].
// The proof must come from Authenticate. Its Account is then the changed one.
func (d *Authenticator) ChangePassword(ctx context.Context, proof authn.Proof, pw string, end func(context.Context) error) error {
	p, ok := proof.(*Proof)
	if !ok {
		return fmt.Errorf("a proof of another Authenticator, of type %T", proof)
	}
	defer p.Withdraw(ctx) // it does nothing if end was called
	changed, err := d.directory.ChangePassword(ctx, p.Account, pw, func(ctx context.Context) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { p.Succeed(ctx) })
		return end(ctx)
	})
	if err == nil {
		p.Account = changed
	}
	return err
}

// User implements [authn.Proof].
func (p *Proof) User() authn.User {
	return p.Account.user()
}

func (a *Account) user() authn.User {
	return authn.User{ID: a.UserID, Username: a.Username, DisplayName: a.DisplayName, Roles: a.Roles, Preferences: a.Preferences, Attributes: a.Attributes}
}

// KnownDevice implements [authn.Proof].
func (p *Proof) KnownDevice() bool { return p.admission.KnownDevice }

// NewDevice implements [authn.Proof] by [throttle.Limiter.NewDevice].
func (p *Proof) NewDevice() string {
	return p.limiter.NewDevice(p.Account.owner())
}

// Failures implements [authn.Proof].
func (p *Proof) Failures() int { return p.admission.Failures }

// Confirm implements [authn.Proof] by [Directory.Recheck]. At the same time it does what
// Succeed does.
func (p *Proof) Confirm(ctx context.Context) error {
	var err error
	atOnce(
		func() { p.Succeed(ctx) },
		func() { err = p.directory.Recheck(ctx, p.Account) },
	)
	return err
}

// Succeed implements [authn.Proof]: it clears the failures in a row, and at the same time
// keeps that the account was used: see [Account.LastUsedAt]. If one of them fails, it logs
// the error.
func (p *Proof) Succeed(ctx context.Context) {
	atOnce(
		func() { p.admission.Succeed(ctx) },
		func() { p.directory.used(ctx, p.Account) },
	)
}

// Withdraw implements [authn.Proof].
func (p *Proof) Withdraw(ctx context.Context) { p.admission.Withdraw(ctx) }
