package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// The lengths in characters of a token, <owner>.<id>.<secret>, and of its parts.
// With signing keys, .<mac> follows.
const (
	idLength     = 22 // 16 bytes; the same for owner, id and mac
	secretLength = 43 // 32 bytes
	tokenLength  = idLength + 1 + idLength + 1 + secretLength
	signedLength = tokenLength + 1 + idLength
)

// credential is what a token claims: the key of a session, and the SHA-256 of the
// secret that must prove it.
type credential struct {
	key    Key
	secret [32]byte
}

// ends reports whether a logout with c ends s.
func (c credential) ends(s *Session) bool {
	return c.key == s.Key() && (c.secret == s.Secret || c.secret == s.PreviousSecret)
}

// credential returns what the token of s claims.
func (s *Session) credential() credential { return credential{s.Key(), s.Secret} }

// newSecret returns a new secret as the token holds it, and its hash as the store
// holds it. The secret has 256 random bits (ASVS 7.2.3 asks for 128).
func newSecret() (secret string, hash [32]byte) {
	secret = randomText(32)
	return secret, sha256.Sum256([]byte(secret))
}

func randomText(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // crypto/rand never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// token returns the value of the cookie for the session at key.
func (m *Manager) token(key Key, secret string) string {
	text := key.Owner + "." + key.ID + "." + secret
	if len(m.cfg.SigningKeys) == 0 {
		return text
	}
	return text + "." + mac(m.cfg.SigningKeys[0], text)
}

// isForged reports whether s has the shape of a token, and none of our keys has signed it.
// Without keys nobody can say so.
func (m *Manager) isForged(s string) bool {
	_, ok := parseShape(s)
	return ok && len(m.cfg.SigningKeys) > 0 && !m.madeHere(s)
}

// madeHere reports whether s, which has the shape of a token, has a MAC by one of our
// keys, or has none if we have no keys.
func (m *Manager) madeHere(s string) bool {
	if len(m.cfg.SigningKeys) == 0 || len(s) != signedLength {
		return len(m.cfg.SigningKeys) == 0 && len(s) == tokenLength
	}
	return slices.ContainsFunc(m.cfg.SigningKeys, func(key []byte) bool {
		return hmac.Equal([]byte(mac(key, s[:tokenLength])), []byte(s[tokenLength+1:]))
	})
}

// parseToken accepts exactly what token makes, so there is one spelling for each
// token.
func (m *Manager) parseToken(s string) (credential, bool) {
	c, ok := parseShape(s)
	if !ok || !m.madeHere(s) {
		return credential{}, false
	}
	return c, true
}

// parseShape accepts what token makes in any process, whatever its keys.
func parseShape(s string) (credential, bool) {
	text := s
	if len(s) == signedLength && s[tokenLength] == '.' && canonical(s[tokenLength+1:], idLength) {
		text = s[:tokenLength]
	}
	if len(text) != tokenLength {
		return credential{}, false
	}
	owner, rest, _ := strings.Cut(text, ".")
	id, secret, _ := strings.Cut(rest, ".")
	if !canonical(owner, idLength) || !canonical(id, idLength) || !canonical(secret, secretLength) {
		return credential{}, false
	}
	return credential{Key{owner, id}, sha256.Sum256([]byte(secret))}, true
}

// canonical reports whether s is base64url of the given length in the one spelling
// that an encoder makes. Strict refuses stray bits in the last character. Decode
// checks the alphabet but skips line breaks, so the number of decoded bytes is
// compared too.
func canonical(s string, length int) bool {
	if len(s) != length {
		return false
	}
	var buf [32]byte
	n, err := base64.RawURLEncoding.Strict().Decode(buf[:], []byte(s))
	return err == nil && n == base64.RawURLEncoding.DecodedLen(length)
}

func mac(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
