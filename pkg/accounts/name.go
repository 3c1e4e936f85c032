package accounts

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxText is the maximum length of a name, a display name or a role, in bytes. It is
// the length of the longest mail address (RFC 5321), because names are often mail
// addresses.
const maxText = 254

// Normalize returns the key of the account that a person means by name: NFKC, lower
// case, without surrounding white space. Registering, finding an account and counting
// attempts all use this one function. Normalize(Normalize(x)) is Normalize(x).
// Letters that only look alike stay different.
//
// It refuses names that no account can have: an empty name, more than 254 bytes,
// control characters and invalid UTF-8. The error does not quote the name, because it
// may be a password that was typed into the wrong field.
func Normalize(name string) (string, error) {
	if err := checkText(name); err != nil {
		return "", fmt.Errorf("the user name %w", err)
	}
	// Lower case can produce letters that NFKC composes ("J" and a caron), so NFKC is
	// applied again. It can also produce a space at the beginning (NFKC of "¨"), so
	// the space is trimmed last.
	key := strings.TrimSpace(norm.NFKC.String(strings.ToLower(norm.NFKC.String(name))))
	if err := checkText(key); err != nil {
		return "", fmt.Errorf("the user name %w", err)
	}
	return key, nil
}

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
