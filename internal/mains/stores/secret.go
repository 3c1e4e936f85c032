package stores

import "strings"

// ambiguous reports whether a URL can be read in more than one way, because a "/", "?",
// "#" or "@" stands in its password as it is. Then an "@" comes after the host, or a
// second one before it. The parsers do not all notice that: they would take a piece of
// the password for the host, look it up, and name it in errors.
func ambiguous(url string) bool {
	_, rest, isURL := strings.Cut(url, "://")
	end := strings.IndexAny(rest, "/?")
	return !isURL || strings.Contains(rest, "#") || strings.Count(rest, "@") > 1 || end >= 0 && strings.Contains(rest[end:], "@")
}

// hidden is an error with another text, because its own text quotes an address.
type hidden struct {
	text string
	err  error
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.err }
