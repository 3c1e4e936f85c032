package signin

import (
	"strings"

	"example.com/coatcheck/pkg/signin/site"
)

// hsts returns the value of the Strict-Transport-Security header (RFC 6797) for a request
// with that Host header, or "" if the answer must not have it. That is so at a loopback
// name, where it would hold for every port of that machine.
func hsts(s *site.Site, host string) string {
	switch {
	case isHere(s, host):
		return ""
	case s.HSTSIncludeSubdomains:
		return "max-age=31536000; includeSubDomains"
	}
	return "max-age=31536000"
}

// isHere reports whether the browser that sent that Host header is on the server's machine.
// If the site has an Origin, its host counts, because a proxy may have changed the header.
func isHere(s *site.Site, host string) bool {
	if _, own, ok := strings.Cut(s.Origin, "://"); ok {
		host = own
	}
	return site.IsLoopback(host)
}
