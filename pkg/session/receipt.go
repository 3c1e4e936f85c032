package session

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// receiptTimeout is how long a receipt is good for, and how much clocks may differ.
const receiptTimeout = time.Minute

// HasCookie reports whether r has a cookie of our name, whatever it is worth. A
// browser that sends one keeps our cookies.
func (m *Manager) HasCookie(r *http.Request) bool {
	return len(appendCookies(nil, r.Header["Cookie"], m.cfg.CookieName)) > 0
}

// Receipt returns a text that stands for s, to be sent back by the browser that has just
// got the cookie of s: see [Manager.Redeem]. It is about 110 characters of base64url and
// dots, or 130 with signing keys, and may be a value in a URL.
//
// A receipt is no secret. It holds the key of s and what a store keeps of the token, the
// SHA-256 of its secret, from which nobody learns the token. It opens nothing. Whoever
// reads it can do one thing: end s, until s is renewed twice. With signing keys that is
// possible for a minute after the login. Without them the time in a receipt can be
// changed, and whoever reads the store can make receipts.
func (m *Manager) Receipt(s *Session) string {
	key := s.Key()
	text := strings.Join([]string{key.Owner, key.ID, base64.RawURLEncoding.EncodeToString(s.Secret[:]), strconv.FormatInt(s.CreatedAt.Unix(), 10)}, ".")
	if len(m.signers) == 0 {
		return text
	}
	return text + "." + m.signers[0].mac(receiptPrefix+text)
}

// Redeem finds out whether the browser keeps the cookie that [Manager.Create] has set.
// Some browsers do not: their user blocks cookies, or the page's address begins with
// http:// and the browser takes a Secure cookie from https alone. Such a user would find
// a login page after each right password, and each of these logins would leave a
// session.
//
// After a login whose request had no cookie of the program, make the browser load a
// page with the receipt of the session in its address, and call Redeem there. If r has
// a cookie of our name, Redeem returns true and calls no store. Otherwise it ends the
// session and returns false: tell the user. It returns ErrNoSession, and has done
// nothing, if receipt is malformed, forged, or older than a minute: show the login page.
// Any other error is an outage.
//
// Redeem also returns false if the session had ended before, so that a page which is
// loaded twice tells the same twice. Without signing keys it therefore returns false
// for a forged receipt too; it ends nothing by it.
func (m *Manager) Redeem(r *http.Request, receipt string) (kept bool, err error) {
	if m.HasCookie(r) {
		return true, nil
	}
	c, ok := m.parseReceipt(receipt)
	if !ok {
		return false, ErrNoSession
	}
	r, _ = m.enter(r)
	return false, m.endPresented(r.Context(), c, ending{reason: "cookie_not_kept"})
}

// parseReceipt accepts what Receipt makes, for receiptTimeout.
func (m *Manager) parseReceipt(receipt string) (credential, bool) {
	text, ok := m.receiptText(receipt)
	parts := strings.Split(text, ".")
	if !ok || len(parts) != 4 || !canonical(parts[0], idLength) || !canonical(parts[1], idLength) || !canonical(parts[2], secretLength) {
		return credential{}, false
	}
	made, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil || time.Since(time.Unix(made, 0)).Abs() > receiptTimeout {
		return credential{}, false
	}
	c := credential{key: Key{parts[0], parts[1]}}
	base64.RawURLEncoding.Decode(c.secret[:], []byte(parts[2]))
	return c, true
}

// receiptText returns the receipt without its MAC. It reports whether the MAC is by one
// of our keys, or there is none and we have no keys.
func (m *Manager) receiptText(receipt string) (string, bool) {
	if len(m.signers) == 0 {
		return receipt, true
	}
	end := strings.LastIndexByte(receipt, '.')
	if end < 0 {
		return "", false
	}
	text, mac := receipt[:end], receipt[end+1:]
	return text, m.signedHere(receiptPrefix+text, mac)
}

// receiptPrefix makes the MAC of a receipt differ from that of a token with the same text.
const receiptPrefix = "receipt "
