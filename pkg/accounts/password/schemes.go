package password

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// scheme is one format of hashes.
type scheme struct {
	prefix string
	name   string
	parse  func(h Hasher, rest string) (*check, error)
}

// schemes are all known schemes. The first scheme with a matching prefix is used, so
// no prefix may begin with an earlier one. Each parse function gets the part after
// the prefix, and hashes nothing.
var schemes = []scheme{
	{"$argon2id$", "Argon2id", argon2Hash("argon2id")},
	{"$argon2i$", "Argon2i", argon2Hash("argon2i")},
	{"$2a$", "bcrypt", deviseBcrypt},
	{"$2b$", "bcrypt", bcryptHash},
	{"$2y$", "bcrypt", bcryptHash},

	{"argon2$argon2id$", "Django's argon2", argon2Hash("argon2id")},
	{"argon2$argon2i$", "Django's argon2", argon2Hash("argon2i")},
	{"bcrypt_sha256$", "Django's bcrypt_sha256", hexSHA256(anyBcrypt)},
	{"bcrypt$", "Django's bcrypt", anyBcrypt},
	{"pbkdf2_sha256$", "Django's pbkdf2_sha256", djangoPBKDF2(sha256.New)},
	{"pbkdf2_sha1$", "Django's pbkdf2_sha1", djangoPBKDF2(sha1.New)},
	{"scrypt$", "Django's scrypt", djangoScrypt},
	{"md5$", "Django's or Werkzeug's md5", digestHash(md5.New, djangoSum, werkzeugSum)},
	{"sha1$", "Django's or Werkzeug's sha1", digestHash(sha1.New, djangoSum, werkzeugSum)},
	{"!", "an unusable password", unusable},

	{"scrypt:", "Werkzeug's scrypt", werkzeugScrypt},
	{"pbkdf2:", "Werkzeug's pbkdf2", werkzeugPBKDF2},
	{"sha224$", "Werkzeug's sha224", digestHash(sha256.New224, werkzeugSum)},
	{"sha256$", "Werkzeug's sha256", digestHash(sha256.New, werkzeugSum)},
	{"sha384$", "Werkzeug's sha384", digestHash(sha512.New384, werkzeugSum)},
	{"sha512$", "Werkzeug's sha512", digestHash(sha512.New, werkzeugSum)},
	{"plain$$", "Werkzeug's plain", plainText},

	{"{argon2}$argon2id$", "Spring's argon2", argon2Hash("argon2id")},
	{"{argon2}$argon2i$", "Spring's argon2", argon2Hash("argon2i")},
	{"{argon2@SpringSecurity_v5_8}$argon2id$", "Spring's argon2", argon2Hash("argon2id")},
	{"{bcrypt}", "Spring's bcrypt", anyBcrypt},
	{"{pbkdf2}", "Spring's pbkdf2", springPBKDF2(sha1.New, 185_000, 8)},
	{"{pbkdf2@SpringSecurity_v5_8}", "Spring's pbkdf2", springPBKDF2(sha256.New, 310_000, 16)},
	{"{scrypt}", "Spring's scrypt", springScrypt},
	{"{scrypt@SpringSecurity_v5_8}", "Spring's scrypt", springScrypt},
	{"{sha256}", "Spring's sha256", springSHA256},
	{"{MD5}", "Spring's MD5", springMessageDigest(md5.New)},
	{"{SHA-1}", "Spring's SHA-1", springMessageDigest(sha1.New)},
	{"{SHA-256}", "Spring's SHA-256", springMessageDigest(sha256.New)},
	{"{noop}", "Spring's noop", plainText},
}

// The limits of a stored hash. A hash beyond them is damaged or made by an attacker,
// and computing it could crash the process. The defaults of the frameworks are far
// below: Django's Argon2 takes 100 MiB, its PBKDF2 1.2 million rounds.
const (
	maxMemory  = 128 << 20 // bytes of memory, of Argon2 and scrypt
	maxPasses  = 16        // of Argon2
	maxLanes   = 16        // of Argon2 and scrypt
	maxBlock   = 32        // scrypt's r
	maxRounds  = 5_000_000 // of PBKDF2
	maxCost    = 16        // of bcrypt: 65,536 rounds
	minSalt    = 8         // bytes, of Argon2: RFC 9106, section 3.1
	minKey     = 16        // bytes: a short key matches by chance, an empty key always
	maxKey     = 64        // bytes: the time of PBKDF2 grows with each block of the key
	maxEncoded = MaxBytes + 256
)

// compareKey returns a check that compares key with the key that derive makes from the
// password.
func compareKey(key []byte, derive func(password string) ([]byte, error)) *check {
	return &check{matches: func(password string) (bool, error) {
		got, err := derive(password)
		return err == nil && subtle.ConstantTimeCompare(got, key) == 1, err
	}}
}

// unusable reads Django's mark of an account without a password. The check costs a
// hash, so that it is not faster than for a wrong password.
func unusable(h Hasher, _ string) (*check, error) {
	if h.BcryptCost != 0 {
		return deviseBcrypt(h, strings.TrimPrefix(h.dummyBcrypt(), "$2a$"))
	}
	dummy := h.newPHC()
	return compareKey(random(keyLen), func(password string) ([]byte, error) {
		return dummy.derive(h.newestPepper().apply(password), keyLen), nil
	}).needing(dummy.bytes()), nil
}

var errShape = errors.New("not of the scheme's parts")

// parseNumber reads a whole number in the spelling that Go writes.
func parseNumber(name, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(n) != text {
		return 0, fmt.Errorf("%s is not a plain whole number", name)
	}
	return n, nil
}

func checkRange(name string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s is %d, want %d to %d", name, n, least, most)
	}
	return nil
}

// decodeKey decodes a key. The decoders are decodeHex and decodeBase64.
func decodeKey(text string, decode func(string) ([]byte, error)) ([]byte, error) {
	key, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("the key %w", err)
	}
	return key, checkRange("bytes of key", len(key), minKey, maxKey)
}

// decodeHex refuses upper case, so that one hash has only one spelling.
func decodeHex(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || hex.EncodeToString(b) != text {
		return nil, errors.New("is not lower-case hexadecimal")
	}
	return b, nil
}

// decodeBase64 refuses line ends and unused bits that are not zero, so that one hash has
// only one spelling.
func decodeBase64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(b) != text {
		return nil, errors.New("is not plain standard base64")
	}
	return b, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
