package accounts_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	foreignPhrase = "correct horse ☕"
	foreignHash   = "pbkdf2_sha1$1000$seasaltseasalt12345678$xiQTl0PdSFq19F/GDZWOB3d94AE="
)

// failingStore calls update before it writes an account. If update fails, so does the
// write.
type failingStore struct {
	accounts.Registry
	update func(context.Context) error
}

func (s failingStore) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	if err := s.update(ctx); err != nil {
		return err
	}
	return s.Registry.Update(ctx, a, newRevision)
}

func TestForeignHashIsReplaced(t *testing.T) {
	log := testenv.Log(t)
	c := newCountingDirectory(t)
	before := c.put(t, "alice", foreignHash, false)
	for _, pw := range []string{"wrong", ""} {
		if _, err := authenticate(t.Context(), c.Registrar, "alice", pw); !errors.Is(err, authn.ErrRefused) {
			t.Errorf("Authenticate with %q = %v, want ErrRefused", pw, err)
		}
	}
	if c.store.updates != 0 {
		t.Error("a wrong password replaced the hash")
	}

	account, err := authenticate(t.Context(), c.Registrar, "alice", foreignPhrase)
	if err != nil {
		t.Fatal(err)
	}
	after := accountstest.Get(t, c.store, "alice")
	if ok, err := plain.Verify(after.PasswordHash, foreignPhrase); !ok || err != nil || !plain.Current(after.PasswordHash) {
		t.Errorf("the stored hash is %.12s…, and verifies: %v, %v", after.PasswordHash, ok, err)
	}
	if after.Version != before.Version {
		t.Errorf("the version went from %d to %d: other sign-ins under way would be refused", before.Version, after.Version)
	}
	if err := c.Recheck(t.Context(), account); err != nil {
		t.Errorf("Recheck of this sign-in = %v", err)
	}
	if err := c.Recheck(t.Context(), before); err != nil {
		t.Errorf("Recheck of one that began before = %v", err)
	}

	if _, err := authenticate(t.Context(), c.Registrar, "alice", foreignPhrase); err != nil || c.store.updates != 1 {
		t.Errorf("the second sign-in: %v; %d hashes stored, want 1", err, c.store.updates)
	}
	if got := log.String(); strings.Count(got, "password_rehashed") != 1 || strings.Contains(got, "argon2") || strings.Contains(got, foreignPhrase) {
		t.Errorf("the log:\n%s", got)
	}
}

func TestDisabledAccountKeepsItsHash(t *testing.T) {
	c := newCountingDirectory(t)
	c.put(t, "alice", foreignHash, true)
	if _, err := authenticate(t.Context(), c.Registrar, "alice", foreignPhrase); !errors.Is(err, authn.ErrRefused) || c.store.updates != 0 {
		t.Errorf("Authenticate = %v with %d hashes stored; want ErrRefused and none", err, c.store.updates)
	}
}

// If the new hash cannot be stored, the sign-in still succeeds: in an outage, with a
// store that hangs, and if somebody else has changed the account in the meantime.
func TestRehashNeverFailsASignIn(t *testing.T) {
	for _, test := range []struct {
		name   string
		update func(context.Context) error
		warned bool
	}{
		{"outage", func(context.Context) error { return errors.New("down") }, true},
		{"hung", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, true},
		{"changed meanwhile", func(context.Context) error { return accounts.ErrChanged }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := testenv.Log(t)
				store := failingStore{memaccounts.New(), test.update}
				accountstest.Create(t, store, &accounts.Account{Name: "alice", UserID: "u", PasswordHash: foreignHash, Version: 1})
				start := time.Now()
				account, err := authenticate(t.Context(), accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Checked(), "alice", foreignPhrase)
				if err != nil || account.PasswordHash != foreignHash {
					t.Errorf("Authenticate = %+v, %v", account, err)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("the sign-in took %v", took)
				}
				if warned := strings.Contains(log.String(), "level=WARN"); warned != test.warned {
					t.Errorf("warned: %v, want %v\n%s", warned, test.warned, log)
				}
			})
		})
	}
}

// If the password changes between reading and replacing the hash, the new password
// stays, and Recheck refuses the sign-in with the old one.
func TestRehashAndPasswordChange(t *testing.T) {
	memory := memaccounts.New()
	accountstest.Create(t, memory, &accounts.Account{Name: "alice", UserID: "u", PasswordHash: foreignHash, Version: 1})
	directory := accounts.NewRegistrar(failingStore{memory, func(context.Context) error {
		changed := accountstest.Get(t, memory, "alice")
		changed.PasswordHash = "changed"
		changed.Version++
		return memory.Update(t.Context(), changed, rand.Text())
	}}, accounts.Config{Hasher: plain}).Checked()
	account, err := authenticate(t.Context(), directory, "alice", foreignPhrase)
	if err != nil {
		t.Fatal(err)
	}
	if got := accountstest.Get(t, memory, "alice"); got.PasswordHash != "changed" {
		t.Errorf("the new password's hash was replaced by %.12s…", got.PasswordHash)
	}
	if err := directory.Recheck(t.Context(), account); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("Recheck = %v, want ErrRefused", err)
	}
}

func TestPepperRotation(t *testing.T) {
	first := password.Pepper{ID: "2025", Key: bytes.Repeat([]byte("1"), 32)}
	second := password.Pepper{ID: "2026", Key: bytes.Repeat([]byte("2"), 32)}
	store := newCountingDirectory(t).store
	made, err := accounts.NewRegistrar(store, accounts.Config{Hasher: password.Hasher{Peppers: []password.Pepper{first}}}).Checked().Register(t.Context(), "alice", "", nil, phrase)
	if err != nil || !strings.Contains(made.PasswordHash, ",keyid=2025$") {
		t.Fatalf("Register = %+v, %v", made, err)
	}
	rotated := accounts.NewRegistrar(store, accounts.Config{Hasher: password.Hasher{Peppers: []password.Pepper{second, first}}}).Checked()
	if _, err := authenticate(t.Context(), rotated, "alice", phrase); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if got := accountstest.Get(t, store, "alice").PasswordHash; !strings.Contains(got, ",keyid=2026$") {
		t.Errorf("the hash is %s, want one of the new pepper", got)
	}
	if _, err := authenticate(t.Context(), accounts.NewRegistrar(store, accounts.Config{Hasher: password.Hasher{Peppers: []password.Pepper{second}}}).Checked(), "alice", phrase); err != nil {
		t.Errorf("without the old pepper: %v", err)
	}
}

// A missing pepper is an outage: without it the password cannot be checked.
func TestMissingPepper(t *testing.T) {
	c := newCountingDirectory(t)
	pepper := password.Pepper{ID: "2025", Key: bytes.Repeat([]byte("1"), 32)}
	c.put(t, "alice", password.Hasher{Peppers: []password.Pepper{pepper}}.Hash(phrase), false)
	for _, pw := range []string{phrase, "wrong"} {
		a, err := authenticate(t.Context(), c.Registrar, "alice", pw)
		if a != nil || !errors.Is(err, password.ErrNoPepper) || errors.Is(err, authn.ErrRefused) {
			t.Errorf("Authenticate = %+v, %v; want ErrNoPepper and no refusal", a, err)
		}
	}
	c.hashes = 0
	if _, err := authenticate(t.Context(), c.Registrar, "nobody", phrase); !errors.Is(err, authn.ErrRefused) || c.hashes != 1 {
		t.Errorf("an unknown name: %v with %d hashes; want ErrRefused and one", err, c.hashes)
	}
}
