package password

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
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

// phc is an Argon2 hash in parts.
type phc struct {
	variant        string // "argon2id" or "argon2i"
	memory, passes uint32
	lanes          uint8
	pepper         string // its ID, "" for none
	salt, key      []byte
}

// fresh returns a hash with today's parameters and a new salt, but no key yet.
func (h Hasher) fresh() phc {
	return phc{variant: "argon2id", memory: memory, passes: passes, lanes: lanes, pepper: h.newest().ID, salt: random(saltLen)}
}

func (p phc) derive(password []byte, length int) []byte {
	if p.variant == "argon2i" {
		return argon2.Key(password, p.salt, p.passes, p.memory, p.lanes, uint32(length))
	}
	return argon2.IDKey(password, p.salt, p.passes, p.memory, p.lanes, uint32(length))
}

func (p phc) String() string {
	keyID := ""
	if p.pepper != "" {
		keyID = ",keyid=" + p.pepper
	}
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d%s$%s$%s", p.variant, argon2.Version, p.memory, p.passes, p.lanes, keyID,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
}

// argon2Hash reads what follows the scheme's prefix, which the variant ends.
func argon2Hash(variant string) func(Hasher, string) (check, error) {
	return func(h Hasher, rest string) (check, error) {
		p, err := parsePHC("$" + variant + "$" + rest)
		if err != nil {
			return nil, err
		}
		pepper, err := h.pepper(p.pepper)
		if err != nil {
			return nil, err
		}
		return derived(p.key, func(password string) ([]byte, error) {
			return p.derive(pepper.apply(password), len(p.key)), nil
		}), nil
	}
}

// parsePHC takes apart what [phc.String] writes, and nothing else: one hash has
// one spelling. It bounds what [argon2.IDKey] would panic at, and what would cost
// too much.
func parsePHC(encoded string) (phc, error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 {
		return phc{}, errors.New("want a version, parameters, salt and key, with a $ before each")
	}
	p := phc{variant: parts[1]}
	numbers, pepper, _ := strings.Cut(parts[3], ",keyid=")
	p.pepper = pepper
	// What these three cannot read they leave out, and then the comparison fails.
	fmt.Sscanf(numbers, "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes)
	p.salt, _ = base64.RawStdEncoding.DecodeString(parts[4])
	p.key, _ = base64.RawStdEncoding.DecodeString(parts[5])
	if (p.variant != "argon2id" && p.variant != "argon2i") || p.String() != encoded {
		return phc{}, errors.New("version, parameters, salt or key are not written as Argon2 writes them")
	}
	return p, firstError(
		within("m in KiB", int(p.memory), 1, maxMemory>>10),
		within("t", int(p.passes), 1, maxPasses),
		within("p", int(p.lanes), 1, maxLanes),
		within("bytes of salt", len(p.salt), minSalt, maxEncoded),
		within("bytes of key", len(p.key), minKey, maxKey),
	)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
