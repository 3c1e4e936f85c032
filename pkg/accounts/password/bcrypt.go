package password

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

var bcryptBase64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// bcryptHash reads "12$", a salt of 22 characters and a key of 31. The version comes
// before them. The versions 2a, 2b and 2y mean the same computation. They differ only
// in the bugs of old implementations that they exclude.
//
// The last characters of the salt and of the key have unused bits. Old libraries wrote
// salts in which these bits are not zero. They never changed the computation, so they are
// set to zero here, as passlib does.
func bcryptHash(_ Hasher, rest string) (*check, error) {
	digits, secret, _ := strings.Cut(rest, "$")
	if len(digits) != 2 || len(secret) != 53 {
		return nil, errShape
	}
	cost, err := parseNumber("cost", strings.TrimPrefix(digits, "0"))
	if err := firstError(err, checkRange("cost", cost, bcrypt.MinCost, maxCost)); err != nil {
		return nil, err
	}
	salt, saltErr := bcryptBase64.DecodeString(secret[:22])
	key, keyErr := bcryptBase64.DecodeString(secret[22:])
	if saltErr != nil || keyErr != nil || len(salt) != 16 || len(key) != 23 { // the decoder ignores line ends
		return nil, errors.New("salt or key are not written as bcrypt writes them")
	}
	encoded := []byte("$2b$" + digits + "$" + bcryptBase64.EncodeToString(salt) + bcryptBase64.EncodeToString(key))
	return &check{matches: func(password string) (bool, error) {
		err := bcrypt.CompareHashAndPassword(encoded, []byte(password))
		if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			return false, nil
		}
		return err == nil, err
	}}, nil
}

// maxBcrypt is how many bytes of a password bcrypt sees.
const maxBcrypt = 72

// newBcrypt makes a new hash as [deviseBcrypt] checks it.
func (h Hasher) newBcrypt(password string) string {
	h.checkCost()
	seen := []byte(password + h.DevisePepper)
	hash, err := bcrypt.GenerateFromPassword(seen[:min(len(seen), maxBcrypt)], h.BcryptCost)
	if err != nil {
		panic(err) // neither the length nor the cost can be wrong
	}
	return string(hash)
}

// dummyBcrypt is the [Hasher.DummyHash] of bcrypt.
func (h Hasher) dummyBcrypt() string {
	h.checkCost()
	return fmt.Sprintf("$2a$%d$%s%s", h.BcryptCost, bcryptBase64.EncodeToString(random(16)), bcryptBase64.EncodeToString(random(23)))
}

func (h Hasher) checkCost() {
	if err := checkRange("Hasher.BcryptCost", h.BcryptCost, bcrypt.DefaultCost, maxCost); err != nil {
		panic("password: " + err.Error())
	}
}

// anyBcrypt reads a whole bcrypt hash, with the version.
func anyBcrypt(h Hasher, rest string) (*check, error) {
	for _, version := range []string{"$2a$", "$2b$", "$2y$"} {
		if rest, ok := strings.CutPrefix(rest, version); ok {
			return bcryptHash(h, rest)
		}
	}
	return nil, errors.New("version is not 2a, 2b or 2y")
}

// deviseBcrypt adds the pepper of Devise to the password. Only Ruby's bcrypt writes
// 2a without the prefix of a framework. PHP writes 2y, and Python and Node write 2b.
func deviseBcrypt(h Hasher, rest string) (*check, error) {
	plain, err := bcryptHash(h, rest)
	if err != nil {
		return nil, err
	}
	return &check{matches: func(password string) (bool, error) { return plain.matches(password + h.DevisePepper) }}, nil
}

// hexSHA256 hashes a password with SHA-256 before the check that parse returns gets
// it. Django does this because bcrypt sees only 72 bytes.
func hexSHA256(parse func(Hasher, string) (*check, error)) func(Hasher, string) (*check, error) {
	return func(h Hasher, rest string) (*check, error) {
		plain, err := parse(h, rest)
		if err != nil {
			return nil, err
		}
		return &check{matches: func(password string) (bool, error) {
			sum := sha256.Sum256([]byte(password))
			return plain.matches(hex.EncodeToString(sum[:]))
		}}, nil
	}
}
