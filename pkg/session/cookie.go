package session

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxCookies is how many different cookies of our name a logout looks at.
const maxCookies = 4

// presented returns the credential in the request's cookie, or the zero credential. If
// there are different cookies of our name, it returns none and logs that: an attacker may
// have planted one of them, and their order means nothing (RFC 6265bis, section 5.8.3). It
// also logs a token that none of our keys has signed. It is called once for a request.
func (m *Manager) presented(r *http.Request) credential {
	var room [maxCookies + 1]string // on the stack
	values := appendCookies(room[:0], r.Header["Cookie"], m.cfg.CookieName)
	if len(values) > 1 {
		m.cfg.Logger.WarnContext(r.Context(), "session_cookies_differ", clientArgs(r)...)
	}
	if len(values) != 1 {
		return credential{}
	}
	c, ok := parseToken(values[0])
	if ok && m.madeHere(c) {
		return c.credential()
	}
	if ok && len(m.signers) > 0 { // without keys nobody can say that it is forged
		m.cfg.Logger.InfoContext(r.Context(), "session_token_forged", clientArgs(r)...)
	}
	return credential{}
}

// allPresented returns the credentials in all cookies of our name, whatever their
// MAC. Only a logout may use it, because a logout does nothing but what the holder of
// the secret wants.
func (m *Manager) allPresented(r *http.Request) ([]credential, error) {
	values := appendCookies(nil, r.Header["Cookie"], m.cfg.CookieName)
	if len(values) > maxCookies {
		return nil, ErrTooManyCookies
	}
	var all []credential
	for _, value := range values {
		if c, ok := parseToken(value); ok {
			all = append(all, c.credential())
		}
	}
	return all, nil
}

// appendCookies appends to values those of the cookies called name that differ, until there
// is one more than maxCookies. Some ways into Lambda send each cookie twice, so equal ones
// are one cookie.
//
// It does not use [http.Request.CookiesNamed], which drops cookies that it finds
// malformed, so that a second one can hide, and which unquotes values. Names are
// compared byte by byte, and only SP and HTAB are trimmed. Servers that fold case or
// trim Unicode spaces accept similar names as a __Host- cookie.
func appendCookies(values, headers []string, name string) []string {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ";") {
			k, v, ok := strings.Cut(strings.Trim(part, " \t"), "=")
			if !ok || k != name || slices.Contains(values, v) {
				continue
			}
			if values = append(values, v); len(values) > maxCookies {
				return values
			}
		}
	}
	return values
}

// setCookie sets the cookie of s to the token, until the end that no use of s moves.
// If a user may choose between a short and a persistent session, the cookie of a short
// one has no Max-Age.
func (m *Manager) setCookie(w http.ResponseWriter, s *Session, token string, now time.Time) {
	c := &http.Cookie{Value: token}
	if s.Persistent || !m.OffersPersistent() {
		c.MaxAge = int(m.absoluteEnd(s).Sub(now) / time.Second)
	}
	m.writeCookie(w, c)
}

// ClearCookie makes the browser delete the cookie. Use it in the response to a
// request that has ended its own session with Revoke or RevokeAll. It ends no
// session; [Manager.Destroy] does both. It sends the attributes that the cookie was
// set with, because browsers ignore the header otherwise. If the answer has begun, the
// browser does not get it, and keeps a cookie that is worth nothing.
func (m *Manager) ClearCookie(w http.ResponseWriter) {
	m.writeCookie(w, &http.Cookie{MaxAge: -1, Expires: time.Unix(1, 0)})
}

// tooLate returns ErrTooLate if w tells that its headers were sent. Only writers of other
// packages tell it. Status() int does not, because some count a status that was not
// sent, the implicit 200, as one.
func tooLate(w http.ResponseWriter) error {
	for {
		switch w := w.(type) {
		case interface{ Written() bool }: // gin, negroni, lambdahttp
			if w.Written() {
				return ErrTooLate
			}
		case interface{ BytesWritten() int }: // chi
			if w.BytesWritten() > 0 {
				return ErrTooLate
			}
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = inner.Unwrap()
	}
}

// writeCookie replaces a Set-Cookie header for our cookie that this response already
// has, because a response may have only one for each name (RFC 6265, section 4.1.1).
// It also keeps the response out of caches.
func (m *Manager) writeCookie(w http.ResponseWriter, c *http.Cookie) {
	c.Name, c.Path, c.Secure, c.HttpOnly, c.SameSite = m.cfg.CookieName, "/", true, true, http.SameSiteLaxMode
	h := w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, m.cfg.CookieName+"=")
	})
	http.SetCookie(w, c)
	h.Set("Cache-Control", "no-store")
}
