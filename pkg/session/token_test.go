package session_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/session"
)

// The positions of the parts of a token.
const (
	ownerEnd    = 22
	idEnd       = 45
	secretStart = 46
	secretEnd   = 89
)

var (
	keyA = bytes.Repeat([]byte("canary-A"), 4)
	keyB = bytes.Repeat([]byte("canary-B"), 4)
)

func TestTokenShape(t *testing.T) {
	part := `[A-Za-z0-9_-]{21}[AQgw]` // 16 bytes leave four zero bits in the last character
	plain := part + `\.` + part + `\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]`
	tests := []struct {
		name   string
		keys   [][]byte
		shape  string
		length int
	}{
		{"without keys", nil, "^" + plain + "$", 89},
		{"with keys", [][]byte{keyA}, "^" + plain + `\.` + part + "$", 112},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, token := newFixture(t, session.Config{SigningKeys: tt.keys}).login("u1")
			if !regexp.MustCompile(tt.shape).MatchString(token) || len(token) != tt.length {
				t.Errorf("token of %d characters %q, want %d like %s", len(token), token, tt.length, tt.shape)
			}
			if token[:ownerEnd] != s.Key().Owner || token[ownerEnd+1:idEnd] != s.ID {
				t.Errorf("token %q does not begin with the session's key %v", token, s.Key())
			}
		})
	}
}

func TestTokensAreUnique(t *testing.T) {
	r := newFixture(t, session.Config{})
	seen := map[string]bool{}
	ones, bits := 0, 0
	for range 2000 {
		_, token := r.login("u1")
		for _, part := range []string{token[ownerEnd+1 : idEnd], token[secretStart:]} {
			if seen[part] {
				t.Fatalf("%q came twice", part)
			}
			seen[part] = true
			raw, err := base64.RawURLEncoding.DecodeString(part)
			want(t, err, nil)
			for _, b := range raw {
				for ; b != 0; b &= b - 1 {
					ones++
				}
			}
			bits += 8 * len(raw)
		}
	}
	// Half of the 768,000 bits should be ones. The test allows a deviation of eight
	// sigma.
	if d := ones - bits/2; d < -3506 || d > 3506 {
		t.Errorf("%d of %d bits are ones", ones, bits)
	}
}

// The expected values are the output of
//
//	printf 'coatcheck owner v1\0u1' | sha256sum | head -c 32
func TestOwnerIsDerivedFromTheUserID(t *testing.T) {
	tests := map[string]string{
		"u1":                  "efefad6b34b26f99e820082f7e8d1b6b",
		"Ünïcode@example.com": "24ee74672cee13b4cb712a812ffb8c19",
		"":                    "23b57fbe210feb05db21e63c6886e6fe",
	}
	for userID, hash := range tests {
		owner := (&session.Session{UserID: userID}).Key().Owner
		raw, err := base64.RawURLEncoding.DecodeString(owner)
		want(t, err, nil)
		if got := hex.EncodeToString(raw); got != hash {
			t.Errorf("owner of %q is %s, want %s", userID, got, hash)
		}
	}
}

func TestStoreHoldsHashesOnly(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	if want := sha256.Sum256([]byte(token[secretStart:secretEnd])); r.stored(s).Secret != want {
		t.Errorf("stored secret is %x, want the SHA-256 of the 43 characters, %x", r.stored(s).Secret, want)
	}
	if r.stored(s).PreviousSecret != [32]byte{} {
		t.Error("a new session has a previous secret")
	}
	// A leaked table does not let anybody in.
	hash := r.stored(s).Secret
	r.wantDead(token[:secretStart] + base64.RawURLEncoding.EncodeToString(hash[:]))
}

// malformedTokens returns wrong variants of token, by the name of the change. None
// may reach the store.
func malformedTokens(token string) map[string]string {
	parts := strings.Split(token, ".")
	v := map[string]string{
		"empty":            "",
		"one short":        token[:len(token)-1],
		"one long":         token + "A",
		"1 KB":             strings.Repeat("A", 1024),
		"dots only":        strings.Repeat(".", len(token)),
		"no dots":          strings.ReplaceAll(token, ".", "A"),
		"quoted":           `"` + token + `"`,
		"quoted in length": `"` + token[1:len(token)-1] + `"`,
		"padded":           token[:len(token)-1] + "=",
		"newline":          token[:len(token)-1] + "\n",
		"newline inside":   token[:60] + "\n" + token[61:],
		"return inside":    token[:60] + "\r" + token[61:],
		"newline added":    token + "\n",
		"blank in front":   "\u00a0" + token,
		"blank inside":     token[:60] + " " + token[61:],
		"NUL":              token[:60] + "\x00" + token[61:],
		"plus":             token[:60] + "+" + token[61:],
		"slash":            token[:60] + "/" + token[61:],
		"bad UTF-8":        token[:60] + "\xff" + token[61:],
		"percent":          token[:60] + "%41" + token[63:],
		"parts swapped":    strings.Join(append(parts[2:3:3], parts[0], parts[1]), "."),
		"dot moved left":   token[:21] + "." + token[21:22] + token[23:],
		"dot moved right":  token[:22] + token[23:24] + "." + token[24:],
		"comma for dot":    strings.Replace(token, ".", ",", 1),
		"A for last dot":   strings.Join(parts[:len(parts)-1], ".") + "A" + parts[len(parts)-1],
		"newlines in ID":   token[:ownerEnd+1] + token[ownerEnd+1:idEnd-4] + "\n\n\n\n" + token[idEnd:],
	}
	for i, name := range []string{"owner", "ID", "secret", "MAC"}[:len(parts)] {
		other := append([]string(nil), parts...)
		other[i] = nonCanonical(parts[i])
		v["second spelling of "+name] = strings.Join(other, ".")
	}
	return v
}

