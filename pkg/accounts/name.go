package accounts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxText is the maximum length of a name, a display name or a role, in bytes. It is
// the length of the longest mail address (RFC 5321), because names are often mail
// addresses.
const maxText = 254

// Normalize returns the key of the account that a person means by name, if the account
// was made by this rule: without characters that cannot be seen and without surrounding
// white space, in Unicode's full case folding and NFKC. Two names of which the results
// are equal are one name. Normalize(Normalize(x)) is Normalize(x). Letters that only look
// alike stay different. A character that this program's Unicode does not have yet is taken
// as it is.
//
// It refuses names that no account can have: an empty name, more than 254 bytes,
// control characters and invalid UTF-8. The error does not quote the name, because it
// may be a password that was typed into the wrong field.
func Normalize(name string) (string, error) {
	name = visible(name)
	if err := checkText(name); err != nil {
		return "", fmt.Errorf("the user name %w", err)
	}
	key := fold(name)
	if err := checkText(key); err != nil {
		return "", fmt.Errorf("the user name %w", err)
	}
	return key, nil
}

// visible returns a name as it is shown: without characters that cannot be seen and
// without surrounding white space. It leaves invalid UTF-8 as it is, for checkText to
// find.
//
// So a Persian name loses the joiners between its parts, and an emoji of several ones is
// shown as these. A display name keeps them.
func visible(text string) string {
	if !utf8.ValidString(text) {
		return text
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, text))
}

// ignorable reports whether r has Unicode's property Default_Ignorable_Code_Point: by
// itself it cannot be seen. The definition is that of DerivedCoreProperties.txt.
func ignorable(r rune) bool {
	if r < 0xad { // the first one, the soft hyphen
		return false
	}
	if r >= 0xfff9 && r <= 0xfffb || r >= 0x13430 && r <= 0x13440 { // annotations and hieroglyph joiners, which should be seen
		return false
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf, unicode.Variation_Selector) &&
		!unicode.In(r, unicode.White_Space, unicode.Prepended_Concatenation_Mark)
}

// fold returns the key of a visible name: NFKC of Unicode's full case folding.
//
// In NFKD the only letters whose folding has more than one character are ß and ẞ, so
// the table of unicode's simple foldings is enough. One thing goes beyond full case
// folding: a dot above an i is dropped, which looks the same. So İ is i as it always
// was here, and not an i with a second dot.
func fold(name string) string {
	var key strings.Builder
	dotted := false // the marks since an i do not keep a dot from belonging to it
	for _, r := range norm.NFKD.String(name) {
		r = foldRune(r)
		switch {
		case r == 'ß':
			key.WriteString("ss")
			dotted = false
			continue
		case r == dotAbove && dotted:
			continue
		case r == 'i':
			dotted = true
		case dotted:
			class := norm.NFKD.PropertiesString(string(r)).CCC()
			dotted = class != 0 && class != dotAboveClass
		}
		key.WriteRune(r)
	}
	return strings.TrimSpace(norm.NFKC.String(key.String()))
}

const (
	dotAbove      = '\u0307'
	dotAboveClass = 230 // of all marks above: only the first one is next to the letter
)

// foldRune returns the lower case that all letters have which differ in case only: σ for
// Σ, σ and ς. A letter whose case pairs with no other, such as ı, stays as it is.
func foldRune(r rune) rune {
	if r == 'ß' || r == 'ẞ' {
		return 'ß'
	}
	if unicode.SimpleFold(r) == r {
		return r
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// earlierKey returns the key by the rule that made accounts before there was a folding.
// It accepts what was accepted then.
func earlierKey(name string) (string, error) {
	if err := checkText(name); err != nil {
		return "", err
	}
	// Lower case can produce letters that NFKC composes ("J" and a caron), so NFKC is
	// applied again. It can also produce a space at the beginning (NFKC of "¨"), so
	// the space is trimmed last.
	key := strings.TrimSpace(norm.NFKC.String(strings.ToLower(norm.NFKC.String(name))))
	return key, checkText(key)
}

// keys returns the keys under which the account of a typed name may be stored: by the
// rule before, if that gives another key, and by [Normalize]. An account that was made by
// the rule before comes first, because the name was typed as it is stored. How many keys
// there are depends on the name alone. The error is that of Normalize.
func keys(name string) (all []string, err error) {
	if key, err := earlierKey(name); err == nil {
		all = append(all, key)
	}
	key, err := Normalize(name)
	if err == nil && !slices.Contains(all, key) {
		all = append(all, key)
	}
	if len(all) == 0 {
		return nil, err
	}
	return all, nil
}

// counted returns the name by which attempts to sign in are counted, for all spellings
// of it the same. It may be longer than a name can be.
func counted(name string) string { return fold(visible(name)) }

// checkText refuses text that cannot be stored, shown and logged unchanged.
func checkText(text string) error {
	switch {
	case text == "":
		return errors.New("is empty")
	case len(text) > maxText:
		return fmt.Errorf("is longer than %d bytes", maxText)
	case !utf8.ValidString(text):
		return errors.New("is not valid UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("contains a control character")
	}
	return nil
}
