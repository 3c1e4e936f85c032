package legacy

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// RailsCookie says how a Rails application encrypts its session cookie, which is the session
// itself: AES-256-GCM, with the cookie's name as purpose, as Rails does by default since 5.2
// and 6.0. Cookies from before are rejected: with use_cookies_with_metadata, Rails writes
// each session anew that it changes. The session's serializer may be JSON, Marshal or
// hybrid; no object that Marshal has written becomes one here.
type RailsCookie struct {
	Cookie string   // the key of config.session_store, such as "_shop_session"; required
	Keys   [][]byte // secret_key_base as Rails has it, and those before it, in any order

	// User is the key of the session under which the user is. The default is
	// "warden.user.user.key", where Devise keeps the users of its scope "user" bound to their
	// passwords; the other scopes are "warden.user.SCOPE.key". Any other key has the user's
	// ID itself, bound to nothing: "user_id" in applications with has_secure_password.
	User string
}

type railsCookieSource struct {
	cookieIsSession
	RailsCookie
	ciphers []cipher.AEAD
}

// NewRailsCookie returns a source that reads the session cookies that Rails encrypts. The
// identity of a session is its stamp, see [StampKey]: many applications sign users out and
// in again within one session of Rails. Without a stamp it is Rails' own "session_id". Only
// a stamp says when the user signed in. A cookie expires only if the application sets
// expire_after.
func NewRailsCookie(o RailsCookie) (Source, error) {
	if err := checkKeys(o.Keys); err != nil {
		return nil, fmt.Errorf("RailsCookie: %w", err)
	}
	if o.Cookie == "" {
		return nil, fmt.Errorf("RailsCookie: Cookie is missing")
	}
	o.User = cmp.Or(o.User, deviseUser)
	keys, err := railsKeys(o.Keys, "authenticated encrypted cookie", 32)
	if err != nil {
		return nil, fmt.Errorf("RailsCookie: %w", err)
	}
	source := railsCookieSource{RailsCookie: o}
	for _, key := range keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("RailsCookie: %w", err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("RailsCookie: %w", err)
		}
		source.ciphers = append(source.ciphers, aead)
	}
	return source, nil
}

// Cookies implements [Source].
func (r railsCookieSource) Cookies() []string { return []string{r.Cookie} }

// Binds implements [Binder].
func (r railsCookieSource) Binds() bool { return isDevise(r.User) }

// Open implements [Source].
func (r railsCookieSource) Open(_ context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[r.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	envelope, err := r.decrypt(cookie)
	if err != nil {
		return Claim{}, err
	}
	session, expires, err := railsMessage(envelope, r.Cookie, now)
	if err != nil {
		return Claim{}, err
	}
	values, err := railsValues(session)
	if err != nil {
		return Claim{}, err
	}
	claim, err := railsClaim("", values, r.User)
	if err != nil {
		return Claim{}, err
	}
	claim.Identity = cmp.Or(claim.Identity, claim.Data["session_id"])
	claim.ExpiresAt = expires
	return claim, nil
}

// decrypt opens a cookie: three texts of base64 with "--" between them.
func (r railsCookieSource) decrypt(cookie string) ([]byte, error) {
	text, err := railsCookie(cookie)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(text, "--")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: it has not the three parts of an encrypted cookie of Rails", ErrRejected)
	}
	var decoded [3][]byte
	for i, part := range parts {
		if decoded[i], err = decodeBase64(base64.StdEncoding, part); err != nil {
			return nil, err
		}
	}
	sealed, nonce, tag := decoded[0], decoded[1], decoded[2]
	for _, aead := range r.ciphers {
		if len(nonce) != aead.NonceSize() || len(tag) != aead.Overhead() {
			break
		}
		if opened, err := aead.Open(nil, nonce, append(sealed[:len(sealed):len(sealed)], tag...), nil); err == nil {
			return opened, nil
		}
	}
	return nil, fmt.Errorf("%w: no key of this application encrypted it", ErrRejected)
}
