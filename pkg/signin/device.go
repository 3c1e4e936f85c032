package signin

import (
	"context"
	"log/slog"
	"net/http"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	deviceCookie = "__Host-DEVICE"
	deviceMaxAge = 400 * 24 * 60 * 60 // seconds; browsers keep a cookie no longer than this (RFC 6265bis, section 5.5)
)

// device returns the value of the device cookie. It returns "" if the request has no
// device cookie or more than one. The value may be forged.
func device(r *http.Request) string {
	cookies := r.CookiesNamed(deviceCookie)
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// setDeviceCookie sets a cookie by which a device that has just signed in is
// recognised later. A browser has one device cookie, so the new one replaces another
// user's.
func (l login) setDeviceCookie(ctx context.Context, w http.ResponseWriter, proof authn.Proof, s *session.Session) {
	value := proof.NewDevice()
	if value == "" {
		return
	}
	slog.WarnContext(ctx, "authn_login_new_device", "user_id", s.UserID, "session_id", s.ID, "ip", s.IP, "user_agent", s.UserAgent)
	http.SetCookie(w, &http.Cookie{
		Name: deviceCookie, Value: value, Path: "/", MaxAge: deviceMaxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
