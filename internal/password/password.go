// Package password keeps passwords as Argon2id hashes, written as PHC strings:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>
//
// A password is the bytes that were received: neither trimmed nor normalised.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

const (
	// MaxBytes is the longest password that is ever hashed. ASVS 6.2.9 asks for
	// 64 characters at least; the limit keeps strangers from choosing what a
	// sign-in costs.
	MaxBytes = 1024

	// MinCharacters is the shortest password that may be set. NIST SP 800-63B-4,
	// section 3.1.1.2, asks for 15 where a password is the only factor.
	MinCharacters = 15
)

// The cost of a new hash: OWASP's first choice for Argon2id (Password Storage
// Cheat Sheet, ASVS 11.4.2).
const (
	memory  = 19456 // KiB
	passes  = 2
	lanes   = 1
	saltLen = 16
	keyLen  = 32
)

// What a stored hash may ask for. A hash beyond it is damaged or hostile, and
// computing it could take the process down.
const (
	maxEncoded = 256 // bytes of the whole string
	maxMemory  = 128 << 10
	maxPasses  = 16
	maxLanes   = 16
	minSalt    = 8  // RFC 9106, section 3.1
	minKey     = 16 // a short key matches by chance, an empty one always
)

// CheckNew returns an error that says why password may not be set, or nil.
func CheckNew(password string) error {
	switch {
	case len(password) > MaxBytes:
		return fmt.Errorf("the password is longer than %d bytes; choose a shorter one", MaxBytes)
	case utf8.RuneCountInString(password) < MinCharacters:
		return fmt.Errorf("the password is shorter than %d characters; choose a longer one", MinCharacters)
	}
	return nil
}

// Hash returns the PHC string to store for password, with a salt of its own. It
// takes about 20 ms and 19 MiB. The caller has asked [CheckNew] before.
func Hash(password string) string {
	h := phc{memory: memory, passes: passes, lanes: lanes, salt: random(saltLen)}
	h.key = h.derive(password, keyLen)
	return h.String()
}

// Decoy returns a PHC string that no password matches. To verify against it
// costs what a hash of [Hash] costs, so that a name nobody has is answered no
// faster than one that somebody has.
func Decoy() string {
	return phc{memory: memory, passes: passes, lanes: lanes, salt: random(saltLen), key: random(keyLen)}.String()
}

// Verify reports whether encoded was made from password. A password longer than
// [MaxBytes] matches nothing and is not hashed. An error means that encoded is
// not an Argon2id PHC string or asks for more than 128 MiB, 16 passes or 16
// lanes; nothing was hashed, and the error holds neither salt nor key.
func Verify(encoded, password string) (bool, error) {
	h, err := parse(encoded)
	if err != nil || len(password) > MaxBytes {
		return false, err
	}
	key := h.derive(password, len(h.key))
	return subtle.ConstantTimeCompare(key, h.key) == 1, nil
}

// phc is an Argon2id hash in parts.
type phc struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

func (h phc) derive(password string, length int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(length))
}

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

// parse takes apart what [phc.String] writes, and nothing else: one hash has one
// spelling.
func parse(encoded string) (phc, error) {
	if len(encoded) > maxEncoded {
		return phc{}, fmt.Errorf("password hash: %d bytes, want at most %d", len(encoded), maxEncoded)
	}
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" {
		return phc{}, errors.New("password hash: not a PHC string of an algorithm, a version, parameters, salt and key")
	}
	if parts[1] != "argon2id" {
		return phc{}, errors.New("password hash: not Argon2id")
	}
	var h phc
	// What these three cannot read they leave out, and then the comparison fails.
	fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes)
	h.salt, _ = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, _ = base64.RawStdEncoding.DecodeString(parts[5])
	if h.String() != encoded {
		return phc{}, errors.New("password hash: version, parameters, salt or key are not written as Argon2id writes them")
	}
	return h, h.check()
}

// check refuses what [argon2.IDKey] would panic at, and what would cost too much.
func (h phc) check() error {
	switch {
	case h.memory < 1 || h.memory > maxMemory:
		return fmt.Errorf("password hash: m=%d KiB, want 1 to %d", h.memory, maxMemory)
	case h.passes < 1 || h.passes > maxPasses:
		return fmt.Errorf("password hash: t=%d, want 1 to %d", h.passes, maxPasses)
	case h.lanes < 1 || h.lanes > maxLanes:
		return fmt.Errorf("password hash: p=%d, want 1 to %d", h.lanes, maxLanes)
	case len(h.salt) < minSalt:
		return fmt.Errorf("password hash: salt of %d bytes, want at least %d", len(h.salt), minSalt)
	case len(h.key) < minKey:
		return fmt.Errorf("password hash: key of %d bytes, want at least %d", len(h.key), minKey)
	}
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
