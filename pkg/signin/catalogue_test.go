package signin

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/coatcheck/pkg/signin/site"
	"example.com/coatcheck/pkg/signin/texts"
)

// speak serves all routes with the texts of a site.
func (r *fixture) speak(c *texts.Catalogue) {
	r.t.Helper()
	pages, err := NewPages(Config{Site: site.Site{}, Texts: c})
	if err != nil {
		r.t.Fatal(err)
	}
	var all []Routes
	for _, routes := range r.routes() {
		all = append(all, routes)
	}
	r.pages, r.handler = pages, pages.Handler(all...)
}

// TestTextsOfASite: the pages are in the languages that the site offers and have its texts;
// the first language is that of whoever has no better one. Programs read English.
func TestTextsOfASite(t *testing.T) {
	c, err := texts.New(fstest.MapFS{"de.json": {Data: []byte(`{"login.title": "Herein", "problem.refused": "Falsch."}`)}}, "de", "fr")
	if err != nil {
		t.Fatal(err)
	}
	r := newFixture(t)
	r.speak(c)
	for accept, want := range map[string][2]string{"": {"de", "Herein"}, "fr": {"fr", "Connexion"}, "en": {"de", "Herein"}, "ja, fr;q=0.1": {"fr", "Connexion"}} {
		resp := r.do(fromBrowser(with(get("/login"), "Accept-Language", accept)))
		tree := parsePage(t, resp.body)
		if html := tree.all("html")[0]; html.attr["lang"] != want[0] || html.attr["dir"] != "" || tree.all("h1")[0].text != want[1] {
			t.Errorf("%q: %v, %q", accept, html.attr, tree.all("h1")[0].text)
		}
	}
	if page := r.do(fromBrowser(post("/login", asForm, wrongForm))).body; !strings.Contains(page, "Falsch.") {
		t.Errorf("a wrong password on a page: %s", page)
	}
	same(t, r.do(post("/login", asJSON, wrongJSON)), problemAnswer(http.StatusUnauthorized, refused))
	cookie := r.signIn()
	tree := parsePage(t, r.do(fromBrowser(with(get("/profile"), "Cookie", cookie))).body)
	var offered []string
	for _, option := range tree.all("option") {
		if lang := option.attr["lang"]; lang != "" {
			offered = append(offered, lang+" "+option.text)
		}
	}
	if want := []string{"de Deutsch", "fr Français"}; !slices.Equal(offered, want) {
		t.Errorf("the form offers %q, want %q", offered, want)
	}
}

// TestOneLanguage: a site with one language offers no choice.
func TestOneLanguage(t *testing.T) {
	c, err := texts.New(nil, "es")
	if err != nil {
		t.Fatal(err)
	}
	r := newFixture(t)
	r.speak(c)
	page := r.do(fromBrowser(with(get("/profile"), "Cookie", r.signIn()))).body
	if strings.Contains(page, `name="language"`) || !strings.Contains(page, `name="theme"`) {
		t.Errorf("the preferences are %s", page)
	}
}

// TestRightToLeft: the pages of a language that is written from right to left say so.
func TestRightToLeft(t *testing.T) {
	english, err := os.ReadFile("texts/en.json")
	if err != nil {
		t.Fatal(err)
	}
	persian := strings.Replace(string(english), "{", `{"language.name": "فارسی",`, 1)
	c, err := texts.New(fstest.MapFS{"fa.json": {Data: []byte(persian)}}, "fa", "en")
	if err != nil {
		t.Fatal(err)
	}
	r := newFixture(t)
	r.speak(c)
	for accept, want := range map[string]string{"fa-IR": "rtl", "en": ""} {
		html := parsePage(t, r.do(fromBrowser(with(get("/login"), "Accept-Language", accept))).body).all("html")[0]
		if html.attr["dir"] != want || !strings.HasPrefix(accept, html.attr["lang"]) {
			t.Errorf("%s: %v", accept, html.attr)
		}
	}
}
