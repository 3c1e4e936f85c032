package legacy

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// LaravelApp is what the readers of Laravel's sessions need to know of the application.
type LaravelApp struct {
	Cookie string   // session.cookie; default "laravel_session", and since Laravel 12 "laravel-session"
	Keys   [][]byte // APP_KEY with its "base64:", and APP_PREVIOUS_KEYS, in any order

	// Guard is the guard whose user counts; default "web".
	Guard string

	// Unbound says that the application does not use the middleware auth.session
	// (AuthenticateSession). Then its sessions outlive a change of the password, and nothing
	// in them tells. Otherwise a session that has no hash of the password is rejected: in an
	// application with the middleware, the first page after the sign-in puts one there.
	Unbound bool
}

// laravelApp reads the sessions of an application, wherever they are.
type laravelApp struct {
	LaravelApp
	keys []laravelKey
}

type laravelKey struct {
	text   []byte // as in the environment
	secret []byte
	block  cipher.Block
}

func newLaravelApp(o LaravelApp) (laravelApp, error) {
	if err := checkKeys(o.Keys); err != nil {
		return laravelApp{}, err
	}
	if o.Cookie == "" {
		o.Cookie = "laravel_session"
	}
	if o.Guard == "" {
		o.Guard = "web"
	}
	app := laravelApp{LaravelApp: o}
	for i, text := range o.Keys {
		secret, decoding := text, error(nil)
		if encoded, ok := bytes.CutPrefix(text, []byte("base64:")); ok {
			secret, decoding = base64.StdEncoding.DecodeString(string(encoded))
		}
		block, err := aes.NewCipher(secret)
		if decoding != nil || err != nil || len(secret) == 24 {
			return laravelApp{}, optionError("Keys", "number %d is no APP_KEY: it should be 32 or 16 bytes, or base64: and their base64", i+1)
		}
		app.keys = append(app.keys, laravelKey{text, secret, block})
	}
	return app, nil
}

// Cookies implements [Source].
func (a laravelApp) Cookies() []string { return []string{a.Cookie} }

// Binds implements [Binder].
func (a laravelApp) Binds() bool { return !a.Unbound }

var laravelID = shape{expression: `\A[A-Za-z0-9]{40}\z`}

// sessionID returns the session's ID of a cookie. In front of it is a hash of the cookie's
// name: without it, any other cookie that Laravel encrypts would do if it is renamed.
func (a laravelApp) sessionID(cookies map[string]string) (string, error) {
	cookie := cookies[a.Cookie]
	if cookie == "" {
		return "", ErrAbsent
	}
	text, err := url.QueryUnescape(cookie)
	if err != nil {
		return "", fmt.Errorf("%w: its percent-encoding is wrong", ErrRejected)
	}
	value, key, err := a.decrypt([]byte(text))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha1.New, key.secret)
	mac.Write([]byte(a.Cookie + "v2"))
	prefix, id, _ := strings.Cut(string(value), "|")
	if !hmac.Equal([]byte(prefix), []byte(hex.EncodeToString(mac.Sum(nil)))) {
		return "", fmt.Errorf("%w: it is another cookie of the application", ErrRejected)
	}
	if !laravelID.compiled().MatchString(id) {
		return "", fmt.Errorf("%w: it has no ID of a session of Laravel", ErrRejected)
	}
	return id, nil
}

func errLaravelBox() error {
	return fmt.Errorf("%w: it is nothing that Laravel encrypts with AES-CBC", ErrRejected)
}

// decrypt opens what Laravel's Encrypter made: base64 of a JSON object with an initial
// vector, a ciphertext and the HMAC of both, as texts.
func (a laravelApp) decrypt(text []byte) (plain []byte, key laravelKey, err error) {
	object, err := decodeBase64(base64.StdEncoding, string(text))
	if err != nil {
		return nil, laravelKey{}, err
	}
	box, err := decodeJSON(object)
	if err != nil {
		return nil, laravelKey{}, err
	}
	iv, _ := box["iv"].(string)
	value, _ := box["value"].(string)
	mac, _ := box["mac"].(string)
	for _, key := range a.keys {
		sum := hmac.New(sha256.New, key.secret)
		sum.Write([]byte(iv + value))
		if hmac.Equal([]byte(hex.EncodeToString(sum.Sum(nil))), []byte(mac)) {
			plain, err := key.open(iv, value)
			return plain, key, err
		}
	}
	return nil, laravelKey{}, fmt.Errorf("%w: no key of this application encrypted it", ErrRejected)
}

// open undoes AES-CBC. The HMAC has been checked.
func (k laravelKey) open(ivText, valueText string) ([]byte, error) {
	iv, err := decodeBase64(base64.StdEncoding, ivText)
	if err != nil || len(iv) != aes.BlockSize {
		return nil, errLaravelBox()
	}
	value, err := decodeBase64(base64.StdEncoding, valueText)
	if err != nil || len(value) == 0 || len(value)%aes.BlockSize != 0 {
		return nil, errLaravelBox()
	}
	cipher.NewCBCDecrypter(k.block, iv).CryptBlocks(value, value)
	padding := int(value[len(value)-1])
	if padding == 0 || padding > aes.BlockSize {
		return nil, errLaravelBox()
	}
	return value[:len(value)-padding], nil
}

// claim makes a claim of a session's payload, which is serialized by PHP or as JSON, and
// with SESSION_ENCRYPT encrypted.
func (a laravelApp) claim(id string, payload []byte) (Claim, error) {
	values, err := a.values(payload)
	if err != nil {
		return Claim{}, err
	}
	// The name of the key ends with the SHA-1 of the class Illuminate\Auth\SessionGuard.
	claim, err := newClaim(id, values, "login_"+a.Guard+"_59ba36addc2b2f9401580f014c7f58ea4e30989d")
	if err != nil || a.Unbound || claim.UserID == "" {
		return claim, err
	}
	bound := claim.Data["password_hash_"+a.Guard]
	if bound == "" {
		return Claim{}, fmt.Errorf("%w: it has no hash of the password; an application without the middleware auth.session is unbound", ErrRejected)
	}
	claim.Bound = func(hash string) bool { return a.bound(bound, hash) }
	return claim, nil
}

func (a laravelApp) values(payload []byte) (map[string]any, error) {
	switch {
	case bytes.HasPrefix(payload, []byte("{")):
		return decodeJSON(payload)
	case bytes.HasPrefix(payload, []byte("a:")):
		return phpValues(payload)
	}
	plain, _, err := a.decrypt(payload)
	if err != nil {
		return nil, err
	}
	inner, err := phpText(plain)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(inner, []byte("{")) {
		return decodeJSON(inner)
	}
	return phpValues(inner)
}

// bound compares what a session has of the password: since Laravel 12 an HMAC of the hash,
// by a key which is the APP_KEY as it stands in the environment, and before the hash itself.
func (a laravelApp) bound(stored, hash string) bool {
	if hash == "" {
		return false
	}
	if hmac.Equal([]byte(stored), []byte(hash)) {
		return true
	}
	for _, key := range a.keys {
		mac := hmac.New(sha256.New, key.text)
		mac.Write([]byte(hash))
		if hmac.Equal([]byte(stored), []byte(hex.EncodeToString(mac.Sum(nil)))) {
			return true
		}
	}
	return false
}

// phpValues reads an array that PHP has serialized.
func phpValues(serialized []byte) (map[string]any, error) {
	value, err := readPHP(serialized)
	values, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: its content is no array that PHP has serialized", ErrRejected)
	}
	return values, nil
}

// phpText reads a text that PHP has serialized.
func phpText(serialized []byte) ([]byte, error) {
	value, err := readPHP(serialized)
	text, ok := value.(string)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: its content is no text that PHP has serialized", ErrRejected)
	}
	return []byte(text), nil
}
