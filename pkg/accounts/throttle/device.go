package throttle

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// NewDevice returns the value of a cookie. By this cookie a device that has just
// signed in to name is recognised later. NewDevice returns "" if no keys are
// configured. The cookie proves only that the device has signed in before. It is not
// a session. (OWASP, "Slow Down Online Guessing Attacks with Device Cookies".)
func (l *Limiter) NewDevice(name string) string {
	if len(l.cfg.DeviceKeys) == 0 {
		return ""
	}
	nonce := rand.Text()
	return nonce + "." + deviceMAC(l.cfg.DeviceKeys[0], nonce, name)
}

// device returns the check of the limit of the device whose cookie has the value, if
// the cookie was made for that name. A cookie that was made for another name is
// ignored.
func (l *Limiter) device(value, name string) (*limitCheck, bool) {
	nonce, mac, ok := strings.Cut(value, ".")
	if !ok || !slices.ContainsFunc(l.cfg.DeviceKeys, func(key []byte) bool {
		return hmac.Equal([]byte(deviceMAC(key, nonce, name)), []byte(mac))
	}) {
		return nil, false
	}
	return &limitCheck{by: "device", key: "device/" + nonce, ladder: l.cfg.Device, keepFor: keepName}, true
}

// deviceMAC binds the nonce to the name. The MAC of a session's token is made with
// the same keys. The text at the beginning makes sure that the two are never the
// same.
func deviceMAC(key []byte, nonce, name string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("coatcheck device v1\x00" + nonce + "\x00" + name))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
