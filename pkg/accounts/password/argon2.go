package password

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a new hash. It is the first choice of OWASP for Argon2id (Password
// Storage Cheat Sheet, ASVS 11.4.2).
const (
	passes  = 2
	lanes   = 1
	saltLen = 16
	keyLen  = 32
)

// memory is no constant because internal/testing/cheaphash makes it small for tests. Nothing else
// changes it.
var memory uint32 = 19456 // KiB

// phc holds the parts of an Argon2 hash.
type phc struct {
	variant        string // "argon2id" or "argon2i"
	memory, passes uint32
	lanes          uint8
	pepper         string // the ID of the pepper, "" for none
	salt, key      []byte
}

// newPHC returns a hash with the parameters of new hashes and a new salt. It has no
// key yet.
func (h Hasher) newPHC() phc {
	return phc{variant: "argon2id", memory: memory, passes: passes, lanes: lanes, pepper: h.newestPepper().ID, salt: random(saltLen)}
}

func (p phc) derive(password []byte, length int) []byte {
	if p.variant == "argon2i" {
		return argon2.Key(password, p.salt, p.passes, p.memory, p.lanes, uint32(length))
	}
	return argon2.IDKey(password, p.salt, p.passes, p.memory, p.lanes, uint32(length))
}

// bytes returns how much memory derive needs.
func (p phc) bytes() int { return int(p.memory) << 10 }

func (p phc) String() string {
	keyID := ""
	if p.pepper != "" {
		keyID = ",keyid=" + p.pepper
	}
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d%s$%s$%s", p.variant, argon2.Version, p.memory, p.passes, p.lanes, keyID,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
}

// argon2Hash reads the part of a hash after the scheme's prefix. The prefix ends with
// the variant.
func argon2Hash(variant string) func(Hasher, string) (*check, error) {
	return func(h Hasher, rest string) (*check, error) {
		p, err := parsePHC("$" + variant + "$" + rest)
		if err != nil {
			return nil, err
		}
		peppers, err := h.peppers(p.pepper)
		if err != nil {
			return nil, err
		}
		c := &check{matches: func(password string) (matches bool, err error) {
			for _, pepper := range peppers {
				compare := compareKey(p.key, func(password string) ([]byte, error) {
					return p.derive(pepper.apply(password), len(p.key)), nil
				})
				if matches, err = compare.matches(password); matches || err != nil {
					break
				}
			}
			return matches, err
		}}
		return c.needing(p.bytes()), nil
	}
}

// parsePHC reads what [phc.String] writes, and nothing else, so that one hash has
// only one spelling. It refuses parameters that would make [argon2.IDKey] panic or
// would cost too much.
func parsePHC(encoded string) (phc, error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 {
		return phc{}, errors.New("want a version, parameters, salt and key, with a $ before each")
	}
	p := phc{variant: parts[1]}
	numbers, pepper, _ := strings.Cut(parts[3], ",keyid=")
	p.pepper = pepper
	// Parts that these three lines cannot read stay empty, and then the comparison
	// below fails.
	fmt.Sscanf(numbers, "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes)
	p.salt, _ = base64.RawStdEncoding.DecodeString(parts[4])
	p.key, _ = base64.RawStdEncoding.DecodeString(parts[5])
	if (p.variant != "argon2id" && p.variant != "argon2i") || p.String() != encoded {
		return phc{}, errors.New("version, parameters, salt or key are not written as Argon2 writes them")
	}
	return p, firstError(
		checkRange("m in KiB", int(p.memory), 1, maxMemory>>10),
		checkRange("t", int(p.passes), 1, maxPasses),
		checkRange("p", int(p.lanes), 1, maxLanes),
		checkRange("bytes of salt", len(p.salt), minSalt, maxEncoded),
		checkRange("bytes of key", len(p.key), minKey, maxKey),
	)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // rand.Read never fails
	return b
}
