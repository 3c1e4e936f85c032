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
	deviceMaxAge = 400 * 24 * 60 * 60 // seconds; browsers keep no cookie longer (RFC 6265bis, section 5.5)
)

// device returns the value of the cookie that says which device this is, "" if
// there is none or more than one. It need not be genuine.
func device(r *http.Request) string {
	cookies := r.CookiesNamed(deviceCookie)
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// remember makes a device that has just signed in known from then on. A device
// cookie of another user is replaced: a browser has one.
func (l login) remember(ctx context.Context, w http.ResponseWriter, proof authn.Proof, s *session.Session) {
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
