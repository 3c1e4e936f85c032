package session

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// presented returns the credential that a request came with. Two cookies of our
// name, even equal ones, count as none: one of them may have been planted, and
// the order in which they arrive means nothing (RFC 6265bis, section 5.8.3).
func (m *Manager) presented(r *http.Request) (credential, bool) {
	value, n := cookieValue(r.Header["Cookie"], m.cfg.CookieName)
	if n != 1 {
		return credential{}, false
	}
	return m.parseToken(value)
}

// cookieValue returns the value of the first cookie called name and how many
// there are. [http.Request.CookiesNamed] does not serve: it drops cookies it
// finds malformed, so a second one can hide, and it unquotes values. Names are
// compared byte by byte and only SP and HTAB are trimmed, because servers that
// fold case or trim Unicode blanks let look-alikes pass for a __Host- cookie.
func cookieValue(headers []string, name string) (value string, n int) {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ";") {
			k, v, ok := strings.Cut(strings.Trim(part, " \t"), "=")
			if !ok || k != name {
				continue
			}
			if n++; n == 1 {
				value = v
			}
		}
	}
	return value, n
}

// setCookie hands out a token for the rest of the lifetime.
func (m *Manager) setCookie(w http.ResponseWriter, token string, rest time.Duration) {
	m.writeCookie(w, &http.Cookie{Value: token, MaxAge: int(rest / time.Second)})
}

// ClearCookie makes the browser forget the cookie: for the answer to a request
// that has ended its own session with Revoke or RevokeAll. It ends no session;
// [Manager.Destroy] does both. Browsers ignore the line unless its attributes are
// those the cookie was set with.
func (m *Manager) ClearCookie(w http.ResponseWriter) {
	m.writeCookie(w, &http.Cookie{MaxAge: -1, Expires: time.Unix(1, 0)})
}

// writeCookie replaces a line for our cookie that this response already has
// (RFC 6265, section 4.1.1: one per name), and keeps the response out of caches.
func (m *Manager) writeCookie(w http.ResponseWriter, c *http.Cookie) {
	c.Name, c.Path, c.Secure, c.HttpOnly, c.SameSite = m.cfg.CookieName, "/", true, true, http.SameSiteLaxMode
	h := w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, m.cfg.CookieName+"=")
	})
	http.SetCookie(w, c)
	h.Set("Cache-Control", "no-store")
}
