package signin

import (
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/coatcheck/pkg/signin/site"
	"example.com/coatcheck/pkg/signin/texts"
)

func filesOf(all map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, text := range all {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// main returns a file that shows the HTML.
func main(html string) string { return `{{define "main"}}` + html + `{{end}}` }

// withTemplates serves the profile and one page of one's own.
func (r *fixture) withTemplates(c Config) {
	r.t.Helper()
	var err error
	if r.pages, err = NewPages(c); err != nil {
		r.t.Fatal(err)
	}
	own := func(w http.ResponseWriter, req *http.Request) {
		r.pages.Write(w, req, http.StatusOK, req.PathValue("name"), Page{Title: "menu.devices", Data: map[string]string{"who": "A<b>"}})
	}
	r.handler = r.pages.Handler(r.routes()["Login"], Profile(r.sessions), Routes{"GET /own/{name}": own})
}

// TestOurTemplates: our own pages pass the checks, and get the policy that they have anyway.
func TestOurTemplates(t *testing.T) {
	ours, err := fs.Sub(files, "pages")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPages(Config{Templates: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pageNames {
		if p.policies[name] != p.policy || !strings.Contains(p.policy, "style-src 'sha256-") {
			t.Errorf("%s: %s, want %s", name, p.policies[name], p.policy)
		}
	}
	entries, err := fs.ReadDir(ours, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name, isPage := strings.CutSuffix(entry.Name(), ".html")
		if isPage && !slices.Contains(append(pageNames, "layout", "whose"), name) {
			t.Errorf("pageNames does not have %s", name)
		}
	}
}

// TestTemplates: a file takes the place of ours, and each page gets the policy it needs.
func TestTemplates(t *testing.T) {
	const (
		plain = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
		own   = `<style>h1 { color: red } /* a comment */
a > b { content: "<" }</style><h1>{{$.T "menu.devices"}}: {{.Data.who}}</h1>`
		ownCSS = "h1 { color: red }  \na > b { content: \"<\" }" // html/template takes comments out
	)
	style := func(texts ...string) string {
		policy := plain + "; style-src"
		for _, text := range texts {
			policy += " '" + hashOf(text) + "'"
		}
		return policy
	}
	who := map[string][]any{"orders": {map[string]string{"who": "alice"}}}
	for name, tt := range map[string]struct {
		files  map[string]string
		config Config
		path   string
		policy string
		shows  []string
	}{
		"one page": {map[string]string{"login.html": main(`<h1>Come in</h1>` + `<form method="post" action="/login"><input name="username"><input name="password" type="password"></form>`)},
			Config{}, "/login", style(style1()), []string{"<h1>Come in</h1>", `<a class="brand"`}},
		"the others stay": {map[string]string{"login.html": main(`<h1>Come in</h1>`)}, Config{}, "/profile", style(style1()), []string{"Welcome to your profile"}},
		"style sheet":     {map[string]string{"style.css": "h1 { color: red }\r\nh2 {}\n"}, Config{}, "/login", style("h1 { color: red }\nh2 {}\n"), []string{"<style>h1 { color: red }\nh2 {}\n</style>"}},
		"style sheet and accent": {map[string]string{"style.css": "h1 {}\n"}, Config{Site: site.Site{Brand: site.Brand{Accent: accent(t)}}}, "/login",
			style("h1 {}\n" + accent(t).CSS()), nil},
		"layout without a style": {map[string]string{"layout.html": `<!doctype html><title>{{.T .Title}}</title>{{template "main" .}}`}, Config{}, "/login", plain, []string{"<title>Sign in</title>"}},
		"layout": {map[string]string{"layout.html": `<!doctype html><html lang="{{.Language.Tag}}"><title>{{.T .Title}}</title><style>{{.Look.Style}}</style>{{.Look.Logo}}<main>{{template "main" .}}</main>`},
			Config{}, "/profile", style(style1()), []string{"<main><section", "<svg"}},
		"own page, two styles": {map[string]string{"orders.html": main(own)}, Config{Samples: who}, "/own/orders", style(style1(), ownCSS),
			[]string{"<style>" + ownCSS + "</style>", "Devices: A&lt;b&gt;</h1>"}},
		"the own style is allowed on no other page": {map[string]string{"orders.html": main(own)}, Config{Samples: who}, "/profile", style(style1()), nil},
		"style in a branch":                         {map[string]string{"orders.html": main(`{{if .Theme}}<style>b {}</style>{{else}}<style>c {}</style>{{end}}`)}, Config{}, "/own/orders", style(style1(), "b {}", "c {}"), []string{"<style>c {}</style>"}},
		"image":                                     {map[string]string{"orders.html": main(`<img src="/brand/logo.png" alt="">`)}, Config{}, "/own/orders", style(style1()) + "; img-src 'self'", nil},
		"image in a style":                          {map[string]string{"style.css": "h1 { background: url(/brand/logo.png) }"}, Config{}, "/login", style("h1 { background: url(/brand/logo.png) }") + "; img-src 'self'", nil},
		"font":                                      {map[string]string{"style.css": `@font-face { font-family: x; src: url("/brand/x.woff2") }`}, Config{}, "/login", style(`@font-face { font-family: x; src: url("/brand/x.woff2") }`) + "; font-src 'self'", nil},
		"logo":                                      {map[string]string{"logo.svg": `<svg viewBox="0 0 1 1" width="9"><style>path { fill: red }</style><path d="M0 0"/></svg>`}, Config{}, "/login", style(style1(), "path { fill: red }"), []string{`<svg viewBox="0 0 1 1" width="9">`}},
		"the brand's logo first": {map[string]string{"logo.svg": `<svg viewBox="0 0 1 1" width="9"></svg>`}, Config{Site: site.Site{Brand: site.Brand{Logo: logo(t)}}}, "/login", style(style1()),
			[]string{`viewBox="0 0 2 2"`}},
		"image in a called tag": {map[string]string{"orders.html": main(`<img alt="" {{template "from"}}>`) + `{{define "from"}}src="/brand/logo.png"{{end}}`}, Config{}, "/own/orders", style(style1()) + "; img-src 'self'", []string{`<img alt="" src="/brand/logo.png">`}},
		"image in the data":     {map[string]string{"orders.html": main(`{{.Data.picture}}`)}, Config{Samples: map[string][]any{"orders": {map[string]template.HTML{"picture": `<img src="/brand/logo.png">`}}}}, "/own/orders", style(style1()) + "; img-src 'self'", nil},
		"byte order mark":       {map[string]string{"style.css": "\ufeffh1 {}\n", "layout.html": "\ufeff<!doctype html><style>{{.Look.Style}}</style>{{template \"main\" .}}"}, Config{}, "/login", style("h1 {}\n"), []string{"<!doctype html><style>h1 {}\n</style>"}},
		"field in a branch":     {map[string]string{"login.html": main(`<form method="post" action="/login"><input name="{{if .Theme}}username{{else}}username{{end}}"><input name="{{template "password"}}"></form>`) + `{{define "password"}}password{{end}}`}, Config{}, "/login", style(style1()), []string{`<input name="username"><input name="password">`}},
		"calls itself": {map[string]string{"orders.html": `{{define "tree"}}<ul>{{range .}}<li>{{template "tree" .}}</li>{{end}}</ul>{{end}}` + main(`{{template "tree" .Data.tree}}`)},
			Config{Samples: map[string][]any{"orders": {map[string]any{"tree": tree{tree{}, tree{tree{}}}}}}}, "/own/orders", style(style1()), []string{"<ul></ul>"}},
		"files that are not seen": {map[string]string{".DS_Store": "x", "static/logo.png": "x", "orders.html": main("Hello")}, Config{}, "/own/orders", style(style1()), []string{"Hello"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			tt.config.Templates = filesOf(tt.files)
			r.withTemplates(tt.config)
			resp := r.do(fromBrowser(with(get(tt.path), "Cookie", r.signIn())))
			if got := resp.header.Get("Content-Security-Policy"); resp.status != 200 || got != tt.policy {
				t.Errorf("%d, policy\n%s, want\n%s\n%s", resp.status, got, tt.policy, resp.body)
			}
			for _, part := range tt.shows {
				if !strings.Contains(resp.body, part) {
					t.Errorf("there is no %s in\n%s", part, resp.body)
				}
			}
		})
	}
}

// tree is data that a template shows by calling itself.
type tree []tree

// style1 is the text of our own style sheet.
func style1() string { return style }

func accent(t *testing.T) site.Accent {
	a, err := site.ParseAccent("#0b5394,#9fc5e8")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func logo(t *testing.T) site.Logo {
	l, err := site.ParseLogo(`<svg viewBox="0 0 2 2"><path d="M0 0"/></svg>`)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestWrongTemplates: what would fail later, or be refused by browsers, stops the start, with
// an error that names the file and says what to do.
func TestWrongTemplates(t *testing.T) {
	const signIn = `<form method="post" action="/login"><input name="username"><input name="password"></form>`
	for name, tt := range map[string]struct {
		file, text string
		says       string
	}{
		"syntax":                {"login.html", main(`{{if}}`), "login.html:1: missing value for if"},
		"no main":               {"orders.html", `<h1>Orders</h1>`, `orders.html has no {{define "main"}}…{{end}}`},
		"unknown template":      {"orders.html", main(`{{template "row" .}}`), `no such template "row"`},
		"unknown field":         {"login.html", main(`{{.Data.Usernam}}`), "template: login.html:1:"},
		"unknown field of ours": {"layout.html", `{{.Titel}}{{template "main" .}}`, "can't evaluate field Titel"},
		"only in one state":     {"sessions.html", main(`{{range .Data}}{{if .Moved}}{{.Mooved}}{{end}}{{end}}`), "(the page sessions in en, with sample 2 of its data)"},
		"only in one language":  {"orders.html", main(`{{if eq .Language.Tag "ja"}}{{.Nope}}{{end}}`), "(the page orders in ja, with sample 0 of its data)"},
		"only for visitors":     {"orders.html", main(`{{if not .Menu}}{{.Nope}}{{end}}`), "can't evaluate field Nope"},
		"ambiguous":             {"login.html", main(`<a href={{if .Here}}"/x{{end}}>`), "login.html"},
		"unknown text":          {"login.html", main(`{{$.T "login.titel"}}`), `login.html: the catalogue has no text "login.titel" in en; add it`},
		"unknown text, hidden":  {"orders.html", main(`{{if .Menu}}{{if eq .Here "/never"}}<p title="{{printf "%s" (.T "x.y")}}">{{end}}{{end}}`), `orders.html: the catalogue has no text "x.y" in ja`},
		"unknown text, made":    {"orders.html", main(`{{.T (printf "login.%s" "titel")}}`), `(the page orders in en, with sample 0 of its data)`},
		"data without a sample": {"orders.html", main(`{{.Data.Who}}`), `give an example of .Data in Config.Samples["orders"]`},
		"layout without pages":  {"layout.html", `<h1>Hello</h1>`, `layout.html never shows {{template "main" .}}`},
		"UTF-8":                 {"orders.html", main("\xff"), "orders.html is not in UTF-8"},
		"other file":            {"styles.css", "", "styles.css is no template; write *.html, style.css or logo.svg"},
		"page in a folder":      {"templates/login.html", main("x"), "there is no file; if all stand in a folder, take that by fs.Sub"},

		"script":            {"orders.html", main(`<script src="/x.js"></script>`), "orders.html: there is a <script>, and the policy allows none; take it out"},
		"handler":           {"orders.html", main(`<p onclick="x()">`), "orders.html: <p> has onclick, and the policy allows no script"},
		"handler, rare":     {"orders.html", main(`{{if eq .Here "/never"}}<p OnClick='x()'>{{end}}`), "orders.html: <p> has onclick"},
		"style":             {"orders.html", main(`<p style="color: red">`), "orders.html: <p> has a style attribute, which the policy forbids; give it a class"},
		"JavaScript URL":    {"orders.html", main(`<a href=" java&#115;cript:x()">`), "orders.html: <a> has href="},
		"frame":             {"orders.html", main(`<iframe src="/x"></iframe>`), "there is a <iframe>"},
		"sheet":             {"layout.html", `<link rel="stylesheet" href="/x.css">{{template "main" .}}`, `layout.html: there is a <link rel="stylesheet">, and the policy allows only style sheets in the page itself; put its rules into style.css`},
		"base":              {"layout.html", `<base href="/x">{{template "main" .}}`, "layout.html: there is a <base>"},
		"argument":          {"orders.html", main(`{{if eq .Here "/never"}}{{.T "sso.begin"}}{{end}}`), `orders.html: the text "sso.begin" needs the argument {provider}; write its name`},
		"argument, other":   {"orders.html", main(`{{.T "sso.begin" "name" "x"}}`), `the text "sso.begin" needs the argument {provider}`},
		"script, called":    {"orders.html", main(`<p {{template "x"}}>`) + `{{define "x"}}onclick="x()"{{end}}`, "orders.html: <p> has onclick"},
		"style, after main": {"layout.html", `{{template "main" .}}<p style="color: red">`, "layout.html: <p> has a style attribute"},
		"style, called":     {"orders.html", main(`<p {{template "x"}}>`) + `{{define "x"}}{{template "y"}}{{end}}{{define "y"}}style="color: red"{{end}}`, "orders.html: <p> has a style attribute"},
		"URL, called":       {"orders.html", main(`<a href="{{template "x"}}">`) + `{{define "x"}}javascript:x(){{end}}`, "orders.html: <a> has href="},
		"text, called":      {"layout.html", `<title>{{template "x" .}}</title>{{template "main" .}}{{define "x"}}{{if eq .Here "/never"}}{{.T "x.y"}}{{end}}{{end}}`, `layout.html: the catalogue has no text "x.y" in en`},
		"main in a title":   {"layout.html", `<title>{{template "main" .}}</title>`, `layout.html never shows {{template "main" .}}`},
		"CSS, SVG":          {"logo.svg", `<svg viewBox="0 0 1 1"><style><![CDATA[path { fill: red }]]></style></svg>`, "a <style> in an <svg> has a < or an &"},
		"image":             {"orders.html", main(`<img src="https://cdn.example/logo.png">`), `orders.html: <img> loads the image "https://cdn.example/logo.png", and the policy allows only those of the site itself: serve it by a route of your own`},
		"image, data":       {"orders.html", main(`<img src="data:image/png;base64,AAAA">`), `<img> loads the image "data:image/png;base64,AAAA"`},
		"image, branch":     {"orders.html", main(`<img src="{{if .Theme}}/a.png{{else}}//cdn.example/b.png{{end}}">`), "<img> loads the image"},
		"image, set":        {"orders.html", main(`<img src="/a.png" srcset="/a.png 1x, https://cdn.example/b.png 2x">`), `"https://cdn.example/b.png"`},
		"image, SVG":        {"logo.svg", `<svg viewBox="0 0 1 1"><image href="https://cdn.example/b.png"/></svg>`, "<image> loads the image"},
		"style, SVG":        {"logo.svg", `<svg viewBox="0 0 1 1"><path style="fill: red"/></svg>`, "<path> has a style attribute"},
		"icon":              {"layout.html", `<link rel="icon" href="data:,">{{template "main" .}}`, `<link> loads the image "data:,"`},
		"CSS, image":        {"style.css", "h1 { background: URL( 'https://cdn.example/b.png') }", `a style sheet loads the image "https://cdn.example/b.png"`},
		"CSS, font":         {"style.css", "@font-face { src: url(data:font/woff2;base64,AAAA) }", "a style sheet loads the font"},
		"CSS, import":       {"style.css", "@import '/x.css';", "a style sheet has @import, which the policy forbids"},
		"CSS, end":          {"style.css", "h1 {} </style><b>", "style.css has </style in it"},
		"CSS, data":         {"orders.html", main(`<style>h1 { color: {{.Theme}} }</style>`), "orders.html: a <style> has {{…}} in it, other than {{.Look.Style}}"},
		"CSS, branch":       {"orders.html", main(`<style>h1 { {{if .Theme}}color: red{{end}} }</style>`), "a <style> has {{…}} in it"},
		"CSS, called":       {"orders.html", main(`<style>{{template "css"}}</style>`) + `{{define "css"}}h1 {}{{end}}`, "a <style> has {{…}} in it"},

		"form, away":     {"orders.html", main(`<form method="post" action="https://pay.example/">`), `orders.html: a <form> leads to "https://pay.example/", and the policy forbids forms to other sites`},
		"button, away":   {"orders.html", main(`<button formaction="//pay.example/">`), "<button> has the formaction"},
		"form, nowhere":  {"orders.html", main(`<form method="post">`), "a <form> has no action"},
		"form, GET":      {"login.html", main(strings.Replace(signIn, ` method="post"`, "", 1)), `login.html: the form to /login has the method ""; write method="post"`},
		"form, field":    {"login.html", main(strings.Replace(signIn, `name="password"`, `name="pass"`, 1)), `login.html: the form to /login has no field "password", which its route needs`},
		"form, more":     {"orders.html", main(strings.Replace(signIn, "</form>", `<button name="go">Go</button></form>`, 1)), `the form to /login has the field "go", which its route refuses`},
		"form, files":    {"password.html", main(`<form method="post" action="/password" enctype="multipart/form-data"><input name="current_password"><input name="new_password"></form>`), "the enctype"},
		"form, revoke":   {"sessions.html", main(`{{range .Data}}<form action="/sessions/{{.ID}}/revoke"></form>{{end}}`), `the form to /sessions/{}/revoke has the method ""`},
		"form, settings": {"profile.html", main(`<form action="/preferences" method="post"><select name="colour"></select></form>`), `the field "colour"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPages(Config{Templates: filesOf(map[string]string{tt.file: tt.text})})
			if err == nil || !strings.HasPrefix(err.Error(), "signin: Config.Templates: ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v\nwant %s", err, tt.says)
			}
			if err != nil && strings.Count(err.Error(), "\n") > len(texts.Default.Languages()) {
				t.Errorf("the error says things twice: %v", err)
			}
		})
	}
	if _, err := NewPages(Config{Templates: filesOf(map[string]string{"orders.html": main("")}), Samples: map[string][]any{"order": {1}}}); err == nil || !strings.Contains(err.Error(), `a sample for the page "order"`) {
		t.Error(err)
	}
	if _, err := NewPages(Config{Templates: filesOf(map[string]string{"login.html": main("")}), Samples: map[string][]any{"login": {1}}}); err == nil || !strings.Contains(err.Error(), `a sample for the page "login"`) {
		t.Error(err)
	}
	if _, err := NewPages(Config{Samples: map[string][]any{"order": {1}}}); err == nil {
		t.Error("samples without templates are taken")
	}
}

// TestStyleInData: a style element that raw data brings has no place in the policy.
func TestStyleInData(t *testing.T) {
	r := newFixture(t)
	r.withTemplates(Config{Templates: filesOf(map[string]string{"orders.html": main(`{{.Data}}`)}), Samples: map[string][]any{"orders": {"<style>h1 {}</style>"}}})
	if policy := r.do(fromBrowser(get("/own/orders"))).header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "style-src '"+hashOf(style)+"'") {
		t.Error(policy)
	}
}

// TestHTMLInData: what data brings as HTML is looked at too, as far as the samples show it.
func TestHTMLInData(t *testing.T) {
	for html, says := range map[template.HTML]string{
		"<style>h1 {}</style>":                  "a <style> that is not in its template",
		`<p style="color: red">`:                "<p> has a style attribute",
		"<p onclick=x()>":                       "<p> has onclick",
		`<script src="/x.js"></script>`:         "there is a <script>",
		`<img src="https://cdn.example/a.png">`: "<img> loads the image",
	} {
		_, err := NewPages(Config{Templates: filesOf(map[string]string{"orders.html": main(`{{.Data}}`)}), Samples: map[string][]any{"orders": {"", html}}})
		if err == nil || !strings.Contains(err.Error(), "orders.html shows ") || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "with sample 1 of its data") {
			t.Errorf("%s: %v", html, err)
		}
	}
}

// TestPagesAreDocumented: docs/pages.md names every page, and all that its template may show.
func TestPagesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/pages.md")
	if err != nil {
		t.Fatal(err)
	}
	p := pagesFor(t, site.Site{})
	for _, name := range pageNames {
		i := slices.IndexFunc(strings.Split(string(text), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "| `"+name+"`") || strings.HasPrefix(line, "| `redirect`, `"+name+"`")
		})
		if i < 0 {
			t.Errorf("there is no row for %s", name)
			continue
		}
		row := strings.Split(string(text), "\n")[i]
		for _, field := range shownBy(reflect.TypeOf(p.samplesOf(name)[0])) {
			if !strings.Contains(row, "`"+field+"`") {
				t.Errorf("the row of %s does not name %s", name, field)
			}
		}
	}
	for _, name := range shownBy(reflect.TypeFor[view]()) {
		if !strings.Contains(string(text), "`."+name) {
			t.Errorf("there is no .%s", name)
		}
	}
}

// shownBy returns the fields and methods that a template can use.
func shownBy(data reflect.Type) (names []string) {
	if data.Kind() == reflect.Slice {
		data = data.Elem()
	}
	if data.Kind() != reflect.Struct {
		return nil
	}
	for _, field := range reflect.VisibleFields(data) {
		if field.IsExported() && !field.Anonymous {
			names = append(names, field.Name)
		}
	}
	for m := range data.NumMethod() {
		names = append(names, data.Method(m).Name)
	}
	return names
}
