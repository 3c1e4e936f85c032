package accounts

import (
	"context"
	"errors"
	"fmt"

	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/signin/authn"
)

// Elsewhere is another system, whose users move here one by one: each at the first
// sign-in. It is safe for concurrent use. Package legacylogin is one over https.
type Elsewhere interface {
	// Ask returns who has this name and this password there. It returns authn.ErrRefused
	// if nobody has. Any other error is an outage. The name is as the user typed it.
	Ask(ctx context.Context, username, password string) (Person, error)
}

// Person is a user of another system.
type Person struct {
	UserID      string   // as in [Registrar.Imported], but not empty
	Username    string   // as the other system has it
	DisplayName string   // if empty, it is the name
	Roles       []string // may be empty
}

// NewAsking returns an Authenticator like that of [NewAuthenticator], which asks another
// system about names that nobody here has.
//
// It asks at a sign-in, when the attempt is counted and may go on, and after the same
// hash that a wrong password costs. A yes counts if the name that it gives is the typed one
// by [Normalize], if neither the name nor the user ID is anybody's here, nor was that of a
// user who was deleted, and if an account can have what it says; otherwise the attempt is
// refused as for a wrong password, and a log line says why. Then it is stored as an account
// with [OriginSignIn] and a new hash of the password, which is not checked by the rules for
// new ones. Of several who do this at once one stores it, and the others prove their
// passwords against what is stored. If the other system does not answer, or if
// [Registrar.CheckNames] has not been run yet, this is an outage.
func NewAsking(registrar *Registrar, limiter *throttle.Limiter, other Elsewhere) *Authenticator {
	a := NewAuthenticator(registrar.Directory, limiter)
	a.bring = func(ctx context.Context, username, pw string) (*Account, error) {
		return registrar.bring(ctx, other, username, pw)
	}
	return a
}

// bring asks the other system about a name that nobody here has, and stores whom it knows.
func (r *Registrar) bring(ctx context.Context, other Elsewhere, username, pw string) (*Account, error) {
	who, err := other.Ask(ctx, username, pw)
	if errors.Is(err, authn.ErrRefused) {
		return nil, &authn.RefusedError{Reason: "unknown"}
	}
	if err != nil {
		return nil, fmt.Errorf("asking about a name that nobody has here: %w", err)
	}
	account, err := newcomer(who, username)
	if err != nil {
		// To the user it is a wrong password, as all that does not count: otherwise the answer
		// would say which password is right.
		events.Log(ctx, r.log, "user_not_created", "reason", "account", "error", err)
		return nil, &authn.RefusedError{Reason: "unusable"}
	}
	if account.PasswordHash, err = r.hash(ctx, pw); err != nil {
		return nil, err
	}
	switch err := r.Add(ctx, account); {
	case err == nil:
		events.Log(ctx, r.log, "user_created", "user_id", account.UserID, "origin", account.Origin)
		return account, nil
	case errors.Is(err, ErrExists):
		return r.provenBy(ctx, username, pw)
	case errors.Is(err, ErrIDTaken):
		events.Log(ctx, r.log, "user_not_created", "reason", "user_id", "user_id", account.UserID)
		return nil, &authn.RefusedError{Reason: "unusable"}
	default:
		return nil, fmt.Errorf("storing a user of the other system: %w", err)
	}
}

// newcomer returns the account of a user of the other system who has signed in by the name.
func newcomer(who Person, username string) (*Account, error) {
	account, err := newAccount(who.Username, who.DisplayName, who.Roles)
	if err == nil {
		err = checkUserID(who.UserID)
	}
	if err != nil {
		return nil, err
	}
	if name, err := Normalize(username); err != nil || name != account.Name {
		return nil, errors.New("its user has another name than was typed: it takes names for one that are two here")
	}
	account.UserID, account.Origin, account.LastUsedAt = who.UserID, OriginSignIn, account.CreatedAt
	return account, nil
}

// provenBy returns the account that somebody else has stored under the name just now, if
// pw is its password.
func (r *Registrar) provenBy(ctx context.Context, username, pw string) (*Account, error) {
	account, err := r.Find(ctx, username)
	if errors.Is(err, ErrNotFound) {
		return nil, &authn.RefusedError{Reason: "unknown"} // the name is kept by an account with another spelling of it, or is free again
	}
	if err != nil {
		return nil, err
	}
	return r.authenticate(ctx, account, pw)
}
