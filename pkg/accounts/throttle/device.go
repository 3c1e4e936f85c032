package throttle

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// Owner is what the directory of users knows about the owner of a name. The zero
// Owner is that of a name that nobody has.
type Owner struct {
	UserID string // empty if nobody has the name

	// CredentialVersion grows when the password is changed and when the account is
	// disabled. The devices that were known before are strangers then.
	CredentialVersion int64
}

// generation names the devices that the owner signed in on since the credential was
// changed last. It is the part of a device cookie's value that is not the MAC. The
// user ID is in it, as a hash, because an account that has the name of a deleted one
// is another account.
func (o Owner) generation() string {
	return strconv.FormatInt(o.CredentialVersion, 10) + "." + hash("coatcheck device owner v1\x00"+o.UserID)
}

// NewDevice returns the value of a cookie. By this cookie a device on which the owner
// has just signed in to name is recognised later, until the owner's CredentialVersion
// grows. NewDevice returns "" if no keys are configured. The cookie proves only that
// the device has signed in before. It is not a session. (OWASP, "Slow Down Online
// Guessing Attacks with Device Cookies".)
//
// All devices of one owner have the same value, because their attempts are counted
// together. It does not depend on the name, so that a device stays known when its owner gets
// another name: the generation says whose it is.
func (l *Limiter) NewDevice(owner Owner) string {
	if len(l.cfg.DeviceKeys) == 0 {
		return ""
	}
	return owner.generation() + "." + deviceMAC(l.cfg.DeviceKeys[0], owner.generation())
}

// signedGeneration returns the generation in the value of a device cookie, if we have made
// the cookie, and, if a release did that signed the name too, for that name. Otherwise it
// returns "". Whether the owner of the name is in that generation, only the account shows.
func (l *Limiter) signedGeneration(value, name string) string {
	dot := strings.LastIndexByte(value, '.')
	if dot < 0 {
		return ""
	}
	generation, mac := value[:dot], value[dot+1:]
	if slices.ContainsFunc(l.cfg.DeviceKeys, func(key []byte) bool {
		return hmac.Equal([]byte(deviceMAC(key, generation)), []byte(mac)) ||
			hmac.Equal([]byte(earlierDeviceMAC(key, generation, name)), []byte(mac))
	}) {
		return generation
	}
	return ""
}

// deviceMAC proves that we have given out the generation. The MAC of a session's token is
// made with the same keys. The text at the beginning makes sure that the two are never the
// same.
func deviceMAC(key []byte, generation string) string {
	return textMAC(key, "coatcheck device v3\x00"+generation)
}

// earlierDeviceMAC is the MAC of releases before a user could get another name.
func earlierDeviceMAC(key []byte, generation, name string) string {
	return textMAC(key, "coatcheck device v2\x00"+generation+"\x00"+name)
}

func textMAC(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// hash returns the SHA-256 of text in base64url, 43 characters.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
