package legacy

import (
	"cmp"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"time"
)

// CookieSession says how cookie-session of Express signs its cookie, which is the session
// itself. The signature is in a second cookie, whose name has ".sig" behind.
type CookieSession struct {
	Cookie string   // name; default "session"
	Keys   [][]byte // keys, or secret
	User   string   // path of the user's ID in the session; default "passport.user", see [Express]
}

type cookieSession struct {
	cookieIsSession
	CookieSession
}

// NewCookieSession returns a source that reads the sessions of cookie-session. Such a
// session never expires: only the end of the bridge ends it. Nothing in it says when the
// user signed in, or tells two sessions of one user apart: only a stamp does, see
// [StampKey].
func NewCookieSession(o CookieSession) (Source, error) {
	if err := checkKeys(o.Keys); err != nil {
		return nil, fmt.Errorf("CookieSession: %w", err)
	}
	o.Cookie, o.User = cmp.Or(o.Cookie, "session"), cmp.Or(o.User, "passport.user")
	return cookieSession{CookieSession: o}, nil
}

// Cookies implements [Source].
func (c cookieSession) Cookies() []string { return []string{c.Cookie, c.Cookie + ".sig"} }

// Open implements [Source].
func (c cookieSession) Open(_ context.Context, cookies map[string]string, _ time.Time) (Claim, error) {
	value := cookies[c.Cookie]
	if value == "" {
		return Claim{}, ErrAbsent
	}
	if !c.signed(value, cookies[c.Cookie+".sig"]) {
		return Claim{}, fmt.Errorf("%w: no key of this application signed it", ErrRejected)
	}
	text, err := decodeBase64(base64.StdEncoding, value)
	if err != nil {
		return Claim{}, err
	}
	values, err := decodeJSON(text)
	if err != nil {
		return Claim{}, err
	}
	return newClaim("", values, c.User)
}

// signed reports whether a key signed the value for this cookie's name.
func (c cookieSession) signed(value, signature string) bool {
	for _, key := range c.Keys {
		want := base64.RawURLEncoding.EncodeToString(sha1MAC(key, c.Cookie+"="+value))
		if hmac.Equal([]byte(want), []byte(signature)) {
			return true
		}
	}
	return false
}
