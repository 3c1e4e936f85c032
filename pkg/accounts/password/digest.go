package password

import (
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"strings"
)

// djangoMD5 reads "salt$key". The key is the MD5 of the salt and the password, in
// hex.
func djangoMD5(_ Hasher, rest string) (check, error) {
	salt, digest, _ := strings.Cut(rest, "$")
	key, err := decodeKey(digest, decodeHex)
	if err != nil {
		return nil, err
	}
	return compareKey(key, func(password string) ([]byte, error) {
		sum := md5.Sum([]byte(salt + password))
		return sum[:], nil
	}), nil
}

// springSHA256 reads 8 bytes of salt and the key, in one hex string. The key is
// SHA-256 of the salt and the password, computed 1,024 times in a row.
func springSHA256(_ Hasher, rest string) (check, error) {
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

// springMessageDigest reads "{salt}key". The key is the SHA-256 of the password and
// the salt with its braces, in hex.
func springMessageDigest(_ Hasher, rest string) (check, error) {
	end := strings.Index(rest, "}") + 1
	salt := rest[:end]
	if !strings.HasPrefix(salt, "{") {
		return nil, errShape
	}
	key, err := decodeKey(rest[end:], decodeHex)
	if err != nil {
		return nil, err
	}
	return compareKey(key, func(password string) ([]byte, error) {
		sum := sha256.Sum256([]byte(password + salt))
		return sum[:], nil
	}), nil
}

// noop reads a password in plain text.
func noop(_ Hasher, rest string) (check, error) {
	if rest == "" {
		return nil, errors.New("the password is empty")
	}
	return compareKey([]byte(rest), func(password string) ([]byte, error) { return []byte(password), nil }), nil
}
