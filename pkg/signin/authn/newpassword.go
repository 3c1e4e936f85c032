package authn

import "fmt"

// Rule is a rule that a new password breaks.
type Rule int

// The rules for new passwords.
const (
	TooLong     Rule = iota + 1 // more than NewPasswordError.Limit bytes
	NotUTF8                     // nobody could type it
	TooShort                    // fewer than NewPasswordError.Limit characters
	Common                      // one of the most common passwords
	Patterns                    // too few characters that are not a common word or a pattern
	Words                       // common words, names or dates
	Names                       // little more than the user's name or the product's
	Runs                        // little more than a run of the keyboard or the alphabet
	Repetitions                 // it repeats itself
)

// NewPasswordError says why a user may not have a new password. The pages say it in
// their own language.
type NewPasswordError struct {
	Rule  Rule // which the password breaks
	Limit int  // of TooLong and TooShort
}

// reasons says why a password is easy to guess.
var reasons = map[Rule]string{
	Patterns:    "it has too few characters that are not a common word or a pattern",
	Words:       "it is made of common words, names or dates",
	Names:       "it is little more than the user's name or the product's",
	Runs:        "it is little more than a run of the keyboard or the alphabet",
	Repetitions: "it repeats itself",
}

// Error implements error. The text says why, and what to do, in English.
func (e *NewPasswordError) Error() string {
	switch e.Rule {
	case TooLong:
		return fmt.Sprintf("the password is longer than %d bytes; choose a shorter one", e.Limit)
	case NotUTF8:
		return "the password is not valid UTF-8, so nobody could type it; choose another"
	case TooShort:
		return fmt.Sprintf("the password is shorter than %d characters; choose a longer one", e.Limit)
	case Common:
		return "the password is one of the most common; choose another"
	}
	return "the password is easy to guess, because " + reasons[e.Rule] + "; choose four words at random, or more"
}
