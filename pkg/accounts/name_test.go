package accounts_test

import (
	"strings"
	"testing"
	"unicode"

	"example.com/coatcheck/pkg/accounts"
)

func TestNormalize(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"alice", "alice"},
		{"ALICE", "alice"},
		{" alice\u3000", "alice"},
		{"Ａlice", "alice"},          // fullwidth
		{"\ufb01ona", "fiona"},      // ligature
		{"Rene\u0301", "ren\u00e9"}, // decomposed
		{"J\u030cana", "\u01f0ana"}, // composes only in lower case
		{"\u00a8a", "\u0308a"},      // NFKC begins with a blank
		{"\u212aim", "kim"},         // Kelvin sign
		{"\u0130", "i"},             // I with a dot
		{"Alice@Example.ORG", "alice@example.org"},
		{"two  words", "two  words"},
		{"аlice", "аlice"}, // Cyrillic а: it looks the same but is another letter
		{strings.Repeat("a", 254), strings.Repeat("a", 254)},
	} {
		if got, err := accounts.Normalize(test.name); got != test.want || err != nil {
			t.Errorf("Normalize(%+q) = %+q, %v; want %+q", test.name, got, err, test.want)
		}
	}
}

func TestNormalizeRefuses(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"", "the user name is empty"},
		{" \u00a0\u3000", "the user name is empty"},
		{strings.Repeat("a", 255), "the user name is longer than 254 bytes"},
		{strings.Repeat("\ufdfa", 80), "the user name is longer than 254 bytes"}, // 18 characters each in NFKC
		{"alice\n", "the user name contains a control character"},
		{"al\x00ice", "the user name contains a control character"},
		{"\u0085alice", "the user name contains a control character"},
		{"\x1b[31malice", "the user name contains a control character"},
		{"alice\xff", "the user name is not valid UTF-8"},
	} {
		if got, err := accounts.Normalize(test.name); got != "" || err == nil || err.Error() != test.want {
			t.Errorf("Normalize(%+.20q) = %+q, %v; want %s", test.name, got, err, test.want)
		}
	}
}

func TestNormalizeIsIdempotentOnEveryCharacter(t *testing.T) {
	for r := range rune(0x20000) { // above, there are only ideographs, which have no case
		checkIdempotent(t, "a"+string(r)+"\u030c")
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("Alice")
	f.Add(" \u00a8J\u030c\u0130\ufb01 ")
	f.Add("\u1e9e\u03a3\u0345\u0323\u0301")
	f.Fuzz(checkIdempotent)
}

func checkIdempotent(t *testing.T, name string) {
	key, err := accounts.Normalize(name)
	if err != nil {
		if key != "" {
			t.Errorf("Normalize(%+q) = %+q beside an error", name, key)
		}
		return
	}
	if again, err := accounts.Normalize(key); again != key || err != nil {
		t.Errorf("Normalize(%+q) = %+q, but Normalize of that = %+q, %v", name, key, again, err)
	}
	if key == "" || len(key) > accounts.MaxText || strings.ContainsFunc(key, unicode.IsControl) {
		t.Errorf("Normalize(%+q) = %+q, which it refuses itself", name, key)
	}
}
