package texts

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-json-experiment/json"
)

// folder returns a folder with files, of which each has the text of a file or its texts.
func folder(t *testing.T, files map[string]any) fs.FS {
	t.Helper()
	folder := fstest.MapFS{}
	for name, content := range files {
		text, ok := content.(string)
		if !ok {
			encoded, err := json.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			text = string(encoded)
		}
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return folder
}

type keys = map[string]string

// whole returns every text of ours with the forms that numbers take in the language, and
// changes some. A change to "" leaves the text out.
func whole(tag, name string, changes keys) keys {
	l := &Language{Tag: tag}
	all := keys{nameKey: name}
	for full, text := range Default.english.texts() {
		key, form := cut(full)
		if form == "" {
			all[full] = text
		} else if form == "other" {
			for _, full := range l.keys(key, true) {
				all[full] = text
			}
		}
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_, text string) bool { return text == "" })
	return all
}

func catalogue(t *testing.T, files map[string]any, tags ...string) *Catalogue {
	t.Helper()
	c, err := New(folder(t, files), tags...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNew: keys of Coatcheck's are replaced, others are new, and what no file has stays.
func TestNew(t *testing.T) {
	c := catalogue(t, map[string]any{
		"en.json": keys{"login.title": "Welcome back", "shop.items.one": "one item of {user}", "shop.items.other": "{n} items of {user}"},
		"de.json": keys{"shop.items.one": "ein Artikel von {user}", "shop.items.other": "{n} Artikel von {user}", "ago.days.other": "vor {n} Tagen und Nächten"},
	}, "de", "en")
	german, english := c.Languages()[0], c.Languages()[1]
	for _, test := range []struct {
		l    *Language
		key  string
		args []any
		want string
	}{
		{english, "login.title", nil, "Welcome back"},
		{german, "login.title", nil, "Anmelden"},
		{english, "login.button", nil, "Sign in"},
		{german, "shop.items", []any{"n", 1, "user", "Eve"}, "ein Artikel von Eve"},
		{german, "shop.items", []any{"n", 2, "user", "Eve"}, "2 Artikel von Eve"},
		{german, "ago.days", []any{"n", 1}, "vor 1 Tag"},
		{german, "ago.days", []any{"n", 3}, "vor 3 Tagen und Nächten"},
		{c.English(), "login.title", nil, "Welcome back"},
	} {
		if got := test.l.Text(test.key, test.args...); got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.l.Tag, test.key, got, test.want)
		}
	}
	if got := c.Choose("", nil); got != german {
		t.Errorf("who has no better one gets %s", got.Tag)
	}
	if got := c.Choose("fr", []string{"fr, en;q=0.1"}); got != english {
		t.Errorf("who prefers a language that is not offered gets %s", got.Tag)
	}
	if got := Default.english.Text("login.title"); got != "Sign in" {
		t.Errorf("Default has changed: %q", got)
	}
}

// TestByteOrderMark: a file may begin with what some editors put there.
func TestByteOrderMark(t *testing.T) {
	c := catalogue(t, map[string]any{"en.json": "\ufeff" + `{"login.title": "Come in"}`})
	if got := c.English().Text("login.title"); got != "Come in" {
		t.Error(got)
	}
}

