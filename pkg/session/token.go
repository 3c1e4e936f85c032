package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
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
	if len(m.signers) == 0 {
		return text
	}
	return text + "." + m.signers[0].mac(text)
}

// claim is a text that has the shape of a token, in its parts.
type claim struct {
	signed            string // what a MAC is made of: the other three with their dots
	owner, id, secret string
	mac               string // empty if there is none
}

// credential returns what c claims.
func (c claim) credential() credential {
	return credential{Key{c.owner, c.id}, sha256.Sum256([]byte(c.secret))}
}

// parseToken accepts what token makes in any process, whatever its keys, and nothing else.
// So there is one spelling for each token.
func parseToken(s string) (c claim, ok bool) {
	text := s
	if len(s) == signedLength && s[tokenLength] == '.' {
		if text, c.mac = s[:tokenLength], s[tokenLength+1:]; !canonical(c.mac, idLength) {
			return claim{}, false
		}
	}
	if len(text) != tokenLength || text[idLength] != '.' || text[2*idLength+1] != '.' {
		return claim{}, false
	}
	c.signed, c.owner, c.id, c.secret = text, text[:idLength], text[idLength+1:2*idLength+1], text[2*idLength+2:]
	return c, canonical(c.owner, idLength) && canonical(c.id, idLength) && canonical(c.secret, secretLength)
}

// madeHere reports whether c has a MAC by one of our keys, or has none if we have no keys.
func (m *Manager) madeHere(c claim) bool {
	if len(m.signers) == 0 || c.mac == "" {
		return len(m.signers) == 0 && c.mac == ""
	}
	return m.signedHere(c.signed, c.mac)
}

// signedHere reports whether mac is that of text by one of our keys.
func (m *Manager) signedHere(text, mac string) bool {
	return slices.ContainsFunc(m.signers, func(s *signer) bool { return s.signed(text, mac) })
}

// base64url has the value of each character of base64url, and notBase64url for all others.
var base64url = func() (values [256]byte) {
	for c := range values {
		values[c] = notBase64url
	}
	for value, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		values[c] = byte(value)
	}
	return values
}()

const notBase64url = 64

// canonical reports whether s is base64url of the given length in the one spelling
// that an encoder makes: without stray bits in the last character.
func canonical(s string, length int) bool {
	if len(s) != length {
		return false
	}
	var all byte
	for _, c := range []byte(s) {
		all |= base64url[c]
	}
	stray := byte(1)<<(length*6%8) - 1 // those that fill no byte
	return all < notBase64url && base64url[s[length-1]]&stray == 0
}
