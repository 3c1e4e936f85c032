package accounts_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

const phrase = "an orchid, a tram and rain"

var plain password.Hasher // no secrets

// countingDirectory counts the store calls and the hashes of a sign-in.
type countingDirectory struct {
	*accounts.Registrar
	store  *countingStore
	hashes int // computed to check a password
}

type countingStore struct {
	accounts.Registry
	mu                     sync.Mutex
	gets, creates, updates int
}

func (s *countingStore) count(calls *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*calls++
}

func (s *countingStore) Get(ctx context.Context, name string) (*accounts.Account, error) {
	s.count(&s.gets)
	return s.Registry.Get(ctx, name)
}

func (s *countingStore) Create(ctx context.Context, a *accounts.Account) error {
	s.count(&s.creates)
	return s.Registry.Create(ctx, a)
}

func (s *countingStore) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	s.count(&s.updates)
	return s.Registry.Update(ctx, a, newRevision)
}

func newCountingDirectory(t *testing.T, peppers ...password.Pepper) *countingDirectory {
	t.Helper()
	store := &countingStore{Registry: memaccounts.New()}
	hasher := password.Hasher{Peppers: peppers}
	c := &countingDirectory{Registrar: accounts.NewRegistrar(store, accounts.Config{Hasher: hasher}).Checked(), store: store}
	c.SetVerify(func(encoded, pw string) (bool, error) {
		ok, err := hasher.Verify(encoded, pw)
		if err == nil {
			c.hashes++
		}
		return ok, err
	})
	return c
}

// authenticate makes an attempt on new, empty counters and without a device.
func authenticate(ctx context.Context, d *accounts.Registrar, username, pw string) (*accounts.Account, error) {
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		return nil, err
	}
	proof, err := accounts.NewAuthenticator(d.Directory, limiter).Authenticate(ctx, authn.Attempt{Username: username, Password: pw})
	if err != nil {
		return nil, err
	}
	return proof.(*accounts.Proof).Account, nil
}

// put stores an account without the checks of Register.
func (c *countingDirectory) put(t *testing.T, name, hash string, disabled bool) *accounts.Account {
	t.Helper()
	a := &accounts.Account{Name: name, Username: name, UserID: rand.Text(), PasswordHash: hash, Version: 1, Revision: rand.Text(), Disabled: disabled}
	accountstest.Create(t, c.store.Registry, a)
	return a
}

func TestAuthenticate(t *testing.T) {
	log := testenv.Log(t)
	c := newCountingDirectory(t)
	hash := plain.Hash(phrase)
	c.put(t, "alice", hash, false)
	c.put(t, "disabled", hash, true)
	c.put(t, "broken", "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", false)
	c.put(t, "empty", "", false)

	for _, test := range []struct {
		name, username, password string
		ok                       bool
		hashes, gets             int
	}{
		{"right", "alice", phrase, true, 1, 1},
		{"right, typed otherwise", "\u3000ALICE ", phrase, true, 1, 1},
		{"wrong password", "alice", phrase + " ", false, 1, 1},
		{"empty password", "alice", "", false, 1, 1},
		{"password of 1024 bytes", "alice", strings.Repeat("x", 1024), false, 1, 1},
		{"unknown name", "bob", phrase, false, 1, 1},
		{"disabled, right password", "disabled", phrase, false, 1, 1},
		{"disabled, wrong password", "disabled", "wrong", false, 1, 1},
		{"broken stored hash", "broken", phrase, false, 1, 1},
		{"no stored hash", "empty", "", false, 1, 1},
		{"password of 1025 bytes", "alice", strings.Repeat("x", 1025), false, 0, 0},
		{"password of a megabyte, unknown name", "bob", strings.Repeat("x", 1<<20), false, 0, 0},
		{"empty name", "", phrase, false, 0, 0},
		{"name with a control character", "alice\x00", phrase, false, 0, 0},
		{"name of invalid UTF-8", "alice\xff", phrase, false, 0, 0},
		{"name of 255 bytes", strings.Repeat("a", 255), phrase, false, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.hashes, c.store.gets, c.store.creates, c.store.updates = 0, 0, 0, 0
			a, err := authenticate(t.Context(), c.Registrar, test.username, test.password)
			if test.ok && (err != nil || a == nil || a.Name != "alice") {
				t.Errorf("Authenticate = %+v, %v; want alice", a, err)
			}
			if !test.ok && (a != nil || !errors.Is(err, authn.ErrRefused)) {
				t.Errorf("Authenticate = %+v, %v; want nothing but ErrRefused", a, err)
			}
			if c.hashes != test.hashes || c.store.gets != test.gets || c.store.creates+c.store.updates != 0 {
				t.Errorf("%d hashes, %d reads, %d writes; want %d, %d, 0", c.hashes, c.store.gets, c.store.creates+c.store.updates, test.hashes, test.gets)
			}
		})
	}

	if got := strings.Count(log.String(), "msg=account_unusable"); got != 2 {
		t.Errorf("%d log lines about stored hashes, want 2: broken and empty", got)
	}
	for _, secret := range []string{phrase, "c29tZXNhbHRz", "CTFhFdXP", "bob"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
}

func TestOutagesArePassedOn(t *testing.T) {
	c := newCountingDirectory(t)
	alice := c.put(t, "alice", plain.Hash(phrase), false)
	down, cancel := context.WithCancel(t.Context())
	cancel()
	_, signIn := authenticate(down, c.Registrar, "alice", phrase)
	_, register := c.Register(down, "bob", "", nil, phrase)
	for name, err := range map[string]error{
		"Authenticate": signIn,
		"Recheck":      c.Recheck(down, alice),
		"Register":     register,
	} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, authn.ErrRefused) {
			t.Errorf("%s = %v, want the store's error", name, err)
		}
	}
	if c.hashes != 0 {
		t.Errorf("%d hashes without an account to compare with", c.hashes)
	}
}

func TestRecheck(t *testing.T) {
	c := newCountingDirectory(t)
	hash := plain.Hash(phrase)
	for _, test := range []struct {
		name   string
		change func(now *accounts.Account)
		want   error
	}{
		{"nothing changed", func(*accounts.Account) {}, nil},
		{"display name, roles, preferences", func(now *accounts.Account) {
			now.DisplayName, now.Roles, now.Preferences = "B", []string{"b"}, map[string]string{"theme": "dark"}
		}, nil},
		{"version", func(now *accounts.Account) { now.Version++ }, authn.ErrRefused},
		{"disabled", func(now *accounts.Account) { now.Disabled = true }, authn.ErrRefused},
		{"another account of that name", func(now *accounts.Account) { now.UserID = rand.Text() }, authn.ErrRefused},
		{"gone", func(now *accounts.Account) { now.Name = "renamed" }, authn.ErrRefused},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := &accounts.Account{Name: "alice", UserID: "u", PasswordHash: hash, Version: 7}
			now := before.Clone()
			test.change(now)
			c.store.Registry = memaccounts.New()
			accountstest.Create(t, c.store.Registry, now)
			c.store.gets = 0
			if err := c.Recheck(t.Context(), before); !errors.Is(err, test.want) {
				t.Errorf("Recheck = %v, want %v", err, test.want)
			}
			if c.store.gets != 1 || c.hashes != 0 {
				t.Errorf("%d reads, %d hashes; want 1, 0", c.store.gets, c.hashes)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	c := newCountingDirectory(t)
	made, err := c.Register(t.Context(), " Ａlice", "Alice A.", []string{"admin", "staff"}, phrase)
	if err != nil {
		t.Fatal(err)
	}
	stored := accountstest.Get(t, c.store, "alice")
	if fmt.Sprint(stored) != fmt.Sprint(made) {
		t.Errorf("stored %+v\nmade   %+v", stored, made)
	}
	hash, id := stored.PasswordHash, stored.UserID
	if len(stored.Revision) != 22 {
		t.Errorf("revision %q, want 22 characters", stored.Revision)
	}
	if stored.CreatedAt.IsZero() || stored.CreatedAt.Nanosecond() != 0 || stored.CreatedAt.Location() != time.UTC {
		t.Errorf("made at %v, want now, in whole seconds of UTC", stored.CreatedAt)
	}
	stored.PasswordHash, stored.UserID, stored.Revision, stored.CreatedAt = "", "", "", time.Time{}
	want := &accounts.Account{Name: "alice", Username: "Ａlice", DisplayName: "Alice A.", Roles: []string{"admin", "staff"}, Version: 1}
	if fmt.Sprint(stored) != fmt.Sprint(want) {
		t.Errorf("stored %+v\nwant   %+v", stored, want)
	}
	if ok, err := plain.Verify(hash, phrase); !ok || err != nil {
		t.Errorf("the stored hash does not verify: %v, %v", ok, err)
	}
	if len(id) != 22 {
		t.Errorf("user ID %q, want 22 characters", id)
	}

	bob, err := c.Register(t.Context(), "Bob", "", nil, phrase)
	if err != nil || bob.DisplayName != "Bob" || bob.UserID == id || bob.PasswordHash == hash {
		t.Errorf("Register = %+v, %v; want display name Bob, own user ID and salt", bob, err)
	}
	if a, err := authenticate(t.Context(), c.Registrar, "ALICE", phrase); err != nil || a.UserID != id {
		t.Errorf("Authenticate = %+v, %v; want alice", a, err)
	}
}

func TestRegisterRefuses(t *testing.T) {
	c := newCountingDirectory(t)
	c.put(t, "alice", plain.Hash(phrase), false)
	for _, test := range []struct {
		username, displayName, role, password, want string
	}{
		{"ALICE", "", "r", phrase, `user "alice": the account exists already`},
		{"", "", "r", phrase, "the user name is empty"},
		{"b\nob", "", "r", phrase, "the user name contains a control character"},
		{"bob", "B\x1b", "r", phrase, "the display name contains a control character"},
		{"bob", strings.Repeat("b", 255), "r", phrase, "the display name is longer than 254 bytes"},
		{"bob", "", "", phrase, "role 1 is empty"},
		{"bob", "", "a\xff", phrase, "role 1 is not valid UTF-8"},
		{"bobby", "", "r", "bobby-2026-robby", "the password is easy to guess, because it is little more than the user's name or the product's; choose four words at random, or more"},
		{"bob", "", "r", "passwordpassword", "the password is easy to guess, because it is made of common words, names or dates; choose four words at random, or more"},
		{"bob", "", "r", "short", "the password is shorter than 15 characters; choose a longer one"},
		{"bob", "", "r", strings.Repeat("x", 1025), "the password is longer than 1024 bytes; choose a shorter one"},
	} {
		a, err := c.Register(t.Context(), test.username, test.displayName, []string{test.role}, test.password)
		if a != nil || err == nil || err.Error() != test.want {
			t.Errorf("Register = %+v, %v; want %s", a, err, test.want)
		}
	}
	if _, err := c.Register(t.Context(), "alice", "", nil, phrase); !errors.Is(err, accounts.ErrExists) {
		t.Errorf("Register of a taken name = %v, want ErrExists", err)
	}
	if _, err := c.store.Get(t.Context(), "bob"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("a refused Register left an account: %v", err)
	}
}

func TestImported(t *testing.T) {
	c := newCountingDirectory(t)
	const hash = "pbkdf2_sha1$1000$seasaltseasalt12345678$xiQTl0PdSFq19F/GDZWOB3d94AE=" // of "correct horse ☕"
	a, err := c.Imported(" Alice", "", []string{"staff"}, hash, "")
	if err != nil {
		t.Fatal(err)
	}
	if a.Name != "alice" || a.Username != "Alice" || a.DisplayName != "Alice" || a.Roles[0] != "staff" || a.PasswordHash != hash ||
		a.Disabled || a.Version != 1 || len(a.UserID) != 22 || len(a.Revision) != 22 {
		t.Errorf("imported %+v", a)
	}
	if c.hashes != 0 || c.store.creates != 0 {
		t.Errorf("%d hashes, %d writes; want none", c.hashes, c.store.creates)
	}
	accountstest.Create(t, c.store, a)
	if got, err := authenticate(t.Context(), c.Registrar, "alice", "correct horse ☕"); err != nil || got.UserID != a.UserID {
		t.Errorf("Authenticate = %+v, %v; want alice", got, err)
	}
	if _, err := c.Imported("bob", "", nil, "!", ""); err != nil {
		t.Errorf("a user without a password: %v", err)
	}

	const secret = "secretsalt"
	for _, test := range []struct{ name, displayName, role, hash, want string }{
		{"", "", "r", hash, "the user name is empty"},
		{"bob\x00", "", "r", hash, "the user name contains a control character"},
		{"bob", "B\u009b", "r", hash, "the display name contains a control character"},
		{"bob", "", secret + "\n", hash, "role 1 contains a control character"},
		{"bob", "", strings.Repeat("r", 255), hash, "role 1 is longer than 254 bytes"},
		{"bob", "", "r", "", "the password hash is empty; write ! for a user without a password"},
		{"bob", "", "r", "{noop}\xff" + secret, "the password hash is not valid UTF-8"},
		{"bob", "", "r", secret, "password hash: of no known scheme"},
		{"bob", "", "r", "$2b$17$" + secret + strings.Repeat("x", 43), "password hash of bcrypt: cost is 17, want 4 to 16"},
		{"bob", "", "r", "pbkdf2_sha256$5000001$" + secret + "$AAAAAAAAAAAAAAAAAAAAAA==", "password hash of Django's pbkdf2_sha256: rounds is 5000001, want 1 to 5000000"},
	} {
		a, err := c.Imported(test.name, test.displayName, []string{test.role}, test.hash, "")
		if a != nil || err == nil || err.Error() != test.want {
			t.Errorf("Imported = %+v, %v; want %s", a, err, test.want)
		}
	}
	many := slices.Repeat([]string{strings.Repeat("r", 205)}, 10)
	if _, err := c.Imported("bob", "", many, hash, ""); err == nil || err.Error() != "the roles have 2050 bytes together; at most 2048" {
		t.Errorf("many roles: %v", err)
	}
}

// A stored hash that cannot be read costs as much as one that can: the hash of no account is
// computed in its place.
func TestDamagedHashCostsAHash(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	r.put(t, "alice", "$argon2id$damaged", false)
	if _, err := r.signIn(t, "alice", phrase); !errors.Is(err, authn.ErrRefused) || r.checked.Load() != 2 {
		t.Errorf("%v after %d hashes were looked at, want 2: the damaged one, and one that can be computed", err, r.checked.Load())
	}
}
