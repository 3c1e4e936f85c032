package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"
)

// signer makes and checks the MACs of one signing key: the first 16 bytes of HMAC-SHA256.
// To set up an HMAC takes longer than to use it, so each is kept for the next text. No
// signer has an HMAC of another key.
type signer struct{ hashes sync.Pool } // of *keyedHash

// keyedHash is an HMAC, with the memory that a call needs.
type keyedHash struct {
	hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newSigner(key []byte) *signer {
	return &signer{sync.Pool{New: func() any { return &keyedHash{Hash: hmac.New(sha256.New, key)} }}}
}

// mac returns the MAC of text in base64url.
func (s *signer) mac(text string) string {
	mac := s.sum(text)
	return string(mac[:])
}

// signed reports whether mac is the MAC of text.
func (s *signer) signed(text, mac string) bool {
	want := s.sum(text)
	return hmac.Equal(want[:], []byte(mac))
}

func (s *signer) sum(text string) (mac [idLength]byte) {
	h := s.hashes.Get().(*keyedHash)
	defer s.hashes.Put(h)
	h.Reset()
	h.text = append(h.text[:0], text...)
	h.Write(h.text)
	base64.RawURLEncoding.Encode(mac[:], h.Sum(h.sum[:0])[:16])
	return mac
}
