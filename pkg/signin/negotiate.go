package signin

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// WantsPage reports whether the answer should be a page, and not JSON. That is so if Accept names
// text/html with a quality above zero that is at least the quality of JSON (RFC 9110,
// section 12.5.1). Wildcards do not count, so a client that sends only wildcards gets
// JSON.
func WantsPage(r *http.Request) bool {
	html, json := 0.0, 0.0
	for _, header := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(header, ",") {
			if name, _, _ := strings.Cut(item, ";"); !strings.ContainsAny(name, "hHjJ") { // as in html and json; parsing takes long
				continue
			}
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

// homePath is the page after a login if the request names no other page.
const homePath = "/profile"

// maxNext is the maximum length of a local path, in bytes. With it a login form that
// contains the longest path, encoded, is smaller than maxBody.
const maxNext = 1 << 10

// LocalPath returns next, a path with or without a query, if it can only lead to a page of
// this site. Otherwise it returns the path of the profile. Every next that comes with a request goes through it. Browsers understand "//host" and "/\host" as another site, and
// servers and proxies on the way may decode the path. So LocalPath accepts only a
// clean path in its plain spelling. Everything else is refused, encoded or not.
func LocalPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || !strings.HasPrefix(next, "/") || u.Host != "" || u.User != nil || u.Fragment != "" {
		return homePath
	}
	if u.Path != path.Clean(u.Path) || strings.ContainsFunc(u.Path+u.RawQuery, suspect) || strings.Contains(u.Path, "%") {
		return homePath
	}
	if local := (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String(); len(local) <= maxNext {
		return local
	}
	return homePath
}

// suspect reports whether c never occurs in our own paths and queries.
func suspect(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }
