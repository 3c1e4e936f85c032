package site

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/coatcheck/internal/lazily"
)

// DefaultName is the name of a site that has no other.
const DefaultName = "Coatcheck"

// Brand is whose site it is, as users see it on every page. The zero Brand is
// Coatcheck's own.
type Brand struct {
	// Name stands in the title and in the head of each page. The default is DefaultName.
	Name string

	// Logo stands before the name. The default is none, or Coatcheck's own if there is
	// no name either.
	Logo Logo

	// Accent is the color of buttons, links and the name. The default is a dark red.
	Accent Accent

	// Links stand in the foot of each page, in this order. Their names are shown in
	// every language as they are.
	Links []Link
}

// Link is a link in the foot of the pages.
type Link struct {
	Name string // what users read
	URL  string // where it leads
}

// maxName is the maximum length of a name in characters. A longer one would leave no
// room in the head of a page.
const maxName = 50

// ParseName returns the name without the blanks around it. The error says what to change.
func ParseName(text string) (string, error) {
	name := strings.TrimSpace(text)
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || utf8.RuneCountInString(name) > maxName {
		return "", fmt.Errorf("%q must be one line of at most %d characters, in UTF-8", text, maxName)
	}
	return name, nil
}

// linkName matches a name of a link. What it leaves out separates links, or is shown
// nowhere.
var linkName = lazily.Regexp(`^[^=,\x00-\x1f\x7f-\x9f]{1,40}$`)

// linkURL matches an https URL, or a path on the site itself. Both are spelt plainly, so
// that no browser takes them for anything else: "//" and "/\" would lead to another host.
var linkURL = lazily.Regexp(`^(https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[1-9][0-9]{0,4})?(/` + urlRest + `)?|/(` + urlCharacter + urlRest + `)?)$`)

const (
	urlCharacter = `([A-Za-z0-9._~&+;=:@?#-]|%[0-9A-Fa-f]{2})`
	urlRest      = `(/|` + urlCharacter + `)*`
)

// ParseLinks reads links such as "Imprint=https://example.org/imprint, Help=/help". An
// empty text has none. The error says which link is wrong, and what to change.
func ParseLinks(text string) (links []Link, err error) {
	if text == "" {
		return nil, nil
	}
	for _, entry := range strings.Split(text, ",") {
		name, url, ok := strings.Cut(strings.Trim(entry, " "), "=")
		switch {
		case !ok || !linkName().MatchString(name) || !utf8.ValidString(name):
			return nil, fmt.Errorf("%q must be such as Imprint=https://example.org/imprint, the name at most 40 characters; between two links stands a comma", entry)
		case !linkURL().MatchString(url):
			return nil, fmt.Errorf("%q leads to %q; write an https:// URL or a path such as /help, and %%XX for characters other than A-Z a-z 0-9 . _ ~ & + ; = : @ / ? # -", name, url)
		}
		links = append(links, Link{name, url})
	}
	return links, nil
}
