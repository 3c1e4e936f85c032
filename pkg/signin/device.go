package signin

import (
	"cmp"
	"net/http"
	"unicode"
	"unicode/utf8"

	"example.com/coatcheck/pkg/signin/internal/useragent"
	"example.com/coatcheck/pkg/signin/texts"
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

// kinds are the keys of the texts for the kinds of package useragent.
var kinds = map[string]string{
	useragent.App:               "device.app",
	useragent.GoogleApp:         "device.google_app",
	useragent.PythonProgram:     "device.python_program",
	useragent.GoProgram:         "device.go_program",
	useragent.JavaScriptProgram: "device.javascript_program",
	useragent.JavaProgram:       "device.java_program",
	useragent.AppleDevice:       "device.apple_device",
}

// describe says in words which browser and which system a User-Agent header names, as a line
// of its own.
func describe(l *texts.Language, userAgent string) string {
	if browser, system := useragent.Parse(userAgent); browser != "" || system != "" {
		return beginning(describeInText(l, userAgent), cmp.Or(browser, system))
	}
	return l.Text("device.unknown")
}

// describeInText does the same within a sentence.
func describeInText(l *texts.Language, userAgent string) string {
	browser, system := useragent.Parse(userAgent)
	switch {
	case browser == "" && system == "":
		return l.Text("device.unknown_in_text")
	case browser == "":
		return inWords(l, system)
	case system == "":
		return inWords(l, browser)
	}
	return l.Text("device.browser_on_system", "browser", inWords(l, browser), "system", inWords(l, system))
}

// inWords returns a kind in the language, and the name of a product as it is.
func inWords(l *texts.Language, product string) string {
	if key, ok := kinds[product]; ok {
		return l.Text(key)
	}
	return product
}

// beginning makes a text that begins with a kind begin with a capital letter. The name of a
// product keeps its own letters: curl.
func beginning(text, product string) string {
	if first, size := utf8.DecodeRuneInString(text); kinds[product] != "" {
		return string(unicode.ToUpper(first)) + text[size:]
	}
	return text
}
