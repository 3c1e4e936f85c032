package password

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/coatcheck/pkg/signin/authn"
)

// CheckNew returns a [*authn.NewPasswordError] if the user called name may not have this
// password. The error says why, and what to do. CheckNew refuses passwords that attackers try first
// (NIST SP 800-63B-4, section 3.1.1.2; ASVS 6.2.4): a password in the shipped list, and
// one that takes fewer than 10^10 guesses by an estimate in the way of zxcvbn. The
// estimate looks at the first 128 bytes. It knows common words, names and passwords, what
// has the looks of a word, dates, runs of the keyboard, repetitions, the user's name and
// h.Product. There are no rules about the kinds of
// characters, but the password is valid UTF-8.
func (h Hasher) CheckNew(password, name string) error {
	switch {
	case len(password) > h.maxNew():
		return &authn.NewPasswordError{Rule: authn.TooLong, Limit: h.maxNew()}
	case !utf8.ValidString(password), h.BcryptCost != 0 && strings.Contains(password, "\x00"): // other libraries of bcrypt end there
		return &authn.NewPasswordError{Rule: authn.NotUTF8}
	case utf8.RuneCountInString(password) < MinCharacters:
		return &authn.NewPasswordError{Rule: authn.TooShort, Limit: MinCharacters}
	case slices.Contains(strings.Split(commonPasswords, "\n"), strings.ToLower(password)):
		return &authn.NewPasswordError{Rule: authn.Common}
	}
	magnitude, most := estimate(password, h.names(name))
	if magnitude >= enough {
		return nil
	}
	return &authn.NewPasswordError{Rule: rules[most]}
}

// maxNew returns how many bytes a new password has at most.
func (h Hasher) maxNew() int {
	if h.BcryptCost != 0 {
		return maxBcrypt
	}
	return MaxBytes
}

// enough is the decimal logarithm of the guesses that a new password must take. It is
// where zxcvbn's best score begins. At the limits of package throttle it takes more
// than the time there is; of a users table that leaked, one hash of ours at a time.
const enough = 10

// rules says which rule a password breaks that is easy to guess and mostly made of one
// kind.
var rules = map[kind]authn.Rule{
	other: authn.Patterns, word: authn.Words, own: authn.Names, run: authn.Runs, repeat: authn.Repetitions,
}

// commonPasswords holds common passwords that have at least MinCharacters, in lower
// case, one in each line: those that the estimate lets pass. The file common.md says
// where they come from.
//
//go:embed common.txt
var commonPasswords string

// demoPhrase is the password of the demo user, which is public.
const demoPhrase = "correct horse battery staple"

// names returns what attackers try first in a password of the user called name: the
// user's name and the product's, their words, also written as one, and the demo user's
// password. The words of alice@example.org are alice, example and org.
func (h Hasher) names(name string) map[string]bool {
	names := map[string]bool{}
	add := func(word string) {
		if utf8.RuneCountInString(word) >= 3 { // a shorter word is part of many other words
			names[beginning(word)] = true // estimate compares no more
		}
	}
	for _, text := range []string{name, h.Product} {
		text = strings.ToLower(text)
		words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
		for _, word := range words {
			add(word)
		}
		add(text)
		add(strings.Join(words, ""))
	}
	add(demoPhrase)
	add(strings.ReplaceAll(demoPhrase, " ", ""))
	return names
}
