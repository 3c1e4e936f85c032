// Package password keeps passwords as Argon2id hashes, written as PHC strings:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>
//
// It also checks the hashes that other frameworks left behind, so that their
// users sign in with the passwords they have; see [Hasher.Verify] for which. A
// password is the bytes that were received: neither trimmed nor normalised.
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
	// MaxBytes is the longest password that is ever hashed. ASVS 6.2.9 asks for
	// 64 characters at least; the limit keeps strangers from choosing what a
	// sign-in costs.
	MaxBytes = 1024

	// MinCharacters is the shortest password that may be set. NIST SP 800-63B-4,
	// section 3.1.1.2, asks for 15 where a password is the only factor.
	MinCharacters = 15
)

// ErrNoPepper means that a hash was made with a pepper that this [Hasher] lacks,
// so that nobody can tell whether a password is right. It is an outage, not a
// refusal.
var ErrNoPepper = errors.New("the pepper of the password hash is not configured")

// Hasher makes and checks hashes. Its fields are the secrets that are kept
// outside the database; the zero Hasher has none and is ready for use. It is
// safe for concurrent use while nobody changes the fields.
type Hasher struct {
	// Peppers are keys that a password goes through before it is hashed, newest
	// first: HMAC-SHA-256 as in NIST SP 800-63B-4, section 3.1.1.2. Who has only
	// the database can then not even guess. The newest makes new hashes, the
	// others check old ones; without any, hashes are made without.
	Peppers []Pepper

	// DevisePepper is config.pepper of the Rails application that wrote the
	// "$2a$" hashes, for users of the gem Devise. It is appended to the password.
	DevisePepper string
}

// Pepper is a secret key with a name. The hash that it made says the name, as
// "keyid" among the parameters of the PHC string.
type Pepper struct {
	ID  string // letters and digits
	Key []byte // 32 random bytes or more
}

// Hash returns the PHC string to store for password, with a salt of its own. It
// takes about 20 ms and 19 MiB. The caller has asked [CheckNew] before.
func (h Hasher) Hash(password string) string {
	fresh := h.fresh()
	fresh.key = fresh.derive(h.newest().apply(password), keyLen)
	return fresh.String()
}

// Decoy returns a PHC string that no password matches. To verify against it
// costs what a hash of [Hasher.Hash] costs, so that a name nobody has is
// answered no faster than one that somebody has.
func (h Hasher) Decoy() string {
	decoy := h.fresh()
	decoy.key = random(keyLen)
	return decoy.String()
}

// Current reports whether encoded is what [Hasher.Hash] would store today, salt
// and key aside. If not, the password should be hashed again at the next sign-in,
// which alone has it: encoded has other parameters, an older pepper or none, or
// is another framework's.
func (h Hasher) Current(encoded string) bool {
	stored, err := parsePHC(encoded)
	if err != nil || len(stored.salt) != saltLen || len(stored.key) != keyLen {
		return false
	}
	today := h.fresh()
	today.salt, today.key = stored.salt, stored.key
	return today.String() == encoded
}

// Verify reports whether encoded was made from password. It knows Argon2id and
// Argon2i as PHC strings (our own, PHP, Laravel), bcrypt (PHP, Laravel, Node,
// Devise), and what Werkzeug, Django and Spring Security make of these, of
// PBKDF2, scrypt and plain digests. Django's unusable passwords ("!…") match
// nothing, at the cost of a hash.
//
// Bcrypt sees the first 72 bytes of a password, as it does in the frameworks that
// made these hashes. Digests ("md5$", "{sha256}", "{SHA-256}") and plain text
// ("{noop}") protect nobody whose database leaks; they are accepted so that their
// users need no new password, and the first sign-in replaces them.
//
// A password longer than [MaxBytes] matches nothing and is not hashed. An error
// means that nothing was hashed: encoded is damaged or of an unknown scheme, asks
// for more than the bounds in this package, or wraps [ErrNoPepper]. It names the
// parameter at fault and holds neither salt nor key.
func (h Hasher) Verify(encoded, password string) (bool, error) {
	matches, err := h.parse(encoded)
	if err != nil || len(password) > MaxBytes {
		return false, err
	}
	return matches(password)
}

// check reports whether a hash, already taken apart and found affordable, was
// made from password.
type check func(password string) (bool, error)

// Check returns the error that [Hasher.Verify] would return for encoded, whatever
// the password. It hashes nothing: it is for hashes that are about to be imported.
func (h Hasher) Check(encoded string) error {
	_, err := h.parse(encoded)
	return err
}

// Scheme returns what the scheme of encoded is called, for people: "Argon2id",
// "Django's pbkdf2_sha256"; "unknown" if it is of none that [Hasher.Verify] knows.
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

func (h Hasher) parse(encoded string) (check, error) {
	if len(encoded) > maxEncoded {
		return nil, fmt.Errorf("password hash: %d bytes, want at most %d", len(encoded), maxEncoded)
	}
	s, rest := schemeOf(encoded)
	if s.parse == nil {
		return nil, errors.New("password hash: of no known scheme")
	}
	matches, err := s.parse(h, rest)
	if err != nil {
		return nil, fmt.Errorf("password hash of %s: %w", s.name, err)
	}
	return matches, nil
}

// newest returns the pepper of new hashes, the zero Pepper if there is none.
func (h Hasher) newest() Pepper {
	if len(h.Peppers) == 0 {
		return Pepper{}
	}
	return h.Peppers[0]
}

// pepper returns the pepper called id; the zero Pepper is called "".
func (h Hasher) pepper(id string) (Pepper, error) {
	if id == "" {
		return Pepper{}, nil
	}
	for _, p := range h.Peppers {
		if p.ID == id {
			return p, nil
		}
	}
	return Pepper{}, fmt.Errorf("keyid=%q: %w", id, ErrNoPepper)
}

func (p Pepper) apply(password string) []byte {
	if p.ID == "" {
		return []byte(password)
	}
	mac := hmac.New(sha256.New, p.Key)
	mac.Write([]byte(password))
	return mac.Sum(nil)
}
