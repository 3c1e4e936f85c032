package legacy

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"net/url"
	"strings"
	"time"
)

// deviseUser is where Devise keeps the user of its scope "user".
const deviseUser = "warden.user.user.key"

// railsKeys derives the keys that Rails uses for a purpose: from each secret_key_base with
// SHA-256, the default since Rails 7.0, and with SHA-1, the default before. An application
// that goes over has cookies of both.
func railsKeys(secrets [][]byte, salt string, size int) (keys [][]byte, err error) {
	for _, secret := range secrets {
		for _, digest := range []func() hash.Hash{sha256.New, sha1.New} {
			key, err := pbkdf2.Key(digest, string(secret), []byte(salt), 1000, size)
			if err != nil {
				return nil, optionError("Keys", "%v", err)
			}
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// railsCookie undoes the percent-encoding of a cookie as Rack does.
func railsCookie(cookie string) (string, error) {
	text, err := url.QueryUnescape(cookie)
	if err != nil {
		return "", fmt.Errorf("%w: its percent-encoding is wrong", ErrRejected)
	}
	return text, nil
}

// railsMessage takes the message out of the envelope in which Rails says for which cookie
// it is, and until when it counts. Without the purpose any other cookie that Rails encrypts
// or signs would be a session if its name is changed.
func railsMessage(envelope []byte, cookie string, now time.Time) (message []byte, expires time.Time, err error) {
	object, err := decodeJSON(envelope)
	if err != nil {
		return nil, time.Time{}, err
	}
	metadata, _ := object["_rails"].(map[string]any)
	if metadata["pur"] != "cookie."+cookie {
		return nil, time.Time{}, fmt.Errorf("%w: it is another cookie of the application, or older than use_cookies_with_metadata", ErrRejected)
	}
	if expires, err = railsExpiry(metadata["exp"], now); err != nil {
		return nil, time.Time{}, err
	}
	text, _ := metadata["message"].(string)
	message, err = decodeBase64(base64.StdEncoding, text)
	return message, expires, err
}

func railsExpiry(exp any, now time.Time) (time.Time, error) {
	if exp == nil {
		return time.Time{}, nil
	}
	text, _ := exp.(string)
	expires, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: its time of expiry is none", ErrRejected)
	}
	if !now.Before(expires) {
		return time.Time{}, fmt.Errorf("%w: it has expired", ErrRejected)
	}
	return expires.UTC(), nil
}

// railsValues reads a session that Rails has serialized, as JSON or by Marshal.
func railsValues(serialized []byte) (map[string]any, error) {
	if !isMarshal(serialized) {
		return decodeJSON(serialized)
	}
	value, err := readMarshal(serialized)
	values, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: its content is no session that Marshal has written", ErrRejected)
	}
	return values, nil
}

func isMarshal(serialized []byte) bool { return bytes.HasPrefix(serialized, []byte(marshalVersion)) }

// isDevise reports whether the user at a key of a session is in the form of Warden's scopes
// as Devise serializes it: [[ID], the first 29 characters of the password's hash].
func isDevise(user string) bool {
	return strings.HasPrefix(user, "warden.user.") && strings.HasSuffix(user, ".key")
}

// railsClaim makes a claim of a session of Rails. The identity is the one of its row, or "".
func railsClaim(identity string, values map[string]any, user string) (Claim, error) {
	if !isDevise(user) {
		return newClaim(identity, values, user)
	}
	c := Claim{Identity: identity, Data: texts(values)}
	c.applyStamp(c.Data[StampKey])
	if values[user] == nil {
		return c, nil
	}
	serialized, _ := values[user].([]any)
	if len(serialized) != 2 {
		return Claim{}, fmt.Errorf("%w: the user at %q is not as Devise writes it", ErrRejected, user)
	}
	key, _ := serialized[0].([]any)
	salt, _ := serialized[1].(string)
	if len(key) != 1 || key[0] == nil {
		return Claim{}, fmt.Errorf("%w: the user at %q has not one ID", ErrRejected, user)
	}
	id, err := userID(key[0])
	if err != nil {
		return Claim{}, err
	}
	c.UserID, c.Bound = id, func(hash string) bool { return deviseBound(salt, hash) }
	return c, nil
}

// deviseBound compares what Devise calls the authenticatable salt, the first 29 characters
// of a bcrypt hash. A hash of bcrypt is 60 characters.
func deviseBound(salt, hash string) bool {
	return len(hash) == 60 && hmac.Equal([]byte(hash[:29]), []byte(salt))
}
