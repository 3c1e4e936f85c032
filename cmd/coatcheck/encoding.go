package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const byteOrderMark = "\ufeff"

// isUTF16 reports whether text is UTF-16: it begins with a byte order mark of that, or has
// NUL bytes, as every ASCII character of UTF-16 has.
func isUTF16(text string) bool {
	return strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") || strings.Contains(text, "\x00")
}

// checkSecret returns an error if a password or a key is not plain UTF-8. Nobody could
// type what it is then: a mark, bytes between the characters, or bytes of another
// encoding. The error does not quote it; what says where it came from.
func checkSecret(what, text string) error {
	const mend = "send it as UTF-8 without a byte order mark; in PowerShell, $OutputEncoding decides. Nothing was changed"
	switch {
	case strings.HasPrefix(text, byteOrderMark):
		return fmt.Errorf("%s begins with a byte order mark, which nobody can type; %s", what, mend)
	case isUTF16(text):
		return fmt.Errorf("%s is UTF-16, or has NUL bytes as UTF-16 has; %s", what, mend)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not valid UTF-8; %s", what, mend)
	}
	return nil
}
