package legacy

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Express says where express-session keeps the sessions of an Express application in Redis,
// by connect-redis.
type Express struct {
	Cookie string   // name; default "connect.sid"
	Keys   [][]byte // secret, which may be several
	Store  KeyValue // where the sessions are; required
	Prefix string   // prefix of connect-redis; default "sess:"

	// User is the path of the user's ID in the session; default "passport.user", where
	// Passport keeps what its serializeUser returned. An application of its own has another,
	// such as "userId".
	User string

	// Rolling is rolling of express-session. Then the end that a row has in its JSON is the
	// one of when it was last changed, and only the store knows how long the session lives.
	Rolling bool
}

type express struct{ Express }

// NewExpress returns a source that reads the sessions of express-session. The identity of a
// session is its ID. A session whose row says that its cookie has expired is rejected,
// although Express still accepts it while the store keeps it.
func NewExpress(o Express) (Source, error) {
	if err := checkKeys(o.Keys); err != nil {
		return nil, fmt.Errorf("Express: %w", err)
	}
	if o.Store == nil {
		return nil, errors.New("Express: Store is missing")
	}
	o.Cookie, o.Prefix, o.User = cmp.Or(o.Cookie, "connect.sid"), cmp.Or(o.Prefix, "sess:"), cmp.Or(o.User, "passport.user")
	return express{o}, nil
}

// Cookies implements [Source].
func (e express) Cookies() []string { return []string{e.Cookie} }

// Open implements [Source].
func (e express) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	cookie := cookies[e.Cookie]
	if cookie == "" {
		return Claim{}, ErrAbsent
	}
	id, err := e.unsign(cookie)
	if err != nil {
		return Claim{}, err
	}
	value, expires, err := fetch(ctx, e.Store, e.Prefix+id)
	if err != nil {
		return Claim{}, ended(id, err)
	}
	values, err := decodeJSON(value)
	if err != nil {
		return Claim{}, err
	}
	if !e.Rolling {
		at, err := expressExpires(values)
		if err != nil {
			return Claim{}, err
		}
		expires = earlier(expires, at)
	}
	if !expires.IsZero() && !now.Before(expires) {
		return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
	}
	claim, err := newClaim(id, values, e.User)
	if err != nil {
		return Claim{}, err
	}
	claim.ExpiresAt = expires
	claim.End = func(ctx context.Context) error { return e.Store.Delete(ctx, e.Prefix+id) }
	return claim, nil
}

// unsign returns the session's ID of a cookie: s:ID.signature, percent-encoded. A plus sign
// is base64 here, and no blank.
func (e express) unsign(cookie string) (id string, err error) {
	text, err := url.PathUnescape(cookie)
	if err != nil {
		return "", fmt.Errorf("%w: it is not percent-encoded", ErrRejected)
	}
	signed, ok := strings.CutPrefix(text, "s:")
	if !ok {
		return "", fmt.Errorf("%w: it is not signed", ErrRejected)
	}
	id, signature := cutLast(signed, '.')
	for _, key := range e.Keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id))
		want := base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
		if id != "" && hmac.Equal([]byte(want), []byte(signature)) {
			return id, nil
		}
	}
	return "", fmt.Errorf("%w: no key of this application signed it", ErrRejected)
}

// expressExpires returns when a row's cookie expires; the zero time is with the browser.
func expressExpires(values map[string]any) (time.Time, error) {
	cookie, ok := values["cookie"].(map[string]any)
	if !ok {
		return time.Time{}, fmt.Errorf("%w: its row is none of express-session", ErrRejected)
	}
	text, ok := cookie["expires"].(string)
	if !ok {
		return time.Time{}, nil // null, or there is none
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: its row has an end that is no time", ErrRejected)
	}
	return at.UTC(), nil
}
