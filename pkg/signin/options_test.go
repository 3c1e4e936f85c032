package signin

import (
	"strings"
	"testing"

	"example.com/coatcheck/pkg/signin/texts"
)

// A list has each choice once, in the language of the page, and selects the user's own or, whatever
// the session has in its place, none. What is shown again is not made again.
func TestOptions(t *testing.T) {
	p, err := NewPages(Config{})
	if err != nil {
		t.Fatal(err)
	}
	english, german := p.texts.Find("en"), p.texts.Find("de")
	for range 2 {
		for name, tt := range map[string]struct {
			list, want string
			selected   int
		}{
			"dark":            {string(p.themeOptions(english, "dark")), `<option value="dark" selected>Dark</option>`, 1},
			"dark in German":  {string(p.themeOptions(german, "dark")), `<option value="dark" selected>Dunkel</option>`, 1},
			"light":           {string(p.themeOptions(english, "light")), `<option value="dark">Dark</option>`, 1},
			"no theme":        {string(p.themeOptions(english, "")), `<option value="dark">Dark</option>`, 0},
			"another theme":   {string(p.themeOptions(english, `"><script>`)), `<option value="dark">Dark</option>`, 0},
			"German":          {string(p.languageOptions(german)), `<option value="de" lang="de" selected>Deutsch</option>`, 1},
			"English":         {string(p.languageOptions(english)), `<option value="de" lang="de">Deutsch</option>`, 1},
			"the browser's":   {string(p.languageOptions(nil)), `<option value="de" lang="de">Deutsch</option>`, 0},
			"of another site": {string(p.languageOptions(&texts.Language{Tag: `"><script>`})), `<option value="de" lang="de">Deutsch</option>`, 0},
		} {
			if !strings.Contains(tt.list, tt.want+"\n") || strings.Count(tt.list, " selected") != tt.selected || strings.Contains(tt.list, "script") {
				t.Errorf("%s: %s", name, tt.list)
			}
		}
	}
	kept := 0
	for range p.lists.Range {
		kept++
	}
	if kept != 7 {
		t.Errorf("%d lists are kept, want 7", kept)
	}
}
