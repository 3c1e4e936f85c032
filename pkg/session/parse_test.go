package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

var (
	zeroToken  = strings.Repeat("A", 22) + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43)
	signingKey = bytes.Repeat([]byte("k"), 32)

	unsigned = &Manager{cfg: Config{CookieName: "__Host-SESSIONID"}}
	signed   = &Manager{cfg: Config{CookieName: "__Host-SESSIONID"}, signers: []*signer{newSigner(signingKey)}}
)

// The expected value is the output of
//
//	printf %s "$zeroToken" | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk -binary | head -c 16 | base64
func TestMACIsHMACSHA256(t *testing.T) {
	if got := newSigner(signingKey).mac(zeroToken); got != "eBTYUdCigK913rQq7-nb8w" {
		t.Errorf("MAC is %s", got)
	}
}

// Each part of a token has only one valid spelling: the one that an encoder makes.
func TestCanonical(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for length, spare := range map[int]int{idLength: 4, secretLength: 2} {
		rest := strings.Repeat("_", length-1)
		for c := range 256 {
			value := strings.IndexByte(alphabet, byte(c))
			want := value >= 0 && value%(1<<spare) == 0
			if canonical(rest+string([]byte{byte(c)}), length) != want {
				t.Errorf("length %d, last character %q: want %v", length, byte(c), want)
			}
			want = value >= 0
			if canonical(string([]byte{byte(c)})+rest[1:]+"A", length) != want {
				t.Errorf("length %d, first character %q: want %v", length, byte(c), want)
			}
		}
	}
}

// If parseToken accepts a text, token makes the same text from its parts. So no
// token has two spellings.
func FuzzParseToken(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range []*Manager{unsigned, signed} {
			claim, ok := parseToken(text)
			if !ok || !m.madeHere(claim) {
				continue
			}
			c, secret := claim.credential(), text[tokenLength-secretLength:tokenLength]
			if again := m.token(c.key, secret); again != text {
				t.Errorf("%q was accepted, but is spelt %q", text, again)
			}
			if c.secret != sha256.Sum256([]byte(secret)) {
				t.Errorf("%q: the credential is not the hash of its secret", text)
			}
			for _, part := range []string{c.key.Owner, c.key.ID, secret} {
				raw, err := base64.RawURLEncoding.DecodeString(part)
				if err != nil || base64.RawURLEncoding.EncodeToString(raw) != part {
					t.Errorf("%q was accepted, with %q in it", text, part)
				}
			}
		}
	})
}

// BenchmarkCookie reads the token from a request. For comparison, net/http reads a
// cookie.
func BenchmarkCookie(b *testing.B) {
	r := &http.Request{Header: http.Header{"Cookie": {"theme=dark; __Host-SESSIONID=" + zeroToken + "; lang=de"}}}
	sr := &http.Request{Header: http.Header{"Cookie": {"theme=dark; __Host-SESSIONID=" + signed.token(Key{zeroToken[:22], zeroToken[:22]}, zeroToken[46:]) + "; lang=de"}}}
	b.Run("presented", func(b *testing.B) { benchmarkPresented(b, unsigned, r) })
	b.Run("presented, signed", func(b *testing.B) { benchmarkPresented(b, signed, sr) })
	b.Run("http.Request.Cookie", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Cookie("__Host-SESSIONID"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchmarkPresented(b *testing.B, m *Manager, r *http.Request) {
	b.ReportAllocs()
	for b.Loop() {
		if m.presented(r) == (credential{}) {
			b.Fatal("no credential")
		}
	}
}
