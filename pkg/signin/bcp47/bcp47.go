// Package bcp47 checks language tags. It is a package of its own because it imports
// the tables of golang.org/x/text/language. Every function that imports them becomes
// larger, and only one function needs them.
//
// This package may still change in ways that break programs.
package bcp47

import (
	"fmt"

	"golang.org/x/text/language"
)

// maxBytes is the length of the longest tag that RFC 5646, section 4.4.1, asks
// software to accept.
const maxBytes = 35

// Canonical returns the usual spelling of a tag, such as pt-BR for PT-br. The tag
// must be well-formed, and its parts must be known. The error does not quote the tag.
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
