package accounts

import (
	"context"
	"errors"
	"sync"

	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/accounts/throttle"
)

// Authenticator checks names and passwords. It counts every attempt, and looks at a
// password only when the count allows it. It is safe for concurrent use.
type Authenticator struct {
	directory *Directory
	limiter   *throttle.Limiter
}

// NewAuthenticator returns the Authenticator of directory, whose attempts limiter
// counts.
func NewAuthenticator(directory *Directory, limiter *throttle.Limiter) *Authenticator {
	return &Authenticator{directory, limiter}
}

// Attempt is one attempt to sign in.
type Attempt struct {
	Username, Password string
	Address            string // the client's IP address
	Device             string // the value of its device cookie, "" if it sent none
}

// Proof is an attempt that succeeded. Who has it tells how it went on:
// [Proof.Confirm], [Proof.Settle] or [Proof.Withdraw].
type Proof struct {
	Account     *Account
	KnownDevice bool // the device signed in to this account before
	Failures    int  // attempts in a row that failed before this one

	directory *Directory
	admission *throttle.Admission
}

// Authenticate returns the proof that the attempt's name and password are right,
// or ErrRefused, [ErrBusy] or a [*throttle.Refused]; anything else is an outage.
//
// The attempt is counted before the hash is computed, and while the account is
// read. An unknown name, a wrong password and a disabled account look and cost the
// same: one count, one read and one hash (ASVS 6.3.8). What no account can have is
// refused before any: a name that [Normalize] refuses, a password over
// [password.MaxBytes]. A stored hash that cannot be read is logged and refused;
// one whose pepper is not configured is an outage.
//
// A right password whose stored hash is another framework's, or weaker than
// today's, is hashed anew and stored: at the cost of one hash and one write, once.
// Until then a foreign hash takes its own time to check.
func (d *Authenticator) Authenticate(ctx context.Context, a Attempt) (*Proof, error) {
	name, err := Normalize(a.Username)
	if err != nil || len(a.Password) > password.MaxBytes {
		return nil, ErrRefused
	}
	var account *Account
	var unread error
	var wg sync.WaitGroup
	wg.Go(func() { account, unread = d.directory.find(ctx, name) })
	admission, err := d.limiter.Admit(ctx, throttle.Attempt{Name: name, Address: a.Address, Device: a.Device})
	wg.Wait()
	if err != nil {
		return nil, err
	}
	if err = unread; err == nil {
		account, err = d.directory.prove(ctx, account, a.Password)
	}
	if err != nil {
		if !errors.Is(err, ErrRefused) {
			admission.Withdraw(ctx)
		}
		return nil, err
	}
	return &Proof{account, admission.KnownDevice, admission.Failures, d.directory, admission}, nil
}

// Confirm is what a sign-in asks once its session is stored: whether the proof
// still holds. While it asks, the failures of the name are forgotten. Errors as
// [Directory.Recheck].
func (p *Proof) Confirm(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { p.Settle(ctx) })
	err := p.directory.Recheck(ctx, p.Account)
	wg.Wait()
	return err
}

// ChangePassword is [Directory.ChangePassword] for the user whose current password
// is the proof. While end works, the failures of the name are forgotten.
func (p *Proof) ChangePassword(ctx context.Context, pw string, end func(context.Context) error) error {
	defer p.Withdraw(ctx) // unless end was called
	return p.directory.ChangePassword(ctx, p.Account, pw, func(ctx context.Context) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { p.Settle(ctx) })
		return end(ctx)
	})
}

// Settle forgets the failures of the name. A failure to do so is logged.
func (p *Proof) Settle(ctx context.Context) { p.admission.Succeed(ctx) }

// Withdraw says that the attempt came to nothing by an outage, so that it does not
// count as a failure.
func (p *Proof) Withdraw(ctx context.Context) { p.admission.Withdraw(ctx) }

// NewDevice returns the value of the cookie by which this device will be known, or
// "" if devices are not told apart.
func (d *Authenticator) NewDevice(p *Proof) string { return d.limiter.NewDevice(p.Account.Name) }
