package config

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"example.com/coatcheck/pkg/signin/site"
)

// Site reads PUBLIC_ORIGIN.
func Site() (site.Site, error) {
	origin, err := origin()
	return site.Site{Origin: origin}, err
}

// browserOrigin matches an origin as browsers write it (RFC 6454, section 6.2).
// Origins are compared byte by byte, so another spelling would never be equal.
var browserOrigin = regexp.MustCompile(`^https?://[a-z0-9.-]+(:[0-9]+)?$`)

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// origin reads PUBLIC_ORIGIN. It returns a scheme and a host without anything else,
// or "". It leaves out a default port, as browsers do.
func origin() (string, error) {
	value := os.Getenv(PublicOrigin)
	if value == "" {
		return "", nil
	}
	u, err := url.Parse(value)
	if err != nil || !browserOrigin.MatchString(value) {
		return "", fmt.Errorf("%s is %q; it must be an origin as browsers write it, such as https://example.org: lower case, no path", PublicOrigin, value)
	}
	return strings.TrimSuffix(value, ":"+defaultPorts[u.Scheme]), nil
}
