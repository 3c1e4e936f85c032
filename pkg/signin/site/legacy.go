package site

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/internal/lazily"
)

// LegacyCookie is a cookie of a monolith whose sessions move to this site. Only its
// attributes are here: browsers remove a cookie only if they are told the Path and the
// Domain that it was set with.
type LegacyCookie struct {
	Name string // of the cookie; required

	// Path is the cookie's Path attribute. It begins with "/".
	Path string

	// Domain is the cookie's Domain attribute, without a dot before it. It is empty if the
	// monolith sets none.
	Domain string

	// Stateless says that the cookie is the session itself, and that the monolith keeps no
	// row for it. Nothing but a seal ends a copy of such a cookie.
	Stateless bool
}

// Names of cookies are tokens (RFC 6265, section 4.1.1). Paths and domains are spelt
// plainly, so that the header that clears a cookie cannot say anything else.
var (
	legacyName   = lazily.Regexp("^[0-9A-Za-z!#$%&'*+.^_`|~-]{1,64}$")
	legacyPath   = lazily.Regexp(`^/[0-9A-Za-z._~/%-]*$`)
	legacyDomain = lazily.Regexp(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

// ownNames are the cookies of the product itself. It would sign everybody out if it took
// one of them for the monolith's.
var ownNames = []string{"__Host-SESSIONID", "__Host-DEVICE", "__Host-PROVIDER"}

// ownPrefix begins the names of the cookies of package oidc: one for each sign-in that has
// begun.
const ownPrefix = "__Host-SSO-"

// ParseLegacyCookies reads cookies such as "session;Path=/shop;Domain=example.org;Stateless,
// sessionid", with commas between them. After a name may come its Path, which is "/" by
// default, its Domain and the word Stateless, each at most once, in any order. An empty
// text has none. The error says which cookie is wrong, and what to change.
func ParseLegacyCookies(text string) (cookies []LegacyCookie, err error) {
	if text == "" {
		return nil, nil
	}
	for entry := range strings.SplitSeq(text, ",") {
		c, err := parseLegacyCookie(entry)
		if err != nil {
			return nil, err
		}
		cookies = append(cookies, c)
	}
	return cookies, nil
}

func parseLegacyCookie(entry string) (c LegacyCookie, err error) {
	parts := strings.Split(entry, ";")
	c = LegacyCookie{Name: strings.TrimSpace(parts[0]), Path: "/"}
	if !legacyName().MatchString(c.Name) {
		return c, fmt.Errorf("%q is no name of a cookie; write such as session, or session;Path=/shop;Domain=example.org;Stateless, and a comma between two cookies", c.Name)
	}
	if c.isOwn() {
		return c, fmt.Errorf("%q is a cookie of this product and not of a monolith; leave it out", c.Name)
	}
	seen := map[string]bool{}
	for _, attribute := range parts[1:] {
		kind, err := c.set(strings.TrimSpace(attribute))
		if err != nil {
			return c, fmt.Errorf("the cookie %s: %w", c.Name, err)
		}
		if seen[kind] {
			return c, fmt.Errorf("the cookie %s: %s is there twice; write it once", c.Name, kind)
		}
		seen[kind] = true
	}
	return c, c.checkPrefix()
}

// set sets what the attribute says, and returns its name.
func (c *LegacyCookie) set(attribute string) (kind string, err error) {
	name, value, _ := strings.Cut(attribute, "=")
	switch {
	case strings.EqualFold(name, "Path"):
		if !legacyPath().MatchString(value) {
			return "", fmt.Errorf("the Path is %q; it must begin with / and have no other characters than A-Z a-z 0-9 . _ ~ / %% -", value)
		}
		c.Path = value
		return "Path", nil
	case strings.EqualFold(name, "Domain"):
		if c.Domain = strings.TrimPrefix(value, "."); !legacyDomain().MatchString(c.Domain) {
			return "", fmt.Errorf("the Domain is %q; it must be a host name such as example.org, in lower case", value)
		}
		return "Domain", nil
	case strings.EqualFold(attribute, "Stateless"):
		c.Stateless = true
		return "Stateless", nil
	}
	return "", fmt.Errorf("%q is not understood; after a name may come Path=/…, Domain=… and Stateless", attribute)
}

// checkPrefix reports attributes with which no browser would have kept the cookie
// (RFC 6265bis, section 4.1.3).
func (c *LegacyCookie) checkPrefix() error {
	if c.hasPrefix("__Host-") && (c.Path != "/" || c.Domain != "") {
		return fmt.Errorf("the cookie %s has a Path or a Domain; browsers keep none with this name that has, so leave them out", c.Name)
	}
	return nil
}

// isOwn reports whether the cookie is one of the product. It ignores case, as browsers do with
// the prefix.
func (c *LegacyCookie) isOwn() bool {
	return c.hasPrefix(ownPrefix) || slices.ContainsFunc(ownNames, func(own string) bool { return strings.EqualFold(own, c.Name) })
}

// hasPrefix ignores case, as browsers do.
func (c *LegacyCookie) hasPrefix(prefix string) bool {
	return len(c.Name) >= len(prefix) && strings.EqualFold(c.Name[:len(prefix)], prefix)
}

// HasStateless reports whether a copy of a monolith's cookie may be one that nothing but a
// seal ends: a cookie is Stateless, or nobody has said which cookies there are.
func (s *Site) HasStateless() bool {
	return len(s.LegacyCookies) == 0 || slices.ContainsFunc(s.LegacyCookies, func(c LegacyCookie) bool { return c.Stateless })
}

// HasLegacyCookie reports whether the request has a cookie of the monolith that is not
// empty. It says nothing about what the cookie proves.
func (s *Site) HasLegacyCookie(r *http.Request) bool {
	for _, header := range r.Header["Cookie"] {
		for part := range strings.SplitSeq(header, ";") {
			name, value, _ := strings.Cut(strings.Trim(part, " \t"), "=")
			if value != "" && slices.ContainsFunc(s.LegacyCookies, func(c LegacyCookie) bool { return c.Name == name }) {
				return true
			}
		}
	}
	return false
}

// ClearLegacyCookies makes the browser delete every cookie of the monolith, also those
// whose Path keeps them out of this request. The header is Secure only where the name
// wants it: so it removes a cookie over http on localhost too, where WebKit takes no
// Secure cookie.
func (s *Site) ClearLegacyCookies(w http.ResponseWriter) {
	for _, c := range s.LegacyCookies {
		http.SetCookie(w, &http.Cookie{
			Name: c.Name, Path: c.Path, Domain: c.Domain, MaxAge: -1, Expires: time.Unix(1, 0),
			Secure: c.hasPrefix("__Host-") || c.hasPrefix("__Secure-"), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
}
