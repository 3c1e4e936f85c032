package password

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"example.com/coatcheck/pkg/signin/authn"
)

// TestBcryptCost: with another application that reads the hashes, new ones are bcrypt's, which
// any library of bcrypt reads, and no hash is replaced.
func TestBcryptCost(t *testing.T) {
	const password = "an orchid, a tram and rain"
	for pepper, seen := range map[string]string{"": password, "devise-pepper-made-up": password + "devise-pepper-made-up", strings.Repeat("p", 128): (password + strings.Repeat("p", 128))[:72]} {
		h := Hasher{BcryptCost: 10, DevisePepper: pepper, Peppers: []Pepper{{ID: "1", Key: []byte("key")}}}
		hash := h.Hash(password)
		if !strings.HasPrefix(hash, "$2a$10$") || bcrypt.CompareHashAndPassword([]byte(hash), []byte(seen)) != nil {
			t.Errorf("the hash %s is not one that another library checks", hash)
		}
		if ok, err := h.Verify(hash, password); !ok || err != nil {
			t.Errorf("Verify = %v, %v", ok, err)
		}
		if ok, err := h.Verify(hash, password+"x"); ok || err != nil {
			t.Errorf("Verify of another password = %v, %v", ok, err)
		}
	}
	h := Hasher{BcryptCost: 10}
	for _, hash := range []string{h.Hash(password), Hasher{}.Hash(password), "$2y$04$" + strings.Repeat("a", 53), "plain$$x", "!"} {
		if !h.Current(hash) {
			t.Errorf("a sign-in would replace %s", hash)
		}
	}
	for _, dummy := range []string{h.DummyHash(), "!"} {
		if ok, err := h.Verify(dummy, password); ok || err != nil || h.Memory(dummy) != 0 {
			t.Errorf("Verify of %s = %v, %v, and needs %d bytes; want as much work as bcrypt", dummy, ok, err, h.Memory(dummy))
		}
	}
	if one, other := h.DummyHash(), h.DummyHash(); one == other || len(h.DummyHash()) != len(h.Hash(password)) {
		t.Errorf("the dummy %s is not like a hash", h.DummyHash())
	}
}

// TestBcryptLimit: what bcrypt would not see of a new password is refused, and not cut off.
func TestBcryptLimit(t *testing.T) {
	long := "seven quiet umbrellas, an orchid, a tram and some rain on a window in May"
	h := Hasher{BcryptCost: 10}
	for password, want := range map[string]error{
		long[:72]:               nil,
		long[:71] + "é":         &authn.NewPasswordError{Rule: authn.TooLong, Limit: 72},
		long[:40] + "\x00 blue": &authn.NewPasswordError{Rule: authn.NotUTF8},
	} {
		err := h.CheckNew(password, "alice")
		refused, ok := err.(*authn.NewPasswordError)
		if want == nil && err != nil || want != nil && (!ok || *refused != *want.(*authn.NewPasswordError)) {
			t.Errorf("CheckNew of %d bytes = %v, want %v", len(password), err, want)
		}
		if err := (Hasher{}).CheckNew(password, "alice"); err != nil {
			t.Errorf("without bcrypt: %v", err)
		}
	}
}

// TestBcryptCostOutOfRange: a cost that is too low to protect, or too high to serve, does not
// wait for a sign-in.
func TestBcryptCostOutOfRange(t *testing.T) {
	for _, cost := range []int{-1, 4, 9, 17, 31} {
		func() {
			defer func() {
				if got := recover(); got == nil || !strings.HasPrefix(got.(string), "password: Hasher.BcryptCost is ") {
					t.Errorf("with the cost %d: %v", cost, got)
				}
			}()
			Hasher{BcryptCost: cost}.DummyHash()
		}()
	}
}
