package accountstest_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	phrase  = "seven quiet umbrellas"
	another = "an orchid, a tram and rain"
)

// shared is an application's table of users in which alice can sign in, here and there.
type shared struct {
	*testing.T
	db            *sql.DB
	id            string
	setPassword   func(id, hash string) error
	disable       func(id string) error
	authenticator *accounts.Authenticator
}

func newShared(t *testing.T, cfg accounts.Config) *shared {
	t.Helper()
	db, users := newApplication(t)
	id, err := users.Add("Alice@Example.com", hashOf(t, phrase))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE users SET tenant = 'quayside'`); err != nil {
		t.Fatal(err)
	}
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &shared{t, db, id, users.SetPassword, users.Disable, accounts.NewAuthenticator(accounts.NewDirectory(users.Store, cfg), limiter)}
}

// hashOf returns the hash that the application makes of a password.
func hashOf(t *testing.T, pw string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(pw), 10)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func (s *shared) prove(pw string) (authn.Proof, error) {
	return s.authenticator.Authenticate(s.Context(), authn.Attempt{Username: "alice@example.com", Password: pw, Address: "192.0.2.1"})
}

func (s *shared) proof() authn.Proof {
	s.Helper()
	proof, err := s.prove(phrase)
	if err != nil {
		s.Fatal(err)
	}
	return proof
}

// stored returns the hash in the application's table.
func (s *shared) stored() (hash string) {
	s.Helper()
	if err := s.db.QueryRow(`SELECT password FROM users`).Scan(&hash); err != nil {
		s.Fatal(err)
	}
	return hash
}

// TestSignInOnForeignTable: by default a sign-in replaces the application's hash. With
// BcryptCost it does not, and a new password is one that the application reads.
func TestSignInOnForeignTable(t *testing.T) {
	s := newShared(t, accounts.Config{})
	proof := s.proof()
	if got := proof.User(); got.ID != s.id || got.Username != "Alice@Example.com" || got.Attributes["tenant"] != "quayside" || proof.Confirm(t.Context()) != nil {
		t.Errorf("signed in %+v", got)
	}
	if !strings.HasPrefix(s.stored(), "$argon2id$") {
		t.Errorf("the hash is %s", s.stored())
	}

	s = newShared(t, accounts.Config{Hasher: password.Hasher{BcryptCost: 10}})
	before := s.stored()
	proof = s.proof()
	if s.stored() != before {
		t.Errorf("a sign-in has replaced the application's hash by %s", s.stored())
	}
	if err := s.authenticator.ChangePassword(t.Context(), proof, another, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(s.stored()), []byte(another)); err != nil {
		t.Errorf("the application cannot read the new password's hash %s: %v", s.stored(), err)
	}
	if _, err := s.prove(another); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	if _, err := s.prove(phrase); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("with the old password: %v", err)
	}
}

// TestBehindOurBack: what the application changes while somebody signs in or changes the
// password counts, and is not overwritten.
func TestBehindOurBack(t *testing.T) {
	s := newShared(t, accounts.Config{})
	theirs := hashOf(t, another)

	proof := s.proof()
	if err := s.setPassword(s.id, theirs); err != nil {
		t.Fatal(err)
	}
	if err := proof.Confirm(t.Context()); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("Confirm of a sign-in with the password of before = %v, want ErrRefused", err)
	}
	if err := s.authenticator.ChangePassword(t.Context(), proof, "a third password, of us", func(context.Context) error { return nil }); !errors.Is(err, authn.ErrBusy) {
		t.Errorf("ChangePassword by the proof of before = %v, want ErrBusy", err)
	}
	if s.stored() != theirs {
		t.Errorf("the application's new hash was replaced by %s", s.stored())
	}

	s = newShared(t, accounts.Config{})
	err := s.authenticator.ChangePassword(t.Context(), s.proof(), "a third password, of us", func(context.Context) error { return s.setPassword(s.id, theirs) })
	if !errors.Is(err, authn.ErrBusy) || s.stored() != theirs {
		t.Errorf("a change of the password in the midst of ours: %v, and the hash is %s; want ErrBusy, and theirs", err, s.stored())
	}

	s = newShared(t, accounts.Config{})
	proof = s.proof()
	if err := s.disable(s.id); err != nil {
		t.Fatal(err)
	}
	if err := proof.Confirm(t.Context()); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("Confirm of a user who was disabled = %v, want ErrRefused", err)
	}
	if _, err := s.prove(phrase); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("a sign-in of a user who was disabled = %v, want ErrRefused", err)
	}
}
