package signin

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"example.com/coatcheck/pkg/signin/internal/markup"
)

const (
	layoutFile = "layout.html"
	whoseFile  = "whose.html"
	styleFile  = "style.css"
	logoFile   = "logo.svg"
)

// byteOrderMark is what some editors put before a text in UTF-8. It would be a part of the
// first selector of a style sheet.
const byteOrderMark = "\ufeff"

// pageNames are the pages that our routes show.
var pageNames = []string{"login", "profile", "sessions", "activity", "password", "reauthenticate", "redirect", "convert", "problem", "sso"}

// pages are our own pages.
var pages = ownPages()

func ownPages() map[string]func() *template.Template {
	layout := sync.OnceValue(func() *template.Template {
		return template.Must(template.ParseFS(files, "pages/"+layoutFile, "pages/"+whoseFile))
	})
	own := map[string]func() *template.Template{}
	for _, name := range pageNames {
		own[name] = func() *template.Template {
			return template.Must(template.Must(layout().Clone()).ParseFS(files, "pages/"+name+".html"))
		}
	}
	return own
}

// readTemplates returns the texts of the files in [Config.Templates], by their names.
func readTemplates(templates fs.FS) (map[string]string, error) {
	entries, err := fs.ReadDir(templates, ".")
	if err != nil {
		return nil, err
	}
	read := map[string]string{}
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || strings.HasPrefix(name, ".") {
			continue
		}
		if path.Ext(name) != ".html" && name != styleFile && name != logoFile {
			return nil, fmt.Errorf("%s is no template; write *.html, %s or %s, and move what your routes serve into a folder", name, styleFile, logoFile)
		}
		text, err := fs.ReadFile(templates, name)
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(text) {
			return nil, fmt.Errorf("%s is not in UTF-8", name)
		}
		read[name] = markup.Clean(strings.TrimPrefix(string(text), byteOrderMark))
	}
	if len(read) == 0 {
		return nil, errors.New("there is no file; if all stand in a folder, take that by fs.Sub")
	}
	return read, nil
}

// parseWith parses our pages and those of one's own. A file in read replaces ours.
func parseWith(read map[string]string) (map[string]func() *template.Template, error) {
	add := func(t *template.Template, file string) (*template.Template, error) {
		text, ok := read[file]
		if !ok {
			own, err := files.ReadFile("pages/" + file)
			if err != nil {
				return nil, err
			}
			text = string(own)
		}
		return t.New(file).Parse(text)
	}
	layout, err := add(template.New(""), layoutFile)
	if err == nil {
		_, err = add(layout, whoseFile)
	}
	if err != nil {
		return nil, err
	}
	parsed := map[string]func() *template.Template{}
	for _, name := range allNames(read) {
		page, err := layout.Clone()
		if err == nil {
			_, err = add(page, name+".html")
		}
		if err != nil {
			return nil, err
		}
		if page.Lookup("main") == nil {
			return nil, fmt.Errorf("%s.html has no {{define \"main\"}}…{{end}}, which the layout shows", name)
		}
		parsed[name] = func() *template.Template { return template.Must(page.Clone()) } // an error would mean that it was executed
	}
	return parsed, nil
}

// allNames returns the names of all pages, in order.
func allNames(read map[string]string) []string {
	names := slices.Clone(pageNames)
	for _, file := range slices.Sorted(maps.Keys(read)) {
		name, isPage := strings.CutSuffix(file, ".html")
		if isPage && file != layoutFile && file != whoseFile && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// replacePages makes p show the templates of c instead of ours.
func (p *Pages) replacePages(c Config) error {
	if c.Templates == nil {
		return errors.New("there are none, and Config.Samples has examples for them")
	}
	read, err := readTemplates(c.Templates)
	if err != nil {
		return err
	}
	if sheet, ok := read[styleFile]; ok {
		if strings.Contains(strings.ToLower(sheet), "</style") {
			return fmt.Errorf("%s has </style in it, which ends the style sheet; take it out", styleFile)
		}
		p.look.Style = template.CSS(sheet + c.Site.Brand.Accent.CSS())
	}
	if logo, ok := read[logoFile]; ok && c.Site.Brand.Logo.SVG() == "" {
		p.look.Logo = template.HTML(logo)
	}
	if p.templates, err = parseWith(read); err != nil {
		return err
	}
	return p.checkTemplates(allNames(read), c.Samples)
}

// checkTemplates looks at each page, and notes the policies that they need. The error names
// every mistake once.
func (p *Pages) checkTemplates(names []string, samples map[string][]any) error {
	for name := range samples {
		if !slices.Contains(names, name) || slices.Contains(pageNames, name) {
			return fmt.Errorf("there is a sample for the page %q, which is none of your own", name)
		}
	}
	var problems findings
	needs := map[string]markup.Needs{}
	for _, name := range names {
		needs[name] = p.checkTemplate(name, &problems)
	}
	if problems.texts != nil {
		return problems.err()
	}
	p.policies = map[string]string{}
	for _, name := range names {
		needed := needs[name]
		problems.add(p.trySamples(name, samples[name], &needed))
		p.policies[name] = policyOf(needed)
	}
	return problems.err()
}

// findings are what is wrong with templates, each once: many pages share the layout.
type findings struct {
	known map[string]bool
	texts []string
}

// add adds a problem, and where it was found first.
func (f *findings) add(problem, where string) {
	if problem == "" || f.known[problem] {
		return
	}
	if f.known == nil {
		f.known = map[string]bool{}
	}
	f.known[problem] = true
	f.texts = append(f.texts, problem+where)
}

func (f *findings) err() error {
	if f.texts == nil {
		return nil
	}
	return errors.New(strings.Join(f.texts, "\n"))
}

// knownForms are the forms that our routes take.
var knownForms = []markup.Form{
	{Action: loginPath, Method: "post", Needed: []string{"username", "password"}, More: []string{stayField, "next"}},
	{Action: beginPath, Method: "get", More: []string{"stay", "next"}},
	{Action: "/reauthenticate", Method: "post", Needed: []string{"password"}, More: []string{"next"}},
	{Action: passwordPath, Method: "post", Needed: []string{"current_password", "new_password"}, More: []string{"next"}},
	{Action: "/preferences", Method: "post", More: []string{"theme", "language", "next"}},
	{Action: "/logout", Method: "post"},
	{Action: convertPath, Method: "post"},
	{Action: devicesPath + "/{}/revoke", Method: "post"},
	{Action: devicesPath + "/revoke-others", Method: "post"},
	{Action: devicesPath + "/revoke-all", Method: "post"},
}

// checkTemplate looks at all that a page may show, whatever its data.
func (p *Pages) checkTemplate(name string, problems *findings) markup.Needs {
	t := p.templates[name]()
	// The first execution escapes the templates. Whether it works is for the samples to show.
	if unsafe := (*template.Error)(nil); errors.As(t.Execute(io.Discard, nil), &unsafe) {
		problems.add(unsafe.Error(), " (the page "+name+")")
		return markup.Needs{}
	}
	f := flattener{page: t, look: &p.look}
	f.template(layoutFile)
	f.missingTexts(p.texts.Languages(), problems)
	if !f.showsMain {
		problems.add(layoutFile+` never shows {{template "main" .}}, so each page is empty`, "")
	}
	needs, found := markup.Check(f.text.String(), knownForms)
	for _, problem := range found {
		problems.add(f.fileAt(problem.At)+": "+problem.Text, "")
	}
	return needs
}
