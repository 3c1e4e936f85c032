// Package password makes and checks password hashes. New hashes are Argon2id hashes,
// written as PHC strings:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>
//
// The package also checks hashes that other frameworks made, so that their users can
// sign in with their old passwords. [Hasher.Verify] lists them. A password is the
// bytes that were received. It is neither trimmed nor normalised.
//
// This package may still change in ways that break programs.
package password

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxBytes is the maximum length of a password. A longer one is never hashed.
	// ASVS 6.2.9 asks for at least 64 characters. Without a limit, anybody could
	// choose how much a sign-in costs.
	MaxBytes = 1024

	// MinCharacters is the minimum length of a new password. NIST SP 800-63B-4,
	// section 3.1.1.2, asks for 15 where a password is the only factor.
	MinCharacters = 15
)

// ErrNoPepper means that a hash was made with a pepper that this [Hasher] does not
// have. So it is unknown whether a password is right. This is an outage, not a wrong
// password.
var ErrNoPepper = errors.New("the pepper of the password hash is not configured")

// Hasher makes and checks hashes, and says which passwords may be hashed. Its fields are
// the secrets that are kept outside the database, and the product's name. The zero
// Hasher has neither and is ready for use. A Hasher is safe for concurrent use while
// nobody changes the fields.
type Hasher struct {
	// Peppers are keys for the HMAC-SHA-256 of a password, which is what gets hashed
	// (NIST SP 800-63B-4, section 3.1.1.2). The newest is first. An attacker who has
	// only the database cannot even guess passwords. The newest pepper makes new
	// hashes, and the others check old ones. Without peppers, hashes are made without
	// a pepper.
	Peppers []Pepper

	// DevisePepper is config.pepper of the Rails application that wrote the "$2a$"
	// hashes. It is for users of the gem Devise, which appends it to the password.
	DevisePepper string

	// Product is the name by which users know the product. It and its words are what
	// attackers try first, so [Hasher.CheckNew] counts them as nothing.
	Product string

	// BcryptCost is for hashes that another application reads too, in a table that both
	// share. If it is not 0, a sign-in replaces no hash, of whatever scheme, and new hashes
	// are those of bcrypt with this cost, 10 to 16: written as $2a$, which every library
	// reads, with DevisePepper and without Peppers. A new password has at most 72 bytes then,
	// because bcrypt sees no more. Give it the cost of the hashes that are there, so that an
	// unknown name costs as much as a known one. With another cost the first use panics.
	// Default: 0. New hashes are Argon2id's, and a sign-in replaces weaker ones.
	BcryptCost int
}

// Pepper is a secret key with an ID. A hash that was made with it contains the ID, as
// "keyid" among the parameters of the PHC string.
type Pepper struct {
	ID  string // letters and digits; if two keys have the same ID, its hashes are compared with both, at the cost of both
	Key []byte // 32 random bytes or more
}

// Hash returns the PHC string to store for password. It makes a new salt each time.
// It takes about 20 ms and 19 MiB. With BcryptCost it returns a bcrypt hash. The caller must have called [Hasher.CheckNew] before.
func (h Hasher) Hash(password string) string {
	if h.BcryptCost != 0 {
		return h.newBcrypt(password)
	}
	hash := h.newPHC()
	hash.key = hash.derive(h.newestPepper().apply(password), keyLen)
	return hash.String()
}

// DummyHash returns a hash that no password matches. Verifying a password against
// it costs the same as against a hash of [Hasher.Hash]. So an answer is not faster
// for an unknown name than for a known one.
func (h Hasher) DummyHash() string {
	if h.BcryptCost != 0 {
		return h.dummyBcrypt()
	}
	dummy := h.newPHC()
	dummy.key = random(keyLen)
	return dummy.String()
}

// Current reports whether encoded is as [Hasher.Hash] would make it now, except for
// the salt and the key. If it is not, encoded has other parameters, an older pepper
// or none, or it comes from another framework. Then the password should be hashed
// again at the next sign-in, because only a sign-in has the password.
// With BcryptCost every hash is current.
func (h Hasher) Current(encoded string) bool {
	if h.BcryptCost != 0 {
		return true
	}
	stored, err := parsePHC(encoded)
	if err != nil || len(stored.salt) != saltLen || len(stored.key) != keyLen {
		return false
	}
	today := h.newPHC()
	today.salt, today.key = stored.salt, stored.key
	return today.String() == encoded
}

