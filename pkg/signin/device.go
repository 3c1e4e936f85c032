package signin

import (
	"net/http"
)

const (
	deviceCookie = "__Host-DEVICE"
	deviceMaxAge = 400 * 24 * 60 * 60 // seconds; browsers keep a cookie no longer than this (RFC 6265bis, section 5.5)
)

// device returns the value of the device cookie. Some ways into Lambda send a cookie
// twice, so equal copies are one. device returns "" if the request has no device cookie
// or several different ones. The value may be forged.
func device(r *http.Request) (value string) {
	for i, cookie := range r.CookiesNamed(deviceCookie) {
		if i > 0 && cookie.Value != value {
			return ""
		}
		value = cookie.Value
	}
	return value
}

// setDeviceCookie sets a cookie by which a device whose user has just given the
// password is recognised later. A browser has one device cookie, so the new one
// replaces another user's.
func setDeviceCookie(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: deviceCookie, Value: value, Path: "/", MaxAge: deviceMaxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
