package texts

import (
	"testing"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

var nameOfForm = map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}

// newer are the numbers that golang.org/x/text, whose CLDR is version 32, counts otherwise
// than the CLDR of today.
func newer(tag string, n int) bool {
	return tag == "mk" && n%100 == 11 || tag == "he" && n > 10 || tag == "ceb" || tag == "as"
}

// TestPlural: every language counts as Unicode CLDR says.
func TestPlural(t *testing.T) {
	known := 0
	for _, tag := range tags(t) {
		parsed, err := language.Parse(tag)
		if err != nil || parsed.String() != tag {
			continue
		}
		got, want := pluralOf(tag), func(n int) string { return nameOfForm[plural.Cardinal.MatchPlural(parsed, n, 0, 0, 0, 0)] }
		counts := false
		for n := range 1200 {
			counts = counts || want(n) != "other"
		}
		if !counts && got(1) == "one" && got(0) == "other" && got(21) == "other" {
			continue // CLDR does not know the language
		}
		known++
		for n := range 1200 {
			if got(n) != want(n) && !newer(tag, n) {
				t.Errorf("%s: %d is %q, want %q", tag, n, got(n), want(n))
				break
			}
		}
		if million := 1_000_000; got(million) != want(million) && !newer(tag, million) {
			t.Errorf("%s: a million is %q, want %q", tag, got(million), want(million))
		}
	}
	if known < 150 {
		t.Errorf("%d languages were compared", known)
	}
}

// tags returns every language tag of two or three letters, and those whose region counts.
func tags(t *testing.T) (all []string) {
	t.Helper()
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for _, a := range letters {
		for _, b := range letters {
			all = append(all, string([]rune{a, b}))
			for _, c := range letters {
				all = append(all, string([]rune{a, b, c}))
			}
		}
	}
	return append(all, "pt-PT", "pt-BR", "sr-Latn", "zh-Hant", "fr-CA")
}
