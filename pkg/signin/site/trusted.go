package site

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"example.com/coatcheck/internal/lazily"
)

// trustedOrigin matches an origin as browsers write it (RFC 6454, section 6.2). Origins are
// compared byte by byte, so another spelling would never be equal.
var trustedOrigin = lazily.Regexp(`^(https?)://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[::1\])(:[1-9][0-9]{0,4})?$`)

// ParseTrustedOrigins reads origins such as "https://app.example.org,https://admin.example.org",
// for [Site.TrustedOrigins]. It leaves out a default port, as browsers do, and the second of
// two that are the same. An empty text has none. The error says which origin is wrong, and
// what to change.
func ParseTrustedOrigins(text string) (origins []string, err error) {
	if text == "" {
		return nil, nil
	}
	for entry := range strings.SplitSeq(text, ",") {
		origin := strings.Trim(entry, " ")
		u, err := url.Parse(origin)
		switch {
		case err != nil, !trustedOrigin().MatchString(origin):
			return nil, fmt.Errorf("%q must be an origin as browsers write it, such as https://app.example.org: lower case, xn-- for other letters, no path, no wildcard; between two stands a comma", origin)
		case u.Scheme == "http" && !IsLoopback(u.Host):
			return nil, fmt.Errorf("%q must begin with https://: whoever sits between a browser and an http page writes that page, and could write here as its users; only a loopback name may have http", origin)
		}
		port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		if origin = strings.TrimSuffix(origin, port); !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins, nil
}
