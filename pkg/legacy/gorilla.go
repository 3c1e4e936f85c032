package legacy

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Gorilla says how a Go program with gorilla/sessions signs, and may encrypt, the cookies of
// its CookieStore, which are the sessions themselves.
type Gorilla struct {
	Cookie string // the name of the session; required

	// Keys are the key pairs as NewCookieStore takes them: a key for the signature, a key
	// for the encryption, and again for each pair before. The second key of a pair is empty,
	// or missing at the end, if the program does not encrypt.
	Keys [][]byte

	// User is the key of the session under which the user's ID is: a text, an integer, or a
	// type of the program's own that is one of them. Required, because gorilla/sessions has no
	// place for it.
	User string

	// MaxAge is Options.MaxAge of the store: how long after its last change a cookie counts.
	// The default is that of gorilla/sessions, 30 days.
	MaxAge time.Duration
}

type gorilla struct {
	cookieIsSession
	Gorilla
	pairs []gorillaPair
}

type gorillaPair struct {
	hash  []byte
	block cipher.Block // nil if it does not encrypt
}

// NewGorilla returns a source that reads the cookies of gorilla/sessions' CookieStore, as
// gorilla/securecookie writes them by default: HMAC-SHA256, AES-CTR, gob. Nothing in such a
// cookie tells two sessions of one user apart, or says when the user signed in: only a stamp
// does, see [StampKey].
func NewGorilla(o Gorilla) (Source, error) {
	switch {
	case o.Cookie == "":
		return nil, errors.New("Gorilla: Cookie is missing")
	case o.User == "":
		return nil, errors.New("Gorilla: User is missing")
	case o.MaxAge < 0:
		return nil, fmt.Errorf("Gorilla: MaxAge: %v is negative", o.MaxAge)
	case len(o.Keys) == 0:
		return nil, errors.New("Gorilla: Keys: at least one key is needed")
	}
	o.MaxAge = cmp.Or(o.MaxAge, 30*24*time.Hour)
	source := gorilla{Gorilla: o}
	for i := 0; i < len(o.Keys); i += 2 {
		pair, err := newGorillaPair(o.Keys[i:min(i+2, len(o.Keys))])
		if err != nil {
			return nil, fmt.Errorf("Gorilla: Keys: pair %d: %w", i/2+1, err)
		}
		source.pairs = append(source.pairs, pair)
	}
	return source, nil
}

func newGorillaPair(keys [][]byte) (gorillaPair, error) {
	pair := gorillaPair{hash: keys[0]}
	if len(pair.hash) == 0 {
		return pair, errors.New("the key for the signature is empty")
	}
	if len(keys) < 2 || len(keys[1]) == 0 {
		return pair, nil
	}
	block, err := aes.NewCipher(keys[1])
	if err != nil {
		return pair, fmt.Errorf("the key for the encryption has %d bytes; it should have 16, 24 or 32", len(keys[1]))
	}
	pair.block = block
	return pair, nil
}

// Cookies implements [Source].
func (g gorilla) Cookies() []string { return []string{g.Cookie} }

// Open implements [Source].
func (g gorilla) Open(_ context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[g.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	values, written, err := g.verify(cookie)
	if err != nil {
		return Claim{}, err
	}
	expires := written.Add(g.MaxAge)
	if now.Before(written) || !now.Before(expires) {
		return Claim{}, fmt.Errorf("%w: it has expired, or is from the future", ErrRejected)
	}
	claim, err := newClaim("", values, g.User)
	claim.ExpiresAt = expires
	return claim, err
}

// verify opens a cookie with the pair of keys that wrote it. A cookie is base64 of three
// parts with "|" between them: when it was written, base64 of the content, and the HMAC of
// the cookie's name and the two.
func (g gorilla) verify(cookie string) (values map[string]any, written time.Time, err error) {
	decoded, err := decodeBase64(base64.URLEncoding, cookie)
	if err != nil {
		return nil, time.Time{}, err
	}
	parts := strings.SplitN(string(decoded), "|", 3)
	if len(parts) != 3 {
		return nil, time.Time{}, fmt.Errorf("%w: it has not the three parts of a secure cookie", ErrRejected)
	}
	err = fmt.Errorf("%w: no key of this application signed it for this name", ErrRejected)
	for _, pair := range g.pairs {
		mac := hmac.New(sha256.New, pair.hash)
		mac.Write([]byte(g.Cookie + "|" + parts[0] + "|" + parts[1]))
		if !hmac.Equal(mac.Sum(nil), []byte(parts[2])) {
			continue
		}
		if values, err = pair.open(parts[1]); err != nil {
			continue // two pairs may differ in the second key alone
		}
		seconds, err := strconv.ParseUint(parts[0], 10, 40)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("%w: it has no time", ErrRejected)
		}
		return values, time.Unix(int64(seconds), 0).UTC(), nil
	}
	return nil, time.Time{}, err
}

// open decrypts and reads the content, which has the initial vector in front if it is
// encrypted.
func (p gorillaPair) open(text string) (map[string]any, error) {
	content, err := decodeBase64(base64.URLEncoding, text)
	if err != nil {
		return nil, err
	}
	if p.block != nil {
		if len(content) < aes.BlockSize {
			return nil, fmt.Errorf("%w: it is not encrypted", ErrRejected)
		}
		iv := content[:aes.BlockSize]
		content = content[aes.BlockSize:]
		cipher.NewCTR(p.block, iv).XORKeyStream(content, content)
	}
	value, err := readGob(content)
	values, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: its content is no gob of a session, or encrypted by another key", ErrRejected)
	}
	return values, nil
}
