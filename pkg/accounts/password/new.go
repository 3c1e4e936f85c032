package password

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckNew returns an error if the user called name may not have this password. The
// error says why. CheckNew refuses passwords that attackers try first (NIST SP
// 800-63B-4, section 3.1.1.2; ASVS 6.2.4): a password in the shipped list, one piece
// that is repeated, and a password of which fewer than 8 characters are left without
// the name, the product's name and runs of the keyboard or the alphabet. Upper and
// lower case count as the same. There are no rules about the kinds of characters.
func CheckNew(password, name string) error {
	switch {
	case len(password) > MaxBytes:
		return fmt.Errorf("the password is longer than %d bytes; choose a shorter one", MaxBytes)
	case utf8.RuneCountInString(password) < MinCharacters:
		return fmt.Errorf("the password is shorter than %d characters; choose a longer one", MinCharacters)
	}
	folded := strings.ToLower(password)
	own := withoutNames(folded, name)
	switch {
	case slices.Contains(strings.Split(commonPasswords, "\n"), folded):
		return errors.New("the password is one of the most common; choose another")
	case repeats(folded):
		return errors.New("the password is one piece repeated; choose another")
	case tooShort(own):
		return errors.New("the password is little more than the user's name or the product's; add words of your own")
	case tooShort(withoutRuns(own)):
		return errors.New("the password is little more than a run of the keyboard or the alphabet; choose another")
	}
	return nil
}

// commonPasswords holds the common passwords that have at least MinCharacters, in
// lower case, one in each line. The file common.md says where they come from.
//
//go:embed common.txt
var commonPasswords string

// productName is the name of the product. Attackers try it in the passwords of its users.
const productName = "coatcheck"

// tooShort reports whether the rest of a password could be guessed, because it has
// fewer characters than ASVS 6.2.1 requires of any password.
func tooShort(rest string) bool { return utf8.RuneCountInString(rest) < 8 }

// repeats reports whether text is one piece repeated two times or more. The last
// repetition may be cut off.
func repeats(text string) bool {
	for n := 1; n <= len(text)/2; n++ {
		if text[n:] == text[:len(text)-n] {
			return true
		}
	}
	return false
}

// withoutNames removes the product's name, the user's name, and the parts of the
// user's name. The parts of alice@example.org are alice, example and org.
func withoutNames(text, name string) string {
	name = strings.ToLower(name)
	parts := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	for _, word := range append([]string{productName, name}, parts...) {
		if utf8.RuneCountInString(word) >= 3 { // a shorter word is part of many other words
			text = strings.ReplaceAll(text, word, "")
		}
	}
	return text
}

// keyboardLines are the sequences that people type along: the rows of common
// keyboards, the slanted columns below the digits, and the alphabet. Each is there
// forward and backward.
var keyboardLines = forward + "\n" + reverse(forward)

const forward = "01234567890-=\nqwertyuiop[]\nqwertzuiop\nazertyuiop\nasdfghjkl;'\nzxcvbnm,./\n" +
	"1qaz\n2wsx\n3edc\n4rfv\n5tgb\n6yhn\n7ujm\n8ik,\n9ol.\n0p;/\nabcdefghijklmnopqrstuvwxyz"

func reverse(text string) string {
	r := []rune(text)
	slices.Reverse(r)
	return string(r)
}

// withoutRuns removes every run of 4 characters or more. A run follows one of the
// keyboardLines or repeats one character.
func withoutRuns(text string) string {
	var rest []rune
	for r := []rune(text); len(r) > 0; {
		n := run(r)
		if n < 4 {
			rest, n = append(rest, r[0]), 1
		}
		r = r[n:]
	}
	return string(rest)
}

// run returns the length of the run at the beginning of r.
func run(r []rune) int {
	line, same := 1, 1
	for line < len(r) && strings.Contains(keyboardLines, string(r[:line+1])) {
		line++
	}
	for same < len(r) && r[same] == r[0] {
		same++
	}
	return max(line, same)
}
