package bcp47

import (
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for tag, want := range map[string]string{
		"en": "en", "EN": "en", "pt-br": "pt-BR", "zh_hant_TW": "zh-Hant-TW", "de-CH-1996": "de-CH-1996", "es-419": "es-419",
		"": "", "english please": "", "e": "", "en-": "", "xx-YY": "", "en\x00": "", "../..": "", "en" + strings.Repeat("-abcde", 6): "",
	} {
		got, err := Canonical(tag)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Canonical(%q) = %q, %v; want %q", tag, got, err, want)
		}
	}
}
