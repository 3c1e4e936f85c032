package signin

import (
	"net/http"
	"slices"
)

// preflightSeconds is how long browsers remember the answer to a preflight. Chromium keeps
// none for longer.
const preflightSeconds = "7200"

// allowOrigin says in the headers of an answer that a page of a trusted origin may read it
// (the CORS protocol of the Fetch standard). The answer names that origin alone: never a
// wildcard, which no answer to a request with cookies may have, and never an origin that is
// not one of the site's.
func (p *Pages) allowOrigin(h http.Header, r *http.Request) {
	if len(p.site.TrustedOrigins) == 0 {
		return
	}
	h.Set("Vary", "Origin")
	if origin := p.trustedOrigin(r); origin != "" {
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Retry-After")
	}
}

// everyMethod has the methods of a route whose pattern names none.
const everyMethod = "DELETE, GET, HEAD, PATCH, POST, PUT"

// trustedOrigin returns the origin of the page that sends r if the site trusts it, and
// otherwise "".
func (p *Pages) trustedOrigin(r *http.Request) string {
	if origins := r.Header.Values("Origin"); len(origins) == 1 && slices.Contains(p.site.TrustedOrigins, origins[0]) {
		return origins[0]
	}
	return ""
}

// isPreflight reports whether a browser asks what a page of a trusted origin may send.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" && pagesOf(r.Context()).trustedOrigin(r) != ""
}

// answerPreflight allows the methods of a path, and the one header that our routes read and
// that a page may not set unasked: that of JSON.
func answerPreflight(w http.ResponseWriter, methods string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Max-Age", preflightSeconds)
	writeStatus(w, http.StatusNoContent)
}
