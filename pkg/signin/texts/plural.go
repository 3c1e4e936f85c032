package texts

import "strings"

// forms are the forms that a text can have for a number, by their names in Unicode CLDR.
var forms = []string{"zero", "one", "two", "few", "many", "other"}

// pluralOf returns the function that says which form a number of things takes in the
// language: the cardinal rules of Unicode CLDR, for whole numbers. A language that is not
// here has the forms of English.
func pluralOf(tag string) func(n int) string {
	primary, _, _ := strings.Cut(tag, "-")
	if tag == "pt-PT" {
		return oneIsOne
	}
	for _, p := range plurals {
		if strings.Contains(p.languages, " "+primary+" ") {
			return p.rule
		}
	}
	return oneIsOne
}

func oneIsOne(n int) string {
	if n == 1 {
		return "one"
	}
	return "other"
}

// is is a form and whether a number takes it.
type is struct {
	form string
	ok   bool
}

// firstOf returns the form of the first case that holds, and otherwise "other".
func firstOf(cases ...is) string {
	for _, c := range cases {
		if c.ok {
			return c.form
		}
	}
	return "other"
}

func in(n, from, to int) bool { return from <= n && n <= to }

// slavic reports what several languages have in common: numbers such as 1 and 21, and
// numbers such as 2 and 24.
func slavic(n int) (one, few bool) {
	return n%10 == 1 && n%100 != 11, in(n%10, 2, 4) && !in(n%100, 12, 14)
}

// plurals are the languages that count otherwise than English.
var plurals = []struct {
	languages string // their codes, between blanks
	rule      func(n int) string
}{
	{" bm bo dz id ig ii in ja jbo jv jw kde kea km ko lkt lo ms my nqo sah ses sg su th to tpi vi wo yo yue zh ", func(int) string { return "other" }},
	{" ak am as bh bn fa ff fr gu guw hi hy kab kn ln mg mr nso pa pt si ti wa zu ", func(n int) string { return firstOf(is{"one", n <= 1}) }},
	{" is mk ", func(n int) string { return firstOf(is{"one", n%10 == 1 && n%100 != 11}) }},
	{" tzm ", func(n int) string { return firstOf(is{"one", n <= 1 || in(n, 11, 99)}) }},
	{" ceb fil tl ", func(n int) string {
		return firstOf(is{"one", in(n, 1, 3) || n%10 != 4 && n%10 != 6 && n%10 != 9})
	}},
	{" lv prg ", func(n int) string {
		return firstOf(is{"zero", n%10 == 0 || in(n%100, 11, 19)}, is{"one", n%10 == 1})
	}},
	{" ksh lag ", func(n int) string { return firstOf(is{"zero", n == 0}, is{"one", n == 1}) }},
	{" he iu iw kw naq se sma smi smj smn sms ", func(n int) string {
		return firstOf(is{"one", n == 1}, is{"two", n == 2})
	}},
	{" shi ", func(n int) string { return firstOf(is{"one", n <= 1}, is{"few", in(n, 2, 10)}) }},
	{" mo ro ", func(n int) string { return firstOf(is{"one", n == 1}, is{"few", n == 0 || in(n%100, 1, 19)}) }},
	{" bs hr sh sr ", func(n int) string {
		one, few := slavic(n)
		return firstOf(is{"one", one}, is{"few", few})
	}},
	{" be ru uk ", func(n int) string {
		one, few := slavic(n)
		return firstOf(is{"one", one}, is{"few", few}, is{"many", true})
	}},
	{" pl ", func(n int) string {
		_, few := slavic(n)
		return firstOf(is{"one", n == 1}, is{"few", few}, is{"many", true})
	}},
	{" cs sk ", func(n int) string { return firstOf(is{"one", n == 1}, is{"few", in(n, 2, 4)}) }},
	{" lt ", func(n int) string {
		teen := in(n%100, 11, 19)
		return firstOf(is{"one", n%10 == 1 && !teen}, is{"few", n%10 >= 2 && !teen})
	}},
	{" dsb hsb sl ", func(n int) string {
		return firstOf(is{"one", n%100 == 1}, is{"two", n%100 == 2}, is{"few", in(n%100, 3, 4)})
	}},
	{" gd ", func(n int) string {
		return firstOf(is{"one", n == 1 || n == 11}, is{"two", n == 2 || n == 12}, is{"few", in(n, 3, 19)})
	}},
	{" mt ", func(n int) string {
		return firstOf(is{"one", n == 1}, is{"few", n == 0 || in(n%100, 2, 10)}, is{"many", in(n%100, 11, 19)})
	}},
	{" ga ", func(n int) string {
		return firstOf(is{"one", n == 1}, is{"two", n == 2}, is{"few", in(n, 3, 6)}, is{"many", in(n, 7, 10)})
	}},
	{" br ", func(n int) string {
		tens := n % 100 / 10
		odd := tens == 1 || tens == 7 || tens == 9
		return firstOf(is{"one", n%10 == 1 && !odd}, is{"two", n%10 == 2 && !odd}, is{"few", (in(n%10, 3, 4) || n%10 == 9) && !odd}, is{"many", n != 0 && n%1_000_000 == 0})
	}},
	{" gv ", func(n int) string {
		return firstOf(is{"one", n%10 == 1}, is{"two", n%10 == 2}, is{"few", n%20 == 0})
	}},
	{" ar ars ", func(n int) string {
		return firstOf(is{"zero", n == 0}, is{"one", n == 1}, is{"two", n == 2}, is{"few", in(n%100, 3, 10)}, is{"many", in(n%100, 11, 99)})
	}},
	{" cy ", func(n int) string {
		return firstOf(is{"zero", n == 0}, is{"one", n == 1}, is{"two", n == 2}, is{"few", n == 3}, is{"many", n == 6})
	}},
}
