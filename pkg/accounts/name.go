package accounts

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxText is how many bytes a name, display name or role may have. It is the
// length of the longest mail address (RFC 5321), which is what names often are.
const maxText = 254

// Normalize returns the key of the account that a person means by name: NFKC,
// lower case, without surrounding white space. It is the one function for
// registering, looking up and counting, and Normalize(Normalize(x)) is
// Normalize(x). Letters that only look alike stay different.
//
// It refuses what no account can be called: nothing, more than 254 bytes,
// control characters and invalid UTF-8. The error does not quote the name, which
// may be a password typed into the wrong field.
func Normalize(name string) (string, error) {
	if err := checkText(name); err != nil {
		return "", fmt.Errorf("the user name %w", err)
	}
	// Lower-casing can leave letters that compose ("J" and a caron), so NFKC again.
	// It can also begin with a blank (NFKC of "¨"), so trimming comes last.
	key := strings.TrimSpace(norm.NFKC.String(strings.ToLower(norm.NFKC.String(name))))
	if err := checkText(key); err != nil {
		return "", fmt.Errorf("the user name %w", err)
	}
	return key, nil
}

// checkText refuses text that could not be kept, shown or logged as it is.
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
