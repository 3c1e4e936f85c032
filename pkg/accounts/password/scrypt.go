package password

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// scryptCheck returns a check that needs 128·n·r bytes, and time in proportion to
// 128·n·r·p.
func scryptCheck(n, r, p int, salt, key []byte) (*check, error) {
	err := firstError(
		checkRange("r", r, 1, maxBlock),
		checkRange("p", p, 1, maxLanes),
		checkRange("N", n, 2, maxMemory/128/max(r, 1)),
	)
	if err == nil && bits.OnesCount(uint(n)) != 1 {
		err = fmt.Errorf("cost N is %d, want a power of two", n)
	}
	if err != nil {
		return nil, err
	}
	return compareKey(key, func(password string) ([]byte, error) {
		return scrypt.Key([]byte(password), salt, n, r, p, len(key))
	}).needing(128 * n * r), nil
}

// scryptText reads the parts as Werkzeug and Django write them. The salt is text.
func scryptText(n, r, p, salt, key string, decode func(string) ([]byte, error)) (*check, error) {
	nn, nErr := parseNumber("N", n)
	rr, rErr := parseNumber("r", r)
	pp, pErr := parseNumber("p", p)
	k, kErr := decodeKey(key, decode)
	if err := firstError(nErr, rErr, pErr, kErr); err != nil {
		return nil, err
	}
	return scryptCheck(nn, rr, pp, []byte(salt), k)
}

// werkzeugScrypt reads "N:r:p$salt$key". The key is hex.
func werkzeugScrypt(_ Hasher, rest string) (*check, error) {
	parts := strings.Split(rest, "$")
	numbers := strings.Split(parts[0], ":")
	if len(parts) != 3 || len(numbers) != 3 {
		return nil, errShape
	}
	return scryptText(numbers[0], numbers[1], numbers[2], parts[1], parts[2], decodeHex)
}

// djangoScrypt reads "N$salt$r$p$key". The key is base64.
func djangoScrypt(_ Hasher, rest string) (*check, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 5 {
		return nil, errShape
	}
	return scryptText(parts[0], parts[2], parts[3], parts[1], parts[4], decodeBase64)
}

// springScrypt reads "$e0801$salt$key". The first part is log2 N, r and p in hex,
// with two digits each for r and p. The salt and the key are base64.
func springScrypt(_ Hasher, rest string) (*check, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 4 || parts[0] != "" {
		return nil, errShape
	}
	numbers, err := strconv.ParseUint(parts[1], 16, 24)
	if err != nil || strconv.FormatUint(numbers, 16) != parts[1] {
		return nil, errors.New("parameters are not lower-case hexadecimal")
	}
	log2 := int(numbers >> 16)
	salt, err := decodeBase64(parts[2])
	if err != nil {
		return nil, fmt.Errorf("the salt %w", err)
	}
	key, err := decodeKey(parts[3], decodeBase64)
	if err := firstError(err, checkRange("log2 N", log2, 1, 20)); err != nil {
		return nil, err
	}
	return scryptCheck(1<<log2, int(numbers>>8&0xff), int(numbers&0xff), salt, key)
}
