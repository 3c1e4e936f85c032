package accounts_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

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
		{"alice\n", "alice"}, // pasted
		{"\t\u0085alice\u2029\ufeff\r\n", "alice"},
		{"\u200e\u00a0alice\u200b \u2060", "alice"},
		{"al\u00adi\u200d\u034f\ufe0fce\U000e0041", "alice"}, // soft hyphen, joiner, grapheme joiner, variation, tag
		{"e\u200d\u0301va", "\u00e9va"},                      // what hid between them kept them from composing
		{"می\u200cخواهم", "میخواهم"},
		{"Γιώργος", "γιώργοσ"},
		{"ΓΙΏΡΓΟΣ", "γιώργοσ"},
		{"γιώργοσ", "γιώργοσ"},
		{"straße", "strasse"},
		{"STRAẞE", "strasse"},
		{"Strasse", "strasse"},
		{"ﬃ", "ffi"},
		{"\u1f80", "\u1f00\u03b9"},  // iota below: full case folding writes it beside
		{"a\u0345", "a\u03b9"},      // the same, as a mark
		{"և", "եւ"},                 // Armenian ligature
		{"Ꭰꭰ", "ꭰꭰ"},                // Cherokee
		{"\u017f\u1e9b", "s\u1e61"}, // long s
		{"ılgaz", "ılgaz"},          // ı is a letter of its own
		{"İi\u0307", "ii"},          // a second dot above an i cannot be seen
		{"I\u0323\u0307", "\u1ecb"},
		{"i\u0301\u0307", "\u00ed\u0307"}, // but one above another mark can
		{"аlice", "аlice"},                // Cyrillic а: it looks the same but is another letter
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
		{"\u200b\u00ad \ufeff", "the user name is empty"},
		{"\u3164", "the user name is empty"},                                     // Hangul filler
		{strings.Repeat("\u1f80", 84), "the user name is longer than 254 bytes"}, // 252 bytes, which fold to 420
		{"al\nice", "the user name contains a control character"},
		{"al\x00ice", "the user name contains a control character"},
		{"al\u0085ice", "the user name contains a control character"},
		{"\x1b[31malice", "the user name contains a control character"},
		{"alice\xff", "the user name is not valid UTF-8"},
	} {
		if got, err := accounts.Normalize(test.name); got != "" || err == nil || err.Error() != test.want {
			t.Errorf("Normalize(%+.20q) = %+q, %v; want %s", test.name, got, err, test.want)
		}
	}
}

// everyCharacter calls test with each character that may need more than itself in a
// key. The ranges that are left out have ideographs, syllables and nothing: no case.
func everyCharacter(test func(string)) {
	for _, r := range [][2]rune{{0, 0x3400}, {0xa000, 0xac80}, {0xf900, 0x20000}, {0x2f800, 0x2fa20}, {0xe0000, 0xe1000}} {
		for c := r[0]; c < r[1]; c++ {
			test(string(c))
		}
	}
}

func TestNormalizeIsIdempotentOnEveryCharacter(t *testing.T) {
	everyCharacter(func(c string) { checkName(t, "a"+c+"\u030c") })
}

// TestFullCaseFolding: names are one if, and only if, Unicode's compatibility caseless
// match (definition D146) says so, but for the dot above an i, and for what cannot be
// seen.
func TestFullCaseFolding(t *testing.T) {
	full := cases.Fold()
	match := func(name string) string {
		folded := norm.NFKD.String(full.String(norm.NFKD.String(full.String(norm.NFD.String(name)))))
		folded = strings.ReplaceAll(folded, "i\u0307", "i")
		return strings.ToLower(folded) // package cases does not fold Cherokee
	}
	everyCharacter(func(c string) {
		name := "a" + c + "b"
		if key, err := accounts.Normalize(name); err == nil && !accounts.Ignorable([]rune(c)[0]) && match(key) != match(name) {
			t.Errorf("Normalize(%+q) = %+q, which is another name by Unicode", name, key)
		}
		if key, _ := accounts.Normalize(name); key != "" {
			for _, other := range []string{match(name), full.String(name), strings.ToUpper(name), strings.ToTitle(name)} {
				if got, _ := accounts.Normalize(other); got != key && match(other) == match(name) {
					t.Errorf("Normalize(%+q) = %+q, but %+q of %+q, which is one name with it", name, key, got, other)
				}
			}
		}
	})
}

// TestDefaultIgnorable: the ranges are those of DerivedCoreProperties.txt in Unicode 15.
func TestDefaultIgnorable(t *testing.T) {
	ranges := [][2]rune{
		{0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},
		{0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfff8},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		in := slices.ContainsFunc(ranges, func(pair [2]rune) bool { return r >= pair[0] && r <= pair[1] })
		if got := accounts.Ignorable(r); got != in {
			t.Errorf("%U: %t, want %t", r, got, in)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("Alice")
	f.Add(" \u00a8J\u030c\u0130\ufb01 ")
	f.Add("\u1e9e\u03a3\u0345\u0323\u0301")
	f.Add("I\u034f\u0307\u200d\u0327\u0307\u00a0\u200e")
	f.Fuzz(checkName)
}

// checkName checks what holds for every name. An account from before has the earlier key
// of the name. So has a new one, unless it is not the name's own: who types the name of
// a new account does not meet another new account first.
func checkName(t *testing.T, name string) {
	key, err := accounts.Normalize(name)
	keys, none := accounts.Keys(name)
	earlier, refused := accounts.EarlierKey(name)
	if refused == nil && (none != nil || keys[0] != earlier) {
		t.Errorf("the keys of %+q are %+q, %v; want %+q first, where an account from before is", name, keys, none, earlier)
	}
	if refused == nil && accounts.Counted(earlier) != accounts.Counted(name) {
		t.Errorf("%+q is counted as %+q, and its account from before as %+q", name, accounts.Counted(name), accounts.Counted(earlier))
	}
	if err != nil {
		if key != "" || refused != nil && none == nil {
			t.Errorf("Normalize(%+q) = %+q beside an error, and the keys are %+q", name, key, keys)
		}
		return
	}
	if none != nil || keys[len(keys)-1] != key || len(keys) > 2 {
		t.Errorf("the keys of %+q are %+q, %v; want %+q last", name, keys, none, key)
	}
	if refused == nil {
		if again, err := accounts.Normalize(earlier); again != key || err != nil {
			t.Errorf("Normalize(%+q) = %+q, but of its earlier key %+q it is %+q, %v", name, key, earlier, again, err)
		}
	}
	if again, err := accounts.Normalize(key); again != key || err != nil {
		t.Errorf("Normalize(%+q) = %+q, but Normalize of that = %+q, %v", name, key, again, err)
	}
	if key == "" || len(key) > accounts.MaxText || strings.ContainsFunc(key, unicode.IsControl) || strings.ContainsFunc(key, accounts.Ignorable) {
		t.Errorf("Normalize(%+q) = %+q, which it refuses itself", name, key)
	}
}
