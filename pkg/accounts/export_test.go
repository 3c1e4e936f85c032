package accounts

import "context"

// Exported for the tests.
const (
	Lease   = lease
	MaxText = maxText
)

// Exported for the tests.
var (
	EarlierKey = earlierKey
	Keys       = keys
	Ignorable  = ignorable
	Counted    = counted
)

// Checked returns r, for which the names of its store have been checked.
func (r *Registrar) Checked() *Registrar {
	r.namesChecked.Store(true)
	return r
}

// SetVerify replaces the function that compares a password with a hash.
func (d *Directory) SetVerify(verify func(encoded, password string) (bool, error)) { d.verify = verify }

// SetProcessors sets the number of processors for which the directory limits what it
// computes at once, and the bytes that a new hash needs.
func (d *Directory) SetProcessors(n, fresh int) { d.hashing = newHashing(n, fresh) }

// Prove checks the password of an account without counting the attempt.
func (d *Directory) Prove(ctx context.Context, account *Account, pw string) (*Account, error) {
	return d.authenticate(ctx, account, pw)
}