// TestLanguagesAlone: a site may offer some of our languages, or all, in its own order.
func TestLanguagesAlone(t *testing.T) {
	for _, test := range []struct{ tags, want []string }{
		{nil, []string{"en", "de", "fr", "es", "ja"}},
		{[]string{"fr"}, []string{"fr"}},
		{[]string{"ja", "en"}, []string{"ja", "en"}},
	} {
		c, err := New(nil, test.tags...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range c.Languages() {
			got = append(got, l.Tag)
			if l.Name != Default.Find(l.Tag).Name || l.Text("login.title") != Default.Find(l.Tag).Text("login.title") {
				t.Errorf("%s is %q, %q", l.Tag, l.Name, l.Text("login.title"))
			}
		}
		if !slices.Equal(got, test.want) || c.Choose("", []string{"tlh"}) != c.Languages()[0] {
			t.Errorf("%q: %q", test.tags, got)
		}
		if got := c.English().Text("problem.sign_in"); got != "Sign in first." {
			t.Errorf("%q: a program reads %q", test.tags, got)
		}
	}
}

// TestOwnLanguage: a language that is not ours has every text, in the forms that its numbers
// take.
func TestOwnLanguage(t *testing.T) {
	c := catalogue(t, map[string]any{
		"pl.json": whole("pl", "Polski", keys{"ago.days.one": "dzień temu", "ago.days.few": "{n} dni temu (few)", "ago.days.many": "{n} dni temu"}),
		"ar.json": whole("ar", "العربية", nil),
	}, "pl", "ar", "en")
	polish := c.Find("pl-PL")
	for n, want := range map[int]string{0: "0 dni temu", 1: "dzień temu", 22: "22 dni temu (few)", 25: "25 dni temu"} {
		if got := polish.Text("ago.days", "n", n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if polish.Name != "Polski" || c.Languages()[1].Name != "العربية" {
		t.Errorf("the names are %q and %q", polish.Name, c.Languages()[1].Name)
	}
	for _, l := range c.Languages() {
		if l.RightToLeft() != (l.Tag == "ar") {
			t.Errorf("%s: from right to left is %v", l.Tag, l.RightToLeft())
		}
	}
	for tag, want := range map[string]bool{"he": true, "fa-IR": true, "az": false, "az-Arab": true, "ar-Latn": false, "ckb": true, "pa-Arab-PK": true, "de-CH": false} {
		if got := (&Language{Tag: tag}).RightToLeft(); got != want {
			t.Errorf("%s: from right to left is %v", tag, got)
		}
	}
}

// TestRegions: the longest tag that fits is the language; and pt finds pt-BR.
func TestRegions(t *testing.T) {
	c := catalogue(t, map[string]any{
		"de-CH.json": keys{nameKey: "Deutsch (Schweiz)", "problem.title": "Das ging nicht, gell"},
		"pt-BR.json": whole("pt-BR", "Português", nil),
	}, "en", "de", "de-CH", "pt-BR")
	for accept, want := range map[string]string{
		"de": "de", "de-AT": "de", "de-CH": "de-CH", "DE-ch-1901": "de-CH", "pt": "pt-BR", "pt-PT, pt;q=0.9": "pt-BR", "pt-PT": "en",
		"de-CH;q=0, de;q=0.5": "de", "fr": "en", "pt-BR;q=0, pt": "en", "*, en;q=0": "de",
	} {
		if got := c.Choose("", []string{accept}); got.Tag != want {
			t.Errorf("%q: %s, want %s", accept, got.Tag, want)
		}
		if got := c.Choose(accept, nil); !strings.ContainsAny(accept, ",;") && got.Tag != want {
			t.Errorf("the preference %q: %s, want %s", accept, got.Tag, want)
		}
	}
	swiss := c.Find("de-CH")
	if got := swiss.Text("problem.title") + ", " + swiss.Text("login.title") + ", " + swiss.Name; got != "Das ging nicht, gell, Anmelden, Deutsch (Schweiz)" {
		t.Error(got)
	}
}

// TestEnglishForPrograms: programs read English on a site that does not offer it. What the
// site has no English for is in its first language, in that language's own forms.
func TestEnglishForPrograms(t *testing.T) {
	c := catalogue(t, map[string]any{"ja.json": keys{"shop.closed": "閉店", "shop.items.other": "{n}個", "problem.title": "だめ"}}, "ja")
	for _, test := range []struct{ got, want string }{
		{c.English().Text("problem.sign_in"), "Sign in first."},
		{c.English().Text("problem.title"), "That did not work"},
		{c.English().Text("ago.days", "n", 1), "1 day ago"},
		{c.English().Text("shop.closed"), "閉店"},
		{c.English().Text("shop.items", "n", 1), "1個"},
		{Message{Key: "shop.items", Args: []any{"n", 1}}.String(), "shop.items n 1"}, // in a log
		{Message{Key: "ago.days", Args: []any{"n", 1}}.String(), "1 day ago"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
	c = catalogue(t, map[string]any{
		"ja.json": keys{"shop.closed": "閉店"}, "en.json": keys{"shop.closed": "Closed", "problem.sign_in": "Sign in, please."},
	}, "ja")
	if got := c.English().Text("shop.closed") + " " + c.English().Text("problem.sign_in"); got != "Closed Sign in, please." || len(c.Languages()) != 1 {
		t.Errorf("with en.json: %q, %d languages", got, len(c.Languages()))
	}
}

// TestMistakes: each mistake is found at the start. The error names the file and the key,
// and says what to do.
func TestMistakes(t *testing.T) {
	const shop = "shop.title"
	for name, test := range map[string]struct {
		files map[string]any
		tags  []string
		says  []string // what is in the error
	}{
		"a key that is not ours":        {map[string]any{"de.json": keys{"login.titel": "Anmelden"}}, []string{"de"}, []string{`de.json, "login.titel": no text of Coatcheck has this key`, "shop.title"}},
		"a key without a dot":           {map[string]any{"de.json": keys{"shop": "Laden"}}, []string{"de"}, []string{`de.json, "shop": a key must be such as shop.title`}},
		"a form and no key":             {map[string]any{"de.json": keys{"shop.two": "Laden 2"}}, []string{"de"}, []string{`"shop.two": a key must be such as shop.title`, "the forms of a text that counts"}},
		"a key in capitals":             {map[string]any{"de.json": keys{"Shop.title": "Laden"}}, []string{"de"}, []string{`"Shop.title": a key must be`}},
		"a key that ends with a dot":    {map[string]any{"de.json": keys{"shop.": "Laden"}}, []string{"de"}, []string{`"shop.": a key must be`}},
		"a language lacks an own key":   {map[string]any{"de.json": keys{shop: "Laden"}}, []string{"de", "fr"}, []string{`fr.json has no text for ["shop.title"]`}},
		"English lacks an own key":      {map[string]any{"de.json": keys{shop: "Laden"}, "en.json": keys{"shop.second": "Two"}}, []string{"de", "en"}, []string{`de.json has no text for ["shop.second"]`, `en.json has no text for ["shop.title"]`}},
		"an own language lacks a key":   {map[string]any{"pl.json": whole("pl", "Polski", keys{"login.title": "", "ago.days.few": ""})}, []string{"pl"}, []string{`pl.json has no text for ["ago.days.few" "login.title"]`}},
		"an own language has no name":   {map[string]any{"pl.json": whole("pl", "", nil)}, []string{"pl"}, []string{`pl.json has no "language.name"`}},
		"an own language has no file":   {map[string]any{"de.json": keys{shop: "x"}}, []string{"pl"}, []string{`pl.json has no "language.name"`, "all others"}},
		"no files for an own language":  {nil, []string{"pl"}, []string{`pl.json has no "language.name"`}},
		"a file of no language":         {map[string]any{"fr.json": keys{"login.title": "Salut"}}, []string{"de"}, []string{"fr.json is of no language that the site offers; name fr among them"}},
		"no file at all":                {map[string]any{"texts/de.json": keys{shop: "x"}}, []string{"de"}, []string{"pass it by fs.Sub"}},
		"bad JSON":                      {map[string]any{"de.json": `{"shop.title": "Laden",}`}, []string{"de"}, []string{"de.json must be one JSON object"}},
		"a key twice":                   {map[string]any{"de.json": `{"shop.title": "a", "shop.title": "b"}`}, []string{"de"}, []string{"de.json must be", "no key twice"}},
		"a list":                        {map[string]any{"de.json": `["shop.title"]`}, []string{"de"}, []string{"de.json must be one JSON object whose values are strings"}},
		"a number":                      {map[string]any{"de.json": `{"shop.title": 1}`}, []string{"de"}, []string{"de.json must be", "strings"}},
		"null":                          {map[string]any{"de.json": `{"shop.title": null}`}, []string{"de"}, []string{`de.json, "shop.title": it is empty`}},
		"an empty text":                 {map[string]any{"de.json": keys{"login.title": " "}}, []string{"de"}, []string{`de.json, "login.title": it is empty`}},
		"another argument":              {map[string]any{"de.json": keys{"profile.welcome": "Hallo, {nmae}!"}}, []string{"de"}, []string{`de.json, "profile.welcome": it has the arguments ["{nmae}"]; it must have ["{name}"], as in en.json`}},
		"one argument less":             {map[string]any{"de.json": keys{"profile.welcome": "Hallo!"}}, []string{"de"}, []string{`it has the arguments []; it must have ["{name}"]`}},
		"another argument of one's own": {map[string]any{"en.json": keys{"shop.of": "Shop of {name}"}, "de.json": keys{"shop.of": "Laden von {wem}"}}, []string{"de", "en"}, []string{`de.json, "shop.of"`, `it must have ["{name}"], as in en.json`}},
		"the first language decides":    {map[string]any{"fr.json": keys{"shop.of": "Magasin de {name}"}, "de.json": keys{"shop.of": "Laden"}}, []string{"fr", "de"}, []string{`de.json, "shop.of"`, "as in fr.json"}},
		"an argument in capitals":       {map[string]any{"de.json": keys{"profile.welcome": "Hallo, {Name}!"}}, []string{"de"}, []string{`"profile.welcome": it has a brace`}},
		"an open brace":                 {map[string]any{"de.json": keys{"login.title": "Anmelden {"}}, []string{"de"}, []string{`"login.title": it has a brace`}},
		"a plural with one form":        {map[string]any{"de.json": keys{"shop.items.one": "ein Artikel"}}, []string{"de"}, []string{`de.json has no text for ["shop.items.other"]`}},
		"a plural with the other form":  {map[string]any{"de.json": keys{"shop.items.other": "{n} Artikel"}}, []string{"de"}, []string{`de.json has no text for ["shop.items.one"]`}},
		"a form that no number takes":   {map[string]any{"de.json": keys{"ago.days.few": "vor {n} Tagen"}}, []string{"de"}, []string{`de.json, "ago.days.few": no number takes the form "few" in this language; the forms are ["one" "other"]`}},
		"one in Japanese":               {map[string]any{"ja.json": keys{"ago.days.one": "{n}日前"}}, []string{"ja"}, []string{`"ago.days.one": no number takes the form "one"`}},
		"no form":                       {map[string]any{"de.json": keys{"ago.days": "vor {n} Tagen"}}, []string{"de"}, []string{`de.json, "ago.days": it counts in en.json; write a text for each form, such as ["ago.days.one" "ago.days.other"]`}},
		"a form of what does not count": {map[string]any{"de.json": keys{"login.title.one": "Anmelden"}}, []string{"de"}, []string{`"login.title.one": it does not count in en.json; write the key "login.title"`}},
		"no form of one's own":          {map[string]any{"en.json": keys{"shop.n.one": "1", "shop.n.other": "{n}"}, "de.json": keys{"shop.n": "{n}"}}, []string{"en", "de"}, []string{`de.json, "shop.n": it counts in en.json`}},
		"no number in many":             {map[string]any{"de.json": keys{"ago.days.other": "vor Tagen"}}, []string{"de"}, []string{`"ago.days.other": it has the arguments []; it must have ["{n}"]`}},
		"eleven months":                 {map[string]any{"de.json": keys{"date.months": "a b c d e f g h i j k"}}, []string{"de"}, []string{`de.json, "date.months": it has 11 months`}},
		"a tag twice":                   {nil, []string{"de", "de"}, []string{"de is there twice"}},
		"no tag":                        {nil, []string{"deutsch"}, []string{`"deutsch" is no tag of a language`}},
		"a tag in another spelling":     {nil, []string{"PT-br"}, []string{`"PT-br" is no tag of a language; write such as pt, pt-BR`}},
		"a path":                        {nil, []string{"../de"}, []string{`"../de" is no tag`}},
		"several mistakes":              {map[string]any{"de.json": keys{"login.titel": "x", "login.title": ""}}, []string{"de"}, []string{`"login.titel"`, `"login.title"`}},
	} {
		var files fs.FS
		if test.files != nil {
			files = folder(t, test.files)
		}
		c, err := New(files, test.tags...)
		if err == nil {
			t.Errorf("%s: no error, %d languages", name, len(c.languages))
			continue
		}
		for _, says := range append(test.says, "texts: ") {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q does not say %q", name, err, says)
			}
		}
	}
}

// TestDefaultIsReadLate: no file of ours is read before its first text is needed. Most
// instances of a function need one language.
func TestDefaultIsReadLate(t *testing.T) {
	reads := 0
	l := newDefault(&Language{Tag: "en", texts: func() map[string]string { reads++; return nil }}, ours("xx", "No file"))
	l.Choose("xx", nil)
	l.Languages()
	if c, err := New(nil, "en"); err != nil || c.Find("en") == nil || reads != 0 {
		t.Errorf("%d languages were read, %v", reads, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a language without a file is no error")
		}
	}()
	l.Find("xx").Text("login.title")
}
