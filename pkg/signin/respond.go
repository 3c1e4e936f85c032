package signin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/internal/markup"
)

// basePolicy is the Content-Security-Policy that allows only forms that post to our
// own origin. policyOf adds to it.
const basePolicy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// retryAfter is how many seconds a client should wait after an outage before it tries
// again. pkg/session uses the same number in the answers that it writes.
const retryAfter = "5"

// setHeaders sets the headers of every response of the site (OWASP ASVS sections): it
// must not be stored (14.3.2); the browser uses only HTTPS, except at a loopback name
// (3.4.1); the browser must not guess the content type (3.4.4), show the response in
// a frame (3.4.6) or let another origin load it; and the Content-Security-Policy
// allows nothing (3.4.3). It replaces headers that were set before, including the
// policy of a page. The referrer is limited to the origin and not removed, because
// Chromium sends "Origin: null" with the forms of a page that has no-referrer.
func setHeaders(h http.Header, r *http.Request) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", basePolicy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	if value := hsts(&pagesOf(r.Context()).site, r.Host); value != "" {
		h.Set("Strict-Transport-Security", value)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	pagesOf(r.Context()).allowOrigin(h, r)
}

// policyOf returns the Content-Security-Policy of a page: the policy of setHeaders, and
// permission for what the page needs. Scripts are never allowed.
func policyOf(needs markup.Needs) string {
	policy := basePolicy
	for i, text := range needs.Styles {
		if i == 0 {
			policy += "; style-src"
		}
		policy += " '" + hashOf(text) + "'"
	}
	if needs.Images {
		policy += "; img-src 'self'"
	}
	if needs.Fonts {
		policy += "; font-src 'self'"
	}
	return policy
}

// hashOf returns the hash by which a policy allows the text between two style tags (CSP
// Level 3, section 2.3.1): the standard base64 of the SHA-256.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// writeStatus writes the status line. Every response of this package goes through it,
// pages too, so that every 503 has a Retry-After and every 401 a challenge. It keeps a
// Retry-After that was set before. Require sets a challenge before it knows the answer:
// a redirect to a form needs none.
func writeStatus(w http.ResponseWriter, status int) {
	h := w.Header()
	switch {
	case status == http.StatusServiceUnavailable && h.Get("Retry-After") == "":
		h.Set("Retry-After", retryAfter)
	case status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", session.Challenge)
	case status == http.StatusSeeOther:
		h.Del("WWW-Authenticate")
	}
	w.WriteHeader(status)
}

// WriteJSON answers with v as JSON. It panics, and the client gets a 500, if encoding/json
// cannot encode a value of v's type, because that is a mistake in the program. The status
// must be one that allows a body. Errors are answered by [Pages.Fail].
func WriteJSON(w http.ResponseWriter, status int, v any) {
	write(w, status, "application/json", v)
}

// writeProblem writes a problem document (RFC 9457). Its type is about:blank, so its
// title is the status in words. The detail says what was wrong and what the client
// can do. The client sees it, so it must never be the text of an internal error.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	writeTypedProblem(w, "about:blank", status, detail)
}

// writeTypedProblem does the same as writeProblem, with a type. Programs compare the
// type to distinguish problems with the same status. It is a name, not the address of
// a page.
func writeTypedProblem(w http.ResponseWriter, kind string, status int, detail string) {
	write(w, status, "application/problem+json", struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{kind, http.StatusText(status), status, detail})
}

// write sends v as JSON, under the policy that allows nothing, also if a page was begun.
// The newline at the end of the body makes a terminal show its prompt on a new line.
func write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("signin: encode a %T: %w", v, err))
	}
	w.Header().Set("Content-Security-Policy", basePolicy)
	w.Header().Set("Content-Type", contentType)
	writeStatus(w, status)
	w.Write(append(body, '\n')) // an error means that the client has disconnected
}
