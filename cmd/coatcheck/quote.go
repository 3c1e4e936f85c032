package main

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain matches text that means itself to a shell, wherever it stands in a command.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+:,./-]+$`)

// word returns text as one word of a shell's command. If it contains characters that a
// terminal does not show as they are, bash, zsh and ksh understand the word.
func word(text string) string {
	switch {
	case plain.MatchString(text):
		return text
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "$'" + escaped(text) + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// escaped returns text in which every byte of a character that is not shown as it is,
// and of ' and \, is written as \xNN.
func escaped(text string) string {
	var b strings.Builder
	for i, r := range text {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(text[i:])
		}
		if unicode.IsPrint(r) && r != '\'' && r != '\\' && r != utf8.RuneError {
			b.WriteRune(r)
			continue
		}
		for _, each := range []byte(text[i : i+size]) {
			fmt.Fprintf(&b, `\x%02x`, each)
		}
	}
	return b.String()
}

// argument returns text as one argument of a command that is to be pasted. The command
// must not take it for a flag.
func argument(text string) string {
	if strings.HasPrefix(text, "-") {
		return "-- " + word(text)
	}
	return word(text)
}

// shown returns a message in which the characters that could control a terminal are
// escaped, as in a Go string.
func shown(message string) string {
	var b strings.Builder
	for _, r := range message {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := fmt.Sprintf("%+q", string(r))
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// addressShape matches what may be the address of a store, with a password in it.
var addressShape = regexp.MustCompile(`://|:.*@`)

// notShown stands in an error for text that may be a secret, which somebody has given in
// the wrong place.
const notShown = `"…" (not shown, since it may be a secret)`

// named returns text in quotes, for an error. The address of a store is not shown.
func named(text string) string {
	if addressShape.MatchString(text) {
		return notShown
	}
	return strconv.Quote(text)
}

// fileError returns the error of opening a file, in which the path is as [named] has it.
func fileError(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s %s: %w", path.Op, named(path.Path), path.Err)
	}
	return err
}
