package signin

import (
	"bytes"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"example.com/coatcheck/pkg/signin/site"
	"example.com/coatcheck/pkg/signin/texts"
)

// Every page, in every language and for every kind of user, is byte for byte what html/template
// makes of its templates, whoever has seen a page before.
func TestFoldedPagesAreTheSame(t *testing.T) {
	logo, err := site.ParseLogo(`<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>`)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []site.Site{{}, {Brand: site.Brand{Name: `A & "B"`, Logo: logo, Links: []site.Link{{Name: "Imprint <1>", URL: "https://a.example/?b&c"}}}}} {
		p := pagesFor(t, s)
		for _, name := range pageNames {
			for _, l := range p.texts.Languages() {
				for _, v := range p.views(name, l) {
					sameFolded(t, p, name, v)
				}
			}
		}
	}
}

// views returns views of one of our pages, for visitors and users.
func (p *Pages) views(name string, l *texts.Language) (all []*view) {
	for _, data := range p.samplesOf(name) {
		visitor := view{Title: "problem.title", Data: data, Language: l, Look: &p.look}
		for _, here := range []string{homePath, devicesPath, "/an<other>"} {
			user := visitor
			user.Title, user.Here, user.Theme, user.Menu = "menu.devices", here, `dark"`, p.menu
			other := user
			other.Menu = p.menu[:1]
			all = append(all, &user, &other)
		}
		all = append(all, &visitor)
	}
	return all
}

// sameFolded compares what is shown with what html/template shows.
func sameFolded(t *testing.T, p *Pages, name string, v *view) {
	t.Helper()
	var want bytes.Buffer
	if err := p.templates[name]().Execute(&want, v); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got bytes.Buffer
		if err := p.template(name, v).Execute(&got, v); err != nil || got.String() != want.String() {
			t.Errorf("%s in %s for %q: %v\n%s\nwant\n%s", name, v.Language.Tag, v.Here, err, got.String(), want.String())
		}
	}
}

// Templates may use texts wherever html/template lets them, and give . and $ other meanings.
// What comes from users is escaped as before.
func TestFoldedTemplatesAreTheSame(t *testing.T) {
	catalogue, err := texts.New(fstest.MapFS{
		"en.json": &fstest.MapFile{Data: []byte(`{"own.odd": "a \"b\" <c> + 'd' & javascript:e", "own.with": "[{name}] {name}"}`)},
		"de.json": &fstest.MapFile{Data: []byte(`{"own.odd": "ä", "own.with": "{name}"}`)},
	}, "en", "de")
	if err != nil {
		t.Fatal(err)
	}
	for text, kept := range map[string]string{
		`{{.T "own.odd"}}<p title="{{.T "own.odd"}}" class={{$.T "own.odd"}} data-a='{{.T "own.odd"}}'>`:                              "",
		`<a href="{{.T "own.odd"}}">{{.T "own.odd" | print | printf "%s!"}}</a><a href="/?q={{.T "own.odd"}}">`:                       "",
		`<textarea>{{.T "own.odd"}}</textarea>{{with .Look.Name}}{{.}}{{$.T "own.odd"}}{{end}}`:                                       "",
		`{{range .Menu}}<a href="{{.Path}}">{{$.T .Text}}</a>{{else}}none{{end}}{{range $i, $m := .Menu}}{{$i}}{{$m.Path}}{{end}}`:    "$m",
		`{{.T "own.with" "name" .Theme}}{{.T "own.with" "name" (.T "own.odd")}}{{with $x := .T "own.odd"}}{{$x}}{{end}}`:              ".Theme",
		`{{with .Data}}{{.}}{{$.T "own.odd"}}{{template "sub" .}}{{end}}{{template "sub" $}}`:                                         ".Data",
		`{{if .Data}}{{.T "own.odd"}}{{else}}{{.T "own.odd"}}{{end}}{{if .Language.RightToLeft}}no{{else}}yes{{end}}`:                 ".Data",
		`{{range .Menu}}{{if eq .Path "/sessions"}}{{break}}{{end}}{{.Path}}{{end}}{{with $ := .Theme}}{{$}}{{end}}{{.T "own.odd"}}`:  "$",
		`{{$.Theme}}{{$.T "own.with" "name" $.Theme}}{{with .Look.Name}}{{.}}{{$.Data}}{{end}}{{if $.Theme}}{{$.T "own.odd"}}{{end}}`: "$.Data",
		`<p title="{{$.Data}}" class="{{.Data}}">{{.Data | print | printf "%s %s" $.Theme}}{{(.T "own.odd")}}`:                        "$.Data",
		`{{with .Data}}{{.T "own.odd"}}{{end}}`:                 ".T",
		`{{with $ := .Data}}{{$.T "own.odd"}}{{end}}`:           "$.T",
		`{{template "sub" .}}<p title="{{template "wrap" .}}">`: "",
		`{{template "sub" .}}<p title="{{template "attr" .}}">{{/* nothing */}}{{- .T "own.odd" -}} {{not .Look.Links}}{{len .Look.Name}}`: "",
	} {
		own := `{{define "sub"}}{{.}}{{end}}{{define "attr"}}{{.T "own.odd"}}{{end}}{{define "wrap"}}">{{template "sub" .Data}}<i title="{{end}}{{define "main"}}` + text + `{{end}}`
		own = strings.Replace(own, `{{define "sub"}}{{.}}`, `{{define "sub"}}{{if .}}{{$.T "own.odd"}}{{end}}`, 1)
		parsed, err := parseWith(map[string]string{"own.html": own})
		if err != nil {
			t.Fatal(err)
		}
		p := &Pages{texts: catalogue, look: look{Name: "<Shop>"}, menu: ownMenu(true), templates: parsed}
		for _, l := range catalogue.Languages() {
			for _, data := range []any{nil, speaker("<script>")} {
				v := &view{Title: "menu.devices", Here: devicesPath, Data: data, Theme: `"<i>`, Menu: p.menu, Language: l, Look: &p.look}
				sameFolded(t, p, "own", v)
				folded := p.template("own", v).Lookup("main").Tree.Root.String()
				if dynamic := strings.Contains(folded, "{{"); dynamic != (kept != "") && !strings.Contains(folded, `{{template`) || !strings.Contains(folded, kept) {
					t.Errorf("%s became %s, want only what has %q", text, folded, kept)
				}
			}
		}
	}
}

