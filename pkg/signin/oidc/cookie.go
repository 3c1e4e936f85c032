package oidc

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"example.com/coatcheck/pkg/signin/authn"
)

const (
	// cookiePrefix begins the names of the cookies of sign-ins that have begun. The state
	// follows, so that each tab has its own.
	cookiePrefix = "__Host-SSO-"

	cookieLife = 10 * time.Minute
	maxNext    = 1 << 10 // bytes
	maxCookies = 4       // tabs at once
	maxBytes   = 4 << 10 // of all these cookies: API Gateway takes 10 KB of headers in all
	stateBytes = 16

	// cookieLabel separates the cookie's key from whatever else is made with the same key.
	cookieLabel = "coatcheck pkg/signin/oidc: cookie of a sign-in that has begun, 1"
)

// journey is what the cookie holds of a sign-in that has begun.
type journey struct {
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE (RFC 7636)
	Begun    int64  `json:"t"` // in seconds since 1970
	Trip     authn.Trip
}

func (j journey) at() time.Time { return time.Unix(j.Begun, 0) }

// isOver reports whether the journey takes too long, or begins in the future.
func (j journey) isOver(now time.Time) bool {
	return !now.Before(j.at().Add(cookieLife)) || j.at().After(now.Add(skew))
}

// newJourney returns a journey that begins now, and its state.
func newJourney(t authn.Trip) (state string, begun journey) {
	if len(t.Next) > maxNext {
		t.Next = ""
	}
	return random(), journey{Nonce: random(), Verifier: oauth2.GenerateVerifier(), Begun: time.Now().Unix(), Trip: t}
}

func random() string {
	b := make([]byte, stateBytes)
	rand.Read(b) // crypto/rand never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// sealer encrypts cookies by its first key and reads those of all keys. They are encrypted,
// because the verifier of PKCE is only worth something while nobody else knows it.
type sealer []cipher.AEAD

func newSealer(keys [][]byte) (sealer, error) {
	var s sealer
	for _, secret := range keys {
		key, err := hkdf.Key(sha256.New, secret, nil, cookieLabel, 32)
		if err != nil {
			return nil, fmt.Errorf("oidc: deriving the cookie's key: %w", err)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("oidc: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("oidc: %w", err)
		}
		s = append(s, aead)
	}
	return s, nil
}

// seal returns the value of the cookie with that name. It is good under no other name.
func (s sealer) seal(name string, j journey) (string, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // it would make six bytes of each & of a path
	if err := e.Encode(j); err != nil {
		return "", fmt.Errorf("oidc: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s[0].Seal(nil, nil, text.Bytes(), []byte(name))), nil
}

// open returns what the cookie holds, if seal made it under that name by one of the keys.
func (s sealer) open(name, value string) (j journey, ok bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return journey{}, false
	}
	for _, aead := range s {
		if text, err := aead.Open(nil, nil, sealed, []byte(name)); err == nil {
			err = json.Unmarshal(text, &j)
			return j, err == nil
		}
	}
	return journey{}, false
}

// setCookie sets the cookie of a journey and clears those that have to give way to it.
func (p *Provider) setCookie(w http.ResponseWriter, r *http.Request, state string, begun journey) error {
	name := cookiePrefix + state
	value, err := p.cookies.seal(name, begun)
	if err != nil {
		return err
	}
	p.clearOthers(w, r, maxBytes-len(name)-len(value))
	http.SetCookie(w, cookie(name, value, cookieLife))
	return nil
}

// clearOthers clears the cookies of earlier journeys that are over, or that are too many
// beside a new one. The youngest stay, as far as there is room.
func (p *Provider) clearOthers(w http.ResponseWriter, r *http.Request, room int) {
	var others []*http.Cookie
	begun := map[*http.Cookie]int64{} // 0 is one that is over
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, cookiePrefix) {
			others = append(others, c)
			if j, ok := p.cookies.open(c.Name, c.Value); ok && !j.isOver(time.Now()) {
				begun[c] = j.Begun
			}
		}
	}
	slices.SortStableFunc(others, func(a, b *http.Cookie) int { return cmp.Compare(begun[b], begun[a]) })
	for i, c := range others {
		room -= len(c.Name) + len(c.Value)
		if begun[c] == 0 || i >= maxCookies-1 || room < 0 {
			clearCookie(w, c.Name)
		}
	}
}

// takeCookie returns the journey of the one state, and clears the cookies of all states that
// are given. A browser that has not begun the journey has no such cookie.
func (p *Provider) takeCookie(w http.ResponseWriter, r *http.Request, states []string) (journey, error) {
	for _, state := range states {
		if len(r.CookiesNamed(cookiePrefix+state)) > 0 {
			clearCookie(w, cookiePrefix+state)
		}
	}
	if len(states) != 1 || len(states[0]) != base64.RawURLEncoding.EncodedLen(stateBytes) {
		return journey{}, fmt.Errorf("%w: it has no state of ours", authn.ErrStale)
	}
	name := cookiePrefix + states[0]
	cookies := r.CookiesNamed(name)
	if len(cookies) != 1 {
		return journey{}, fmt.Errorf("%w: the browser has %d cookies for it", authn.ErrStale, len(cookies))
	}
	begun, ok := p.cookies.open(name, cookies[0].Value)
	switch {
	case !ok:
		return journey{}, fmt.Errorf("%w: its cookie was not made here, or by a key that is gone", authn.ErrStale)
	case begun.isOver(time.Now()):
		return journey{}, fmt.Errorf("%w: it began %v ago", authn.ErrStale, time.Since(begun.at()).Truncate(time.Second))
	}
	return begun, nil
}

func clearCookie(w http.ResponseWriter, name string) { http.SetCookie(w, cookie(name, "", -1)) }

// cookie returns a cookie of this host alone. A browser sends a Lax cookie when the user
// comes back from the provider by a link or a redirect.
func cookie(name, value string, life time.Duration) *http.Cookie {
	seconds := int(life / time.Second)
	if life < 0 {
		seconds = -1
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}
