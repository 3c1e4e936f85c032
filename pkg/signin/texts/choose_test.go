package texts

import (
	"slices"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, test := range []struct{ preference, accept, want string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "de-AT,de;q=0.9,en;q=0.8", "de"},
		{"", "en-US,en;q=0.9,de;q=0.8", "en"},
		{"", "pt-BR,pt;q=0.9,es;q=0.5,en;q=0.4", "es"},
		{"", "en;q=0.4, es;q=0.5", "es"},
		{"", "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"},
		{"", "ja,en;q=0.001", "ja"},
		{"", "JA-jp", "ja"},
		{"", "es-419", "es"},
		{"", "es-Latn-419-x-private", "es"},
		{"", "de ; q=0.5\t,  fr\t;\tq=0.7", "fr"},
		{"", "de;Q=0.5,fr;q=0.4", "de"},
		{"", "fr,de", "fr"}, // the first of two that are equal
		{"", "pt, *", "en"},
		{"", "*", "en"},
		{"", "en;q=0, *", "de"},
		{"", "de;q=0, de-AT, ja;q=0.1", "ja"},
		{"", "fr;q=0", "en"},
		{"", "en;q=0", "en"}, // nothing else is wanted
		{"", "pt-BR", "en"},
		{"", "deutsch", "en"},
		{"", "d", "en"},
		{"", "de_AT,fr;q=0.1", "fr"}, // no tag of RFC 5646
		{"", "e, -, ;, ,,;q=1,ja;q=0.2", "ja"},
		{"", "de;q=2,fr;q=0.1", "fr"},
		{"", "de;q=-1,fr;q=0.1", "fr"},
		{"", "de;q=NaN,fr;q=0.1", "fr"},
		{"", "de;q=,fr;q=0.1", "fr"},
		{"", "de;level=1,fr;q=0.1", "fr"},
		{"", strings.Repeat("pt,", 5000) + "ja", "ja"},

		{"ja", "de", "ja"},
		{"de-AT", "fr", "de"},
		{"EN-us", "fr", "en"},
		{"system", "fr", "fr"},
		{"pt-BR", "fr", "fr"}, // a preference from before, or imported
		{"*", "fr", "fr"},
		{"english please", "fr", "fr"},
	} {
		if got := Default.Choose(test.preference, []string{test.accept}); got.Tag != test.want {
			t.Errorf("preference %q, Accept-Language %.60q: %s, want %s", test.preference, test.accept, got.Tag, test.want)
		}
	}
	if got := Default.Choose("", []string{"pt", "de;q=0.2", "ja;q=0.3"}); got.Tag != "ja" {
		t.Errorf("three headers: %s", got.Tag)
	}
	if got := Default.Choose("", nil); got != Default.english {
		t.Errorf("no header: %s", got.Tag)
	}
}

// FuzzChoose: any header gets one of the languages. White space makes no difference, and
// neither does a language that we do not have.
func FuzzChoose(f *testing.F) {
	f.Add("de-AT,de;q=0.9,en;q=0.8")
	f.Add("en;q=0, *")
	f.Add("de;q=1.0000,;,")
	f.Fuzz(func(t *testing.T, header string) {
		got := Default.Choose("", []string{header})
		if !slices.Contains(Default.languages, got) {
			t.Fatalf("%q: %v", header, got)
		}
		spaced := strings.NewReplacer(",", " ,\t", ";", " ; ").Replace(header)
		for _, same := range []string{spaced, header + ",tlh", "tlh;q=0.5," + header} {
			if other := Default.Choose("", []string{same}); other != got {
				t.Errorf("%q gets %s, and %q %s", header, got.Tag, same, other.Tag)
			}
		}
	})
}
