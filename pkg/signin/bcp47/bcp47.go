// Package bcp47 checks language tags. It stands by itself because the tables of
// golang.org/x/text/language would make every function larger that imports it, and
// one function needs it.
package bcp47

import (
	"fmt"

	"golang.org/x/text/language"
)

// maxBytes is the room for tags that RFC 5646, section 4.4.1, asks for.
const maxBytes = 35

// Canonical returns a well-formed tag of known parts in its usual spelling, such as
// pt-BR for PT-br. An error does not quote the tag.
func Canonical(tag string) (string, error) {
	if len(tag) > maxBytes {
		return "", fmt.Errorf("a language tag of %d bytes; at most %d are kept", len(tag), maxBytes)
	}
	parsed, err := language.Parse(tag)
	if err != nil {
		return "", fmt.Errorf("not a BCP 47 language tag: %w", err)
	}
	return parsed.String(), nil
}
