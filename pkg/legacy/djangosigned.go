package legacy

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"
)

// DjangoCookies says how Django signs its session cookie, which is the session itself:
// SESSION_ENGINE is django.contrib.sessions.backends.signed_cookies.
type DjangoCookies struct {
	Cookie string   // SESSION_COOKIE_NAME; default "sessionid"
	Keys   [][]byte // SECRET_KEY, then SECRET_KEY_FALLBACKS, in any order

	// Lifetime is SESSION_COOKIE_AGE: how long after its last change Django accepts a cookie.
	// The default is Django's, two weeks.
	Lifetime time.Duration
}

type djangoCookies struct {
	cookieIsSession
	djangoBinds
	DjangoCookies
}

// NewDjangoCookies returns a source that reads the session cookies that Django 3.1 and later
// signs. Neither the cookie's time nor anything else in it says when the user signed in, or
// tells two sessions of one user apart: only a stamp does, see [StampKey].
func NewDjangoCookies(o DjangoCookies) (Source, error) {
	if err := cmp.Or(checkKeys(o.Keys), checkLifetime(o.Lifetime)); err != nil {
		return nil, fmt.Errorf("DjangoCookies: %w", err)
	}
	o.Cookie, o.Lifetime = cmp.Or(o.Cookie, "sessionid"), cmp.Or(o.Lifetime, 14*24*time.Hour)
	return djangoCookies{DjangoCookies: o}, nil
}

// Cookies implements [Source].
func (d djangoCookies) Cookies() []string { return []string{d.Cookie} }

// Open implements [Source].
func (d djangoCookies) Open(_ context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[d.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	values, at, err := loadDjango(cookie, "django.contrib.sessions.backends.signed_cookies", d.Keys)
	if err != nil {
		return Claim{}, err
	}
	expires := at.Add(d.Lifetime)
	if now.After(expires) {
		return Claim{}, fmt.Errorf("%w: it has expired", ErrRejected)
	}
	claim, err := djangoClaim("", values, d.Keys)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	return claim, nil
}

// djangoBinds says that Django binds sessions to passwords.
type djangoBinds struct{}

// Binds implements [Binder].
func (djangoBinds) Binds() bool { return true }

// djangoClaim makes a claim of what Django's login has left in a session.
func djangoClaim(identity string, values map[string]any, keys [][]byte) (Claim, error) {
	claim, err := newClaim(identity, values, "_auth_user_id")
	if err != nil || claim.UserID == "" {
		return claim, err
	}
	fingerprint, _ := values["_auth_user_hash"].(string)
	claim.Bound = func(hash string) bool {
		for _, key := range keys {
			mac := djangoMAC(key, "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash", hash)
			if hmac.Equal([]byte(hex.EncodeToString(mac)), []byte(fingerprint)) {
				return true
			}
		}
		return false
	}
	return claim, nil
}

// djangoMAC is Django's salted_hmac with SHA-256.
func djangoMAC(key []byte, salt, text string) []byte {
	derived := sha256.Sum256(append([]byte(salt), key...))
	mac := hmac.New(sha256.New, derived[:])
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// loadDjango reads what Django's signing.dumps wrote for a purpose, the salt, and when.
func loadDjango(text, salt string, keys [][]byte) (values map[string]any, at time.Time, err error) {
	signed, ok := unsignDjango(text, salt, keys)
	if !ok {
		return nil, time.Time{}, fmt.Errorf("%w: no key of this application signed it", ErrRejected)
	}
	payload, number := cutLast(signed, ':')
	seconds, err := base62(number)
	if err != nil {
		return nil, time.Time{}, err
	}
	content, err := dangerousPayload(payload)
	if err != nil {
		return nil, time.Time{}, err
	}
	values, err = decodeJSON(content)
	return values, time.Unix(seconds, 0).UTC(), err
}

// unsignDjango takes the signature off. It counts as written: another spelling is none.
func unsignDjango(text, salt string, keys [][]byte) (signed string, ok bool) {
	signed, signature := cutLast(text, ':')
	for _, key := range keys {
		want := base64.RawURLEncoding.EncodeToString(djangoMAC(key, salt+"signer", signed))
		if hmac.Equal([]byte(want), []byte(signature)) {
			return signed, true
		}
	}
	return "", false
}

var base62Shape = shape{expression: `\A[0-9A-Za-z]{1,8}\z`}

// base62 reads a number that has digits, then capital letters, then small ones.
func base62(text string) (number int64, err error) {
	if !base62Shape.compiled().MatchString(text) {
		return 0, fmt.Errorf("%w: it has no time", ErrRejected)
	}
	for _, c := range []byte(text) {
		digit := int64(c - '0')
		switch {
		case c >= 'a':
			digit = int64(c-'a') + 36
		case c >= 'A':
			digit = int64(c-'A') + 10
		}
		number = number*62 + digit
	}
	return number, nil
}
