package accounts

import "context"

// What the tests see beside what everybody sees.
const (
	Lease   = lease
	MaxText = maxText
)

// SetVerify replaces what compares a password with a hash.
func (d *Directory) SetVerify(verify func(encoded, password string) (bool, error)) { d.verify = verify }

// SetPreferencesOf is SetPreferences for an account as the caller has read it.
func (d *Directory) SetPreferencesOf(ctx context.Context, account *Account, settings map[string]string) error {
	return d.setPreferences(ctx, account, settings)
}

// Prove is what a right name and password lead to, uncounted.
func (d *Directory) Prove(ctx context.Context, account *Account, pw string) (*Account, error) {
	return d.authenticate(ctx, account, pw)
}
