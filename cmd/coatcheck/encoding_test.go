package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16LE returns text as UTF-16, with a byte order mark and the low byte first.
func utf16LE(text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(byteOrderMark + text)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}

// utf16BE is the same with the high byte first.
func utf16BE(text string) string {
	out := []byte(utf16LE(text))
	for i := 0; i < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return string(out)
}

// notTyped are lines on standard input of bytes that nobody can type, by what the error
// says about them.
func notTyped(line string) map[string][]string {
	little, big := utf16LE(line), utf16BE(line)
	return map[string][]string{
		"begins with a byte order mark, which nobody can type": {"\ufeff" + line, "\ufeff", "\ufeff" + line + "\xff"},
		"is UTF-16, or has NUL bytes as UTF-16 has":            {little, big, little[2:], big[2:], line + "\x00"},
		"is not valid UTF-8":                                   {line + "\xff", "\xfc" + line, line + "\xed\xa0\x80", line + "\xc3"},
	}
}

const sendUTF8 = "; send it as UTF-8 without a byte order mark; in PowerShell, $OutputEncoding decides. Nothing was changed"

// TestSecretsAreUTF8: a password or a key that is a byte order mark, UTF-16 or no UTF-8 is
// refused before anything is changed, and is not shown.
func TestSecretsAreUTF8(t *testing.T) {
	sh := newShell(t)
	sh.ok(phrase, "users", "add", "alice")
	alice := sh.stored("alice")
	sh.signIn(alice.UserID)
	for _, args := range []string{"users add bob", "users passwd alice", "keys list", "keys append", "keys promote 00000000", "keys remove 00000000"} {
		line := better
		if strings.HasPrefix(args, "keys") {
			line = oldKey
		}
		for what, lines := range notTyped(line) {
			for _, line := range lines {
				for _, end := range []string{"", "\n", "\r\n"} {
					sh.fails(1, regexp.QuoteMeta("standard input "+what+sendUTF8), line+end, strings.Fields(args)...)
				}
			}
		}
	}
	if now := sh.stored("alice"); now.Revision != alice.Revision || len(sh.live("alice")) != 1 {
		t.Errorf("a refused password changed something: %+v, with %d sessions", now, len(sh.live("alice")))
	}
	if all := sh.all(); len(all) != 1 {
		t.Errorf("a refused password added somebody: %v", all)
	}
	for _, long := range []string{"\u00fc", "a\u00fc", "ab\u00fc", "a\u20ac"} { // wherever a limit of bytes cuts a character
		sh.fails(1, "the password is longer than 1024 bytes.*", strings.Repeat(long, 700), "users", "passwd", "alice")
	}
	sh.ok("\u00fcber"+better, "users", "passwd", "alice")
	if _, err := sh.authenticate("alice", "\u00fcber"+better); err != nil {
		t.Errorf("a password of UTF-8: %v", err)
	}
}
