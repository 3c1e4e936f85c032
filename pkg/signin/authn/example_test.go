package authn_test

import (
	"context"
	"crypto/subtle"
	"fmt"

	"example.com/coatcheck/pkg/signin/authn"
)

// oneUser knows one user, and no limit of attempts. It is only an example: the secret of a
// person is guessed where nothing counts.
type oneUser struct{ name, secret string }

// Authenticate implements [authn.Authenticator].
func (o oneUser) Authenticate(_ context.Context, a authn.Attempt) (authn.Proof, error) {
	right := subtle.ConstantTimeCompare([]byte(a.Password), []byte(o.secret)) == 1
	if a.Username != o.name || !right || a.UserID != "" && a.UserID != o.name {
		return nil, authn.ErrRefused
	}
	return proof{o}, nil
}

// proof is an [authn.Proof] of the one user.
type proof struct{ oneUser }

func (p proof) User() authn.User {
	return authn.User{ID: p.name, Username: p.name, DisplayName: p.name}
}

// Confirm would read the user again, and return [authn.ErrRefused] if the user may not sign
// in any more.
func (p proof) Confirm(context.Context) error { return nil }

func (p proof) KnownDevice() bool        { return false }
func (p proof) NewDevice() string        { return "" }
func (p proof) Failures() int            { return 0 }
func (p proof) Succeed(context.Context)  {}
func (p proof) Withdraw(context.Context) {}

// An Authenticator of one's own. Hand it to signin.Login.
func ExampleAuthenticator() {
	var users authn.Authenticator = oneUser{"robot", "an-invented-secret-of-a-machine"}
	_, err := users.Authenticate(context.Background(), authn.Attempt{Username: "robot", Password: "guess"})
	fmt.Println(err)
	// Output: user name or password wrong
}
