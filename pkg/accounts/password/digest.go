package password

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// digestSum computes the key of a hash that is one digest.
type digestSum func(digest func() hash.Hash, salt, password string) []byte

// djangoSum is the digest of the salt and the password.
func djangoSum(digest func() hash.Hash, salt, password string) []byte {
	h := digest()
	h.Write([]byte(salt + password))
	return h.Sum(nil)
}

// werkzeugSum is the HMAC of the password, with the salt as its key. Without a salt it
// is the digest of the password.
func werkzeugSum(digest func() hash.Hash, salt, password string) []byte {
	if salt == "" {
		return djangoSum(digest, "", password)
	}
	h := hmac.New(digest, []byte(salt))
	h.Write([]byte(password))
	return h.Sum(nil)
}

// digestHash reads "salt$key", with the key in hex. Django and Werkzeug write the same
// text for different computations, so a password is right if any of the sums is the key.
func digestHash(digest func() hash.Hash, sums ...digestSum) func(Hasher, string) (*check, error) {
	return func(_ Hasher, rest string) (*check, error) {
		salt, text, _ := strings.Cut(rest, "$")
		key, err := digestKey(digest, text)
		if err != nil {
			return nil, err
		}
		return &check{matches: func(password string) (bool, error) {
			equal := 0
			for _, sum := range sums {
				equal |= subtle.ConstantTimeCompare(sum(digest, salt, password), key)
			}
			return equal == 1, nil
		}}, nil
	}
}

// digestKey decodes a key that is one digest, in hex.
func digestKey(digest func() hash.Hash, text string) ([]byte, error) {
	key, err := decodeHex(text)
	if err != nil {
		return nil, fmt.Errorf("the key %w", err)
	}
	size := digest().Size()
	return key, checkRange("bytes of key", len(key), size, size)
}

// springSHA256 reads 8 bytes of salt and the key, in one hex string. The key is
// SHA-256 of the salt and the password, computed 1,024 times in a row.
func springSHA256(_ Hasher, rest string) (*check, error) {
	both, err := decodeHex(rest)
	if err != nil || len(both) != 8+sha256.Size {
		return nil, errShape
	}
	return compareKey(both[8:], func(password string) ([]byte, error) {
		sum := sha256.Sum256([]byte(string(both[:8]) + password))
		for range 1023 {
			sum = sha256.Sum256(sum[:])
		}
		return sum[:], nil
	}), nil
}

// springMessageDigest reads "{salt}key", or only "key" if there is no salt. The key is
// the digest of the password and the salt with its braces, in hex.
func springMessageDigest(digest func() hash.Hash) func(Hasher, string) (*check, error) {
	return func(_ Hasher, rest string) (*check, error) {
		end := 0
		if strings.HasPrefix(rest, "{") {
			end = strings.Index(rest, "}") + 1
		}
		salt := rest[:end]
		key, err := digestKey(digest, rest[end:])
		if err != nil {
			return nil, err
		}
		return compareKey(key, func(password string) ([]byte, error) {
			return djangoSum(digest, password, salt), nil
		}), nil
	}
}

// plainText reads a password in plain text.
func plainText(_ Hasher, rest string) (*check, error) {
	if rest == "" {
		return nil, errors.New("the password is empty")
	}
	return compareKey([]byte(rest), func(password string) ([]byte, error) { return []byte(password), nil }), nil
}
