package password

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"strings"
)

func pbkdf2Check(digest func() hash.Hash, salt string, rounds int, key []byte) check {
	return compareKey(key, func(password string) ([]byte, error) {
		return pbkdf2.Key(digest, password, []byte(salt), rounds, len(key))
	})
}

// djangoPBKDF2 reads "rounds$salt$key". The salt is text, and the key is base64.
func djangoPBKDF2(digest func() hash.Hash) func(Hasher, string) (check, error) {
	return func(_ Hasher, rest string) (check, error) {
		return roundsSaltKey(digest, rest, decodeBase64)
	}
}

// werkzeugPBKDF2 reads "digest:rounds$salt$key". The salt is text, and the key is
// hex.
func werkzeugPBKDF2(_ Hasher, rest string) (check, error) {
	name, rest, _ := strings.Cut(rest, ":")
	digest := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}[name]
	if digest == nil {
		return nil, errors.New("digest is not sha1, sha256 or sha512")
	}
	return roundsSaltKey(digest, rest, decodeHex)
}

func roundsSaltKey(digest func() hash.Hash, text string, decode func(string) ([]byte, error)) (check, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 3 {
		return nil, errShape
	}
	rounds, err := parseNumber("rounds", parts[0])
	if err := firstError(err, checkRange("rounds", rounds, 1, maxRounds)); err != nil {
		return nil, err
	}
	key, err := decodeKey(parts[2], decode)
	if err != nil {
		return nil, err
	}
	return pbkdf2Check(digest, parts[1], rounds, key), nil
}

// springPBKDF2 reads the salt and the key in one hex string. The string does not
// contain the parameters. They are the settings that Spring used at that time.
func springPBKDF2(digest func() hash.Hash, rounds, saltLen int) func(Hasher, string) (check, error) {
	return func(_ Hasher, rest string) (check, error) {
		both, err := decodeHex(rest)
		if err != nil || len(both) != saltLen+32 {
			return nil, errShape
		}
		return pbkdf2Check(digest, string(both[:saltLen]), rounds, both[saltLen:]), nil
	}
}