// Most of the profile is text already: what is left depends on the user.
func TestProfileIsFolded(t *testing.T) {
	p := pagesFor(t, site.Site{})
	v := p.views("profile", p.texts.English())[0]
	made := p.template("profile", v)
	text := made.Tree.Root.String() + made.Lookup("main").Tree.Root.String()
	for _, gone := range []string{`$.T "menu.`, "$.Menu", ".Look", ".Language.", ".Title", `"profile.ends"`, `"preferences.title"`} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is executed for each answer, in %s", gone, text)
		}
	}
}

// However many paths pages have that are not in the menu, the pages that are kept stay few.
func TestFewPagesAreKept(t *testing.T) {
	p := pagesFor(t, site.Site{})
	v := p.views("problem", p.texts.English())[0]
	kept := map[*template.Template]bool{}
	for _, here := range []string{"/orders/1", "/orders/2", "/orders/3"} {
		other := *v
		other.Here = here
		kept[p.template("problem", &other)] = true
	}
	if len(kept) != 1 {
		t.Errorf("%d are kept", len(kept))
	}
}

// speaker is data with a method that is called like one of the view.
type speaker string

// T returns something else than the view's method.
func (s speaker) T(string) string { return "said by " + string(s) }

// Users who see the same page at the same time, also as the first who see it, each see what is
// theirs and nothing of another's, whatever is text already.
func TestNobodySeesWhatIsAnothers(t *testing.T) {
	p := pagesFor(t, site.Site{})
	user := func(n int) *view {
		name := fmt.Sprintf("user-%c<b>&", 'a'+n)
		l := p.texts.Languages()[n%len(p.texts.Languages())]
		page := profilePage{UserID: name, Username: name, DisplayName: name, Roles: []string{name}, Preferences: map[string]string{"theme": "dark"},
			IP: name, Themes: []choice{{"dark", "theme.dark"}}, Languages: p.texts.Languages(), ExpiresAt: time.Unix(int64(n)<<28, 0)}
		return &view{Title: "menu.profile", Here: []string{homePath, "/an" + name}[n/5%2], Data: page, Theme: "theme-" + name, Menu: p.menu[:3-n/10%2], Language: l, Look: &p.look}
	}
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range 20 {
		wg.Go(func() {
			v := user(n)
			<-start
			for range 3 {
				sameFolded(t, p, "profile", v)
				var page bytes.Buffer
				p.template("profile", v).Execute(&page, v)
				for _, found := range regexp.MustCompile("user-.").FindAllString(page.String(), -1) {
					if found != v.Data.(profilePage).UserID[:len(found)] {
						t.Errorf("%s sees %s", v.Data.(profilePage).UserID, found)
					}
				}
			}
		})
	}
	close(start)
	wg.Wait()
	for key, page := range p.ready.Range {
		tree := page.(func() *template.Template)()
		for _, part := range tree.Templates() {
			if part.Tree != nil && strings.Contains(part.Tree.Root.String(), "user-") {
				t.Errorf("%v keeps what is a user's: %s", key, part.Tree.Root)
			}
		}
	}
}

// A page that shows its path and its title shows those of each answer.
func TestFoldedForEachPathAndTitle(t *testing.T) {
	parsed, err := parseWith(map[string]string{"own.html": `{{define "main"}}{{$.Here}} {{.Title}} {{$.T $.Title}}{{end}}`})
	if err != nil {
		t.Fatal(err)
	}
	p := &Pages{texts: texts.Default, look: look{Name: "Shop"}, menu: ownMenu(true), templates: parsed}
	for _, here := range []string{"/orders/1", "/orders/2", devicesPath, homePath, ""} {
		for _, title := range []string{"menu.devices", "menu.profile"} {
			sameFolded(t, p, "own", &view{Title: title, Here: here, Menu: p.menu, Language: p.texts.English(), Look: &p.look})
		}
	}
}
