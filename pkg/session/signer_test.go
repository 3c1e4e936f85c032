package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Many goroutines sign with two keys at once. Each MAC is that of its text and its key,
// whatever the signer has signed before.
func TestSignersAtOnce(t *testing.T) {
	keys := [][]byte{signingKey, []byte(strings.Repeat("other ", 20))}
	signers := []*signer{newSigner(keys[0]), newSigner(keys[1])}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 200 {
				text := strings.Repeat("x", (n*31+i)%300)
				h := hmac.New(sha256.New, keys[n%2])
				h.Write([]byte(text))
				want := base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
				if got := signers[n%2].mac(text); got != want {
					t.Errorf("the MAC of %d bytes is %s, want %s", len(text), got, want)
				}
				if !signers[n%2].signed(text, want) || signers[1-n%2].signed(text, want) {
					t.Errorf("the MAC of %d bytes is not that of its key alone", len(text))
				}
			}
		})
	}
	wg.Wait()
}

// Each byte at each position is judged as an encoder and a strict decoder judge it.
func TestCanonicalIsWhatAnEncoderMakes(t *testing.T) {
	for _, length := range []int{idLength, secretLength} {
		for position := range length {
			for c := range 256 {
				text := []byte(strings.Repeat("A", length))
				text[position] = byte(c)
				raw, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
				want := err == nil && base64.RawURLEncoding.EncodeToString(raw) == string(text)
				if canonical(string(text), length) != want {
					t.Errorf("length %d, character %d is %q: want %v", length, position, byte(c), want)
				}
			}
		}
	}
}

// A forged token is judged by the HMACs that are kept: to make one for each of the two keys
// would take twelve allocations. One is for the line in the log.
func TestForgedTokensMakeNoHMAC(t *testing.T) {
	m := &Manager{
		cfg:     Config{CookieName: "__Host-SESSIONID", Logger: slog.New(slog.DiscardHandler)},
		signers: []*signer{newSigner(signingKey), newSigner([]byte(strings.Repeat("other ", 20)))},
	}
	forged := zeroToken + "." + strings.Repeat("A", idLength)
	r := &http.Request{Header: http.Header{"Cookie": {"theme=dark; __Host-SESSIONID=" + forged}}}
	// The race detector makes a sync.Pool forget a quarter of what it gets.
	if n := testing.AllocsPerRun(1000, func() { m.presented(r) }); n > 6 {
		t.Errorf("a forged token costs %v allocations", n)
	}
}
