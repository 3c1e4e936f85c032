package cheaphash

import (
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts/password"
)

// A new hash is one of Argon2id with little memory, and it is verified like any other.
func TestNewHashesAreCheap(t *testing.T) {
	var h password.Hasher
	hash := h.Hash("correct horse battery staple")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=2,p=1$") || !h.Current(hash) {
		t.Errorf("the hash is %s, and current: %t", hash, h.Current(hash))
	}
	if ok, err := h.Verify(hash, "correct horse battery staple"); !ok || err != nil {
		t.Errorf("the password is right: %t, %v", ok, err)
	}
}
