package signin

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// basePolicy allows nothing but forms that post to ourselves; policyWithStyle adds
// to it.
const basePolicy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// retryAfter is how many seconds a client waits before it tries an outage again.
// pkg/session names the same number in the answers it writes by itself.
const retryAfter = "5"

// setHeaders sets what every response carries: not to be stored (OWASP ASVS
// 14.3.2), over HTTPS for a year, subdomains too (3.4.1), never sniffed (3.4.4),
// framed (3.4.6) or loaded by another origin, and with a Content-Security-Policy
// that allows nothing (3.4.3). It replaces what was set before, a page's policy
// too. The referrer is kept within the origin rather than dropped, because
// Chromium sends "Origin: null" with the forms of a page that has no-referrer.
func setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", basePolicy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// policyWithStyle returns the Content-Security-Policy of a page: that of setHeaders,
// and the one inline style sheet with the given hash, written "sha256-" and the
// standard base64 of the SHA-256 of the text between the style tags (CSP Level
// 3, section 2.3.1). No script is ever allowed.
func policyWithStyle(styleHash string) string {
	return basePolicy + "; style-src '" + styleHash + "'"
}

// writeStatus writes the status line. Every response of ours goes through it, pages
// too, so that none says 503 without a Retry-After; one set before stays.
func writeStatus(w http.ResponseWriter, status int) {
	if h := w.Header(); status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
}

// writeJSON writes v, which encoding/json must be able to encode: it panics when v is
// of a type that cannot be, a mistake in the program. The status must allow a body.
func writeJSON(w http.ResponseWriter, status int, v any) {
	write(w, status, "application/json", v)
}

// writeProblem writes a problem document (RFC 9457). Its type is about:blank, so its
// title is the status in words, and detail says what was wrong and what to do.
// It is for the client's eyes: never the text of an error from inside.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	writeTypedProblem(w, "about:blank", status, detail)
}

// writeTypedProblem is writeProblem with a type, by which programs tell it from others with
// the same status. It is a name to compare, not a page to fetch.
func writeTypedProblem(w http.ResponseWriter, kind string, status int, detail string) {
	write(w, status, "application/problem+json", struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{kind, http.StatusText(status), status, detail})
}

// write ends the body with a newline, which keeps a terminal's prompt in its place.
func write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("signin: encode a %T: %w", v, err))
	}
	setHeaders(w.Header())
	w.Header().Set("Content-Type", contentType)
	writeStatus(w, status)
	w.Write(append(body, '\n')) // an error means that the client is gone
}
