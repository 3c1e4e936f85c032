package signin

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// wantsPage reports whether to answer with a page: when Accept names text/html
// with a quality that is not zero and at least that of JSON (RFC 9110, section
// 12.5.1). Wildcards ask for nothing in particular and get JSON.
func wantsPage(r *http.Request) bool {
	html, json := 0.0, 0.0
	for _, header := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(header, ",") {
			kind, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			quality, err := strconv.ParseFloat(params["q"], 64)
			if err != nil {
				quality = 1
			}
			switch kind {
			case "text/html":
				html = max(html, quality)
			case "application/json", "application/problem+json":
				json = max(json, quality)
			}
		}
	}
	return html > 0 && html >= json
}

// home is where a login leads when it is not told otherwise.
const home = "/profile"

// maxNext bounds a local path, in bytes, so that the login form stays within
// maxBody when it carries the longest one, encoded.
const maxNext = 1 << 10

// localPath returns next if it can only lead to a page of this site, and home
// otherwise. Browsers read "//host" and "/\host" as another site, and servers
// and proxies in between may decode, so anything but a clean, plainly spelt path
// is refused, encoded or not.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || !strings.HasPrefix(next, "/") || u.Host != "" || u.User != nil || u.Fragment != "" {
		return home
	}
	if u.Path != path.Clean(u.Path) || strings.ContainsFunc(u.Path+u.RawQuery, suspect) || strings.Contains(u.Path, "%") {
		return home
	}
	if local := (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String(); len(local) <= maxNext {
		return local
	}
	return home
}

// suspect tells characters that have no place in our own paths and queries.
func suspect(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }
