package site

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"  Blue Harbour ":              "Blue Harbour",
		"Müller & Söhne <GmbH>":        "Müller & Söhne <GmbH>", // html/template escapes it
		"コートチェック":                      "コートチェック",
		strings.Repeat("名", 50):        strings.Repeat("名", 50),
		strings.Repeat("名", 51):        "refused",
		"two\nlines":                   "refused",
		"a\x00b":                       "refused",
		"a\u0085b":                     "refused",
		"\xff":                         "refused",
		"  " + strings.Repeat("n", 50): strings.Repeat("n", 50),
	} {
		got, err := ParseName(text)
		if want == "refused" {
			if err == nil || !strings.Contains(err.Error(), "must be one line of at most 50 characters") {
				t.Errorf("%q: %q, %v", text, got, err)
			}
			continue
		}
		if got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseLinks(t *testing.T) {
	const shop = "https://shop.example/"
	for text, want := range map[string][]Link{
		"":                    nil,
		"Imprint=" + shop:     {{"Imprint", shop}},
		"Terms of use=/terms": {{"Terms of use", "/terms"}},
		"Imprint=" + shop + "imprint?a=b&c=%C3%BC#d, Help=/help,Über uns=https://Shop.example:8443": {
			{"Imprint", shop + "imprint?a=b&c=%C3%BC#d"}, {"Help", "/help"}, {"Über uns", "https://Shop.example:8443"}},
		"Home=/": {{"Home", "/"}},
	} {
		if got, err := ParseLinks(text); !slices.Equal(got, want) || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, url := range []string{"", "javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "data:text/html,x", "http://shop.example/", "//evil.example", "/\\evil.example",
		"\\\\evil.example", "/\t/evil.example", "https:evil.example", "https:///evil.example", "https://", "https://user@evil.example", "https://shop.example\\@evil.example", "help",
		`/"onmouseover="alert(1)`, "/'x", "/<script>", "/a b", "/ä", "/%zz", "/%", "https://a:0/", "mailto:a@example.org"} {
		links, err := ParseLinks("Help=" + url)
		if err == nil || len(links) > 0 {
			t.Errorf("%q is taken: %q", url, links)
		} else if !strings.Contains(err.Error(), "write an https:// URL or a path such as /help") && !strings.Contains(err.Error(), "between two links stands a comma") {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, text := range []string{"=/help", "Help", "/help", ",", "Help=/help,", "He\nlp=/help", "H\x9flp=/help", "H\xfflp=/help", strings.Repeat("n", 41) + "=/help"} {
		if links, err := ParseLinks(text); err == nil || !strings.Contains(err.Error(), "must be such as Imprint=https://") {
			t.Errorf("%q: %q, %v", text, links, err)
		}
	}
}

func TestParseAccent(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"#8a2f2a,#f0a199": ":root { --accent: light-dark(#8a2f2a, #f0a199); --on-accent: light-dark(#ffffff, #14161a); }\n",
		"#0B5394,#9fc5e8": ":root { --accent: light-dark(#0B5394, #9fc5e8); --on-accent: light-dark(#ffffff, #14161a); }\n",
	} {
		if got, err := ParseAccent(text); got.CSS() != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got.CSS(), err, want)
		}
	}
	const shape = "must be two colors, for light pages and for dark ones, such as #0b5394,#9fc5e8"
	for text, says := range map[string]string{
		"#8a2f2a":                           shape,
		"red,blue":                          shape,
		"#fff,#000":                         shape,
		"#8a2f2a,#f0a199;":                  shape,
		"#8a2f2a, #f0a199":                  shape,
		"#8a2f2a,#f0a199\n":                 shape,
		"#8a2f2a,#f0a19g":                   shape,
		"</style><script>alert(1)</script>": shape,
		"#8a2f2a,#f0a199}body{display:none": shape,
		"url(https://evil.example),#f0a199": shape,
		"#ffff00,#f0a199":                   "the color for light pages, #ffff00, has a contrast of 1.04:1 to the page, #f4f1ec, and needs 4.5:1; choose a darker one",
		"#8a2f2a,#333333":                   "the color for dark pages, #333333, has a contrast of 1.43:1 to the page, #14161a, and needs 4.5:1; choose a lighter one",
		"#ffff00,#333333":                   "for dark pages, #333333",
		"#767676,#f0a199":                   "has a contrast of 4.03:1 to the page", // 4.54:1 on white
		"#8a2f2a,#818181":                   "has a contrast of 4.18:1 to a card",   // more on the page
	} {
		got, err := ParseAccent(text)
		if err == nil || !strings.Contains(err.Error(), says) || got != (Accent{}) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, says)
		}
	}
}

// The ratios are those of other programs, such as https://webaim.org/resources/contrastchecker/.
func TestContrast(t *testing.T) {
	for _, tt := range []struct {
		a, b color
		want float64
	}{
		{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#777777", "#ffffff", 4.48}, {"#767676", "#ffffff", 4.54},
		{"#ff0000", "#ffffff", 4.00}, {"#0000ff", "#ffffff", 8.59}, {"#00ff00", "#000000", 15.30}, {"#010101", "#000000", 1.01},
	} {
		for _, got := range []float64{contrast(tt.a, tt.b), contrast(tt.b, tt.a)} {
			if math.Abs(got-tt.want) > 0.006 {
				t.Errorf("the contrast of %s and %s is %.3f, want %.2f", tt.a, tt.b, got, tt.want)
			}
		}
	}
}

// The colors that an accent is compared with are those of the pages, and Coatcheck's own
// accent would be taken.
func TestColorsOfThePages(t *testing.T) {
	sheet, err := os.ReadFile("../pages/style.css")
	if err != nil {
		t.Fatal(err)
	}
	for name, colors := range map[string][2]color{"page": {lightScheme.page, darkScheme.page}, "card": {lightScheme.card, darkScheme.card}} {
		if line := fmt.Sprintf("--%s: light-dark(%s, %s);", name, colors[0], colors[1]); !strings.Contains(string(sheet), line) {
			t.Errorf("style.css has no %s", line)
		}
	}
	_, own, _ := strings.Cut(string(sheet), "--accent: light-dark(")
	own, _, _ = strings.Cut(own, ")")
	if _, err := ParseAccent(strings.ReplaceAll(own, " ", "")); err != nil {
		t.Error(err)
	}
}
