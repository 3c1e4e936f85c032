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

// CheckNew returns an error that says why the user called name may not have
// password, or nil. It refuses what guessers try first (NIST SP 800-63B-4, section
// 3.1.1.2; ASVS 6.2.4): a password of the shipped list, one piece repeated, and
// one of which fewer than 8 characters are left without name, the product's name
// and runs of the keyboard or the alphabet. Upper and lower case are the same
// here. There are no rules about which characters it has to have.
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
	case slices.Contains(strings.Split(common, "\n"), folded):
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

// common holds the common passwords of at least MinCharacters, in lower case, one
// a line; common.md says where they are from.
//
//go:embed common.txt
var common string

// product is a word that guessers of our users' passwords think of.
const product = "coatcheck"

// tooShort reports whether what is left of a password could be guessed: fewer
// characters than ASVS 6.2.1 asks of any password.
func tooShort(rest string) bool { return utf8.RuneCountInString(rest) < 8 }

// repeats reports whether text is a piece of itself two times or more, the last
// of which may be cut off.
func repeats(text string) bool {
	for n := 1; n <= len(text)/2; n++ {
		if text[n:] == text[:len(text)-n] {
			return true
		}
	}
	return false
}

// withoutNames removes the product's name, the user's, and the parts of the
// user's: those of alice@example.org are alice, example and org.
func withoutNames(text, name string) string {
	name = strings.ToLower(name)
	parts := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	for _, word := range append([]string{product, name}, parts...) {
		if utf8.RuneCountInString(word) >= 3 { // a shorter one is in many words
			text = strings.ReplaceAll(text, word, "")
		}
	}
	return text
}

// lines are what fingers run along: the rows of the usual keyboards, the slanted
// columns below the digits, the alphabet; forward and backward.
var lines = forward + "\n" + reverse(forward)

const forward = "01234567890-=\nqwertyuiop[]\nqwertzuiop\nazertyuiop\nasdfghjkl;'\nzxcvbnm,./\n" +
	"1qaz\n2wsx\n3edc\n4rfv\n5tgb\n6yhn\n7ujm\n8ik,\n9ol.\n0p;/\nabcdefghijklmnopqrstuvwxyz"

func reverse(text string) string {
	r := []rune(text)
	slices.Reverse(r)
	return string(r)
}

// withoutRuns removes what follows a line, or repeats one character, for 4
// characters or more.
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

// run returns how many characters at the beginning of r are a run.
func run(r []rune) int {
	line, same := 1, 1
	for line < len(r) && strings.Contains(lines, string(r[:line+1])) {
		line++
	}
	for same < len(r) && r[same] == r[0] {
		same++
	}
	return max(line, same)
}
