package password

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"hash"
	"strings"
)

func pbkdf2Check(digest func() hash.Hash, salt string, rounds int, key []byte) *check {
	return compareKey(key, func(password string) ([]byte, error) {
		return pbkdf2.Key(digest, password, []byte(salt), rounds, len(key))
	})
}

// djangoPBKDF2 reads "rounds$salt$key". The salt is text, and the key is base64.
func djangoPBKDF2(digest func() hash.Hash) func(Hasher, string) (*check, error) {
	return func(_ Hasher, rest string) (*check, error) {
		return roundsSaltKey(digest, rest, decodeBase64)
	}
}

// pythonDigests are the digests of PBKDF2 in Werkzeug that are known here, by the names
// of Python's hashlib. Werkzeug also takes blake2b, blake2s, ripemd160, sm3 and md5-sha1,
// if Python's OpenSSL has them.
var pythonDigests = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New,
	"sha224": sha256.New224, "sha256": sha256.New,
	"sha384": sha512.New384, "sha512": sha512.New, "sha512_224": sha512.New512_224, "sha512_256": sha512.New512_256,
	"sha3_224": newSHA3(sha3.New224), "sha3_256": newSHA3(sha3.New256), "sha3_384": newSHA3(sha3.New384), "sha3_512": newSHA3(sha3.New512),
}

func newSHA3(digest func() *sha3.SHA3) func() hash.Hash {
	return func() hash.Hash { return digest() }
}

// werkzeugPBKDF2 reads "digest:rounds$salt$key". The salt is text, and the key is
// hex.
func werkzeugPBKDF2(_ Hasher, rest string) (*check, error) {
	name, rest, _ := strings.Cut(rest, ":")
	digest := pythonDigests[name]
	if digest == nil {
		return nil, errors.New("digest is not md5, sha1 or one of SHA-2 and SHA-3")
	}
	return roundsSaltKey(digest, rest, decodeHex)
}

func roundsSaltKey(digest func() hash.Hash, text string, decode func(string) ([]byte, error)) (*check, error) {
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
func springPBKDF2(digest func() hash.Hash, rounds, saltLen int) func(Hasher, string) (*check, error) {
	return func(_ Hasher, rest string) (*check, error) {
		both, err := decodeHex(rest)
		if err != nil || len(both) != saltLen+32 {
			return nil, errShape
		}
		return pbkdf2Check(digest, string(both[:saltLen]), rounds, both[saltLen:]), nil
	}
}