// Foreign reports whether encoded was certainly not made by [Hasher.Hash] without
// BcryptCost, with whatever parameters and pepper: another framework made it. Argon2id hashes of other frameworks
// look like our own, so they do not count as foreign.
func Foreign(encoded string) bool { return !strings.HasPrefix(encoded, "$argon2id$") }

// Verify reports whether encoded was made from password. It knows Argon2id and
// Argon2i as PHC strings (our own, PHP, Laravel), and bcrypt (PHP, Laravel, Node,
// Devise). It also knows the formats in which Werkzeug, Django and Spring Security
// write these, PBKDF2, scrypt and plain digests. Django's unusable passwords ("!…")
// match no password, and checking one costs a hash.
//
// Bcrypt sees only the first 72 bytes of a password, as it did in the frameworks that
// made these hashes. Digests ("md5$" to "sha512$", "{sha256}", "{MD5}" to "{SHA-256}")
// and plain text ("{noop}", "plain$$") give no protection if the database leaks. They are accepted so that
// their users do not need a new password, and the first sign-in replaces them.
//
// A password longer than [MaxBytes] matches no hash and is not hashed. An error means
// that nothing was hashed: encoded is damaged, is of an unknown scheme or asks for
// more than the limits in this package, or the error wraps [ErrNoPepper]. The error
// names the wrong parameter and contains neither the salt nor the key.
func (h Hasher) Verify(encoded, password string) (bool, error) {
	c, err := h.parse(encoded)
	if err != nil || len(password) > MaxBytes {
		return false, err
	}
	return c.matches(password)
}

// check is a hash that is already parsed. Its cost is within the limits.
type check struct {
	matches func(password string) (bool, error) // reports whether the hash was made from password
	memory  int                                 // bytes that matches needs; 0 if it needs next to none
}

// needing sets the memory of c.
func (c *check) needing(bytes int) *check {
	c.memory = bytes
	return c
}

// MaxMemory is the maximum of [Hasher.Memory], in bytes.
const MaxMemory = maxMemory

// Memory returns how many bytes [Hasher.Verify] needs for encoded, 0 if it needs next
// to none. That is the memory that the scheme asks for. Go needs as much again until
// the garbage collector has run.
func (h Hasher) Memory(encoded string) int {
	c, err := h.parse(encoded)
	if err != nil {
		return 0
	}
	return c.memory
}

// Check returns the error that [Hasher.Verify] returns for encoded with any password.
// It hashes nothing. It is for hashes that are about to be imported.
func (h Hasher) Check(encoded string) error {
	_, err := h.parse(encoded)
	return err
}

// Scheme returns the name of encoded's scheme, for people: "Argon2id", "Django's
// pbkdf2_sha256". It returns "unknown" if [Hasher.Verify] does not know the scheme.
func Scheme(encoded string) string {
	s, _ := schemeOf(encoded)
	return cmp.Or(s.name, "unknown")
}

func schemeOf(encoded string) (s scheme, rest string) {
	for _, s := range schemes {
		if rest, ok := strings.CutPrefix(encoded, s.prefix); ok {
			return s, rest
		}
	}
	return scheme{}, ""
}

func (h Hasher) parse(encoded string) (*check, error) {
	if len(encoded) > maxEncoded {
		return nil, fmt.Errorf("password hash: %d bytes, want at most %d", len(encoded), maxEncoded)
	}
	s, rest := schemeOf(encoded)
	if s.parse == nil {
		return nil, errors.New("password hash: of no known scheme")
	}
	c, err := s.parse(h, rest)
	if err != nil {
		return nil, fmt.Errorf("password hash of %s: %w", s.name, err)
	}
	return c, nil
}

// newestPepper returns the pepper for new hashes, or the zero Pepper if there is none.
func (h Hasher) newestPepper() Pepper {
	if len(h.Peppers) == 0 {
		return Pepper{}
	}
	return h.Peppers[0]
}

// peppers returns the peppers with the ID: one, unless somebody gave two keys the same
// ID. The ID of the zero Pepper is "".
func (h Hasher) peppers(id string) (found []Pepper, err error) {
	if id == "" {
		return []Pepper{{}}, nil
	}
	for _, p := range h.Peppers {
		if p.ID == id {
			found = append(found, p)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("keyid=%q: %w", id, ErrNoPepper)
	}
	return found, nil
}

func (p Pepper) apply(password string) []byte {
	if p.ID == "" {
		return []byte(password)
	}
	mac := hmac.New(sha256.New, p.Key)
	mac.Write([]byte(password))
	return mac.Sum(nil)
}