// nonCanonical changes the unused bits of the last character. Lenient decoders read
// the same bytes from the result.
func nonCanonical(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(part) - 1
	return part[:last] + string(alphabet[strings.IndexByte(alphabet, part[last])+1])
}

func TestMalformedTokensNeverReachTheStore(t *testing.T) {
	for kind, keys := range map[string][][]byte{"unsigned": nil, "signed": {keyA}} {
		r := newFixture(t, session.Config{SigningKeys: keys, MaxSessions: -1})
		_, token := r.login("u1")
		for name, variant := range malformedTokens(token) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				r := r.forTest(t)
				r.store.count()
				r.wantDead(variant)
				w := httptest.NewRecorder()
				want(t, r.Destroy(w, r.request(cookie(variant))), nil)
				if n := r.store.count(); n != 0 {
					t.Errorf("%d store calls, want 0", n)
				}
				r.login("u2", cookie(variant))
				if n := r.store.count("Create"); n != 1 || r.store.count() != 0 {
					t.Error("a login with it did more than one Create")
				}
			})
		}
		r.wantAlive(token)
	}
}

// A token that is well-formed but wrong costs one read without signing keys.
func TestGuessedToken(t *testing.T) {
	r := newFixture(t, session.Config{})
	_, token := r.login("u1")
	_, other := r.login("u2")
	tests := map[string]string{
		"unknown ID":     token[:ownerEnd+1] + other[ownerEnd+1:idEnd] + token[idEnd:],
		"other owner":    other[:ownerEnd] + token[ownerEnd:],
		"other secret":   token[:secretStart] + other[secretStart:],
		"made-up secret": token[:secretStart] + strings.Repeat("A", 43),
		"all made up":    strings.Repeat("A", 22) + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43),
	}
	for name, guess := range tests {
		t.Run(name, func(t *testing.T) {
			r := r.forTest(t)
			r.store.count()
			r.wantDead(guess)
			if n := r.store.count("Get"); n != 1 || r.store.count() != 0 {
				t.Errorf("%d reads and more, want 1 and nothing else", n)
			}
		})
	}
	r.wantAlive(token)
	r.wantAlive(other)
}

func TestMAC(t *testing.T) {
	r := newFixture(t, session.Config{SigningKeys: [][]byte{keyA}})
	_, token := r.login("u1")
	_, other := r.login("u1")
	sign := func(key []byte, text string) string {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
	}
	if want := sign(keyA, token[:secretEnd]); token != want {
		t.Errorf("token is %s, want %s", token, want)
	}
	r.store.count()
	for name, forged := range map[string]string{
		"unsigned":         token[:secretEnd],
		"other key":        sign(keyB, token[:secretEnd]),
		"other's MAC":      token[:secretEnd] + other[secretEnd:],
		"secret exchanged": token[:secretStart] + other[secretStart:secretEnd] + token[secretEnd:],
		"ID exchanged":     token[:ownerEnd] + other[ownerEnd:idEnd] + token[idEnd:],
		"zero MAC":         token[:secretEnd] + "." + strings.Repeat("A", 22),
	} {
		if _, err := r.load(forged); err != session.ErrNoSession {
			t.Errorf("%s: error is %v, want ErrNoSession", name, err)
		}
	}
	if n := r.store.count(); n != 0 {
		t.Errorf("forged tokens caused %d store calls, want 0", n)
	}
	// A leaked signing key alone is not enough to forge a token.
	r.wantDead(sign(keyA, token[:secretStart]+other[secretStart:secretEnd]))
	r.wantAlive(token)
}

func TestSigningKeysRotate(t *testing.T) {
	unsigned := newFixture(t, session.Config{})
	onA := unsigned.withConfig(session.Config{SigningKeys: [][]byte{keyA}})
	onBA := unsigned.withConfig(session.Config{SigningKeys: [][]byte{keyB, keyA}})
	onB := unsigned.withConfig(session.Config{SigningKeys: [][]byte{keyB}})
	fixtures := map[string]*fixture{"unsigned": unsigned, "A": onA, "B,A": onBA, "B": onB}
	tests := []struct {
		name  string
		login *fixture
		alive []string
	}{
		{"turning signing on or off ends the sessions", unsigned, []string{"unsigned"}},
		{"every key verifies, a removed one does not", onA, []string{"A", "B,A"}},
		{"the first key signs", onBA, []string{"B,A", "B"}},
		{"the old key stays good for nothing new", onB, []string{"B,A", "B"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, token := tt.login.login("u1")
			for name, r := range fixtures {
				want := error(session.ErrNoSession)
				for _, a := range tt.alive {
					if a == name {
						want = nil
					}
				}
				if _, err := r.load(token); err != want {
					t.Errorf("keys %s: error is %v, want %v", name, err, want)
				}
			}
		})
	}
}

// Every character of a secret is random: in 64 tokens, none has the same in all.
func TestSecretsAreRandomThroughout(t *testing.T) {
	r := newFixture(t, session.Config{MaxSessions: -1})
	var secrets []string
	for range 64 {
		_, token := r.login("u1")
		secrets = append(secrets, token[strings.LastIndexByte(token, '.')+1:])
	}
	for i := range secrets[0] {
		if !slices.ContainsFunc(secrets, func(s string) bool { return s[i] != secrets[0][i] }) {
			t.Errorf("character %d of each secret is %q", i+1, secrets[0][i])
		}
	}
}
