package legacy

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Flask says how a Flask application signs its session cookie, which is the session
// itself. Signing keys of several applications or ages are tried in turn.
type Flask struct {
	Cookie string   // SESSION_COOKIE_NAME; default "session"
	Keys   [][]byte // SECRET_KEY, then SECRET_KEY_FALLBACKS, in any order

	// User is the path of the user's ID in the session. The default is "_user_id", where
	// Flask-Login keeps it. Flask's tutorial has "user_id". There is no fallback from one to
	// the other: after a logout by Flask-Login a "user_id" of the application's own may
	// still be there, and may be anybody's.
	User string

	// Lifetime is PERMANENT_SESSION_LIFETIME: how long after its last change Flask accepts a
	// cookie. The default is Flask's, 31 days.
	Lifetime time.Duration
}

type flask struct {
	cookieIsSession
	Flask
}

// NewFlask returns a source that reads the session cookies that Flask signs. Neither the
// cookie's time nor anything else in it says when the user signed in, or tells two sessions
// of one user apart: only a stamp does, see [StampKey].
func NewFlask(o Flask) (Source, error) {
	if err := cmp.Or(checkKeys(o.Keys), checkLifetime(o.Lifetime)); err != nil {
		return nil, fmt.Errorf("Flask: %w", err)
	}
	o.Cookie, o.User = cmp.Or(o.Cookie, "session"), cmp.Or(o.User, "_user_id")
	o.Lifetime = cmp.Or(o.Lifetime, 31*24*time.Hour)
	return flask{Flask: o}, nil
}

// Cookies implements [Source].
func (f flask) Cookies() []string { return []string{f.Cookie} }

// Open implements [Source].
func (f flask) Open(_ context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[f.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	signed, ok := unsignDangerous(cookie, "cookie-session", f.Keys)
	if !ok {
		return Claim{}, fmt.Errorf("%w: no key of this application signed it", ErrRejected)
	}
	payload, stamp := cutLast(signed, '.')
	at, err := dangerousTime(stamp)
	if err != nil {
		return Claim{}, err
	}
	if age := now.Unix() - at; age < 0 || age > int64(f.Lifetime/time.Second) {
		return Claim{}, fmt.Errorf("%w: it has expired, or is from the future", ErrRejected)
	}
	values, err := flaskValues(payload)
	if err != nil {
		return Claim{}, err
	}
	claim, err := newClaim("", values, f.User)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = time.Unix(at, 0).Add(f.Lifetime).UTC()
	return claim, nil
}

// unsignDangerous takes the signature off a text that Python's itsdangerous signed with any
// of the keys. The signature counts as written: another spelling of it is none.
func unsignDangerous(text, salt string, keys [][]byte) (signed string, ok bool) {
	signed, signature := cutLast(text, '.')
	for _, key := range keys {
		derived := sha1MAC(key, salt)
		want := base64.RawURLEncoding.EncodeToString(sha1MAC(derived, signed))
		if hmac.Equal([]byte(want), []byte(signature)) {
			return signed, true
		}
	}
	return "", false
}

func sha1MAC(key []byte, text string) []byte {
	mac := hmac.New(sha1.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// cutLast cuts a text around the last separator. Without one, all of it is after.
func cutLast(text string, separator byte) (before, after string) {
	i := strings.LastIndexByte(text, separator)
	if i < 0 {
		return "", text
	}
	return text[:i], text[i+1:]
}

// dangerousTime reads the time of itsdangerous: seconds since 1970, the bytes of the number
// without leading zeros, as base64.
func dangerousTime(text string) (seconds int64, err error) {
	number, err := decodeBase64(base64.RawURLEncoding, text)
	if err != nil || len(number) == 0 || len(number) > 6 {
		return 0, fmt.Errorf("%w: it has no time", ErrRejected)
	}
	for _, b := range number {
		seconds = seconds<<8 | int64(b)
	}
	return seconds, nil
}

// flaskValues reads the payload of a cookie. A dot in front means that it is compressed.
func flaskValues(payload string) (map[string]any, error) {
	text, err := dangerousPayload(payload)
	if err != nil {
		return nil, err
	}
	values, err := decodeJSON(text)
	if err != nil {
		return nil, err
	}
	untagged, ok := untag(values).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: its content is no session", ErrRejected)
	}
	return untagged, nil
}

// dangerousPayload decodes what itsdangerous and Django write alike: base64, and a dot in
// front if it is compressed.
func dangerousPayload(payload string) ([]byte, error) {
	encoded, compressed := strings.CutPrefix(payload, ".")
	content, err := decodeBase64(base64.RawURLEncoding, encoded)
	if err != nil || !compressed {
		return content, err
	}
	return inflate(content)
}

// untag undoes the tags by which Flask's JSON tells types apart: an object with one key,
// which is a blank and the type. decodeJSON has bounded how deep it goes.
func untag(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = untag(v[i])
		}
	case map[string]any:
		for name, inner := range v {
			v[name] = untag(inner)
		}
		for name, inner := range v {
			if value, ok := untagOne(name, inner); ok && len(v) == 1 {
				return value
			}
		}
	}
	return v
}

// untagOne returns what a tag makes of the value with it, and false if it is no tag of
// Flask's. An application's own tags stay objects.
func untagOne(tag string, inner any) (value any, ok bool) {
	text, isText := inner.(string)
	switch {
	case tag == " t" || tag == " m": // tuple, markup
		return inner, true
	case tag == " u" && isText && len(text) == 32:
		return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-"), true
	case tag == " d" && isText:
		at, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", text)
		return at.UTC().Format(time.RFC3339), err == nil
	case tag == " b" && isText:
		content, err := base64.StdEncoding.DecodeString(text)
		return content, err == nil
	case tag == " di": // an object whose only key looked like a tag, and has "__" behind it
		object, _ := inner.(map[string]any)
		for name, value := range object {
			return map[string]any{strings.TrimSuffix(name, "__"): value}, len(object) == 1
		}
	}
	return nil, false
}
