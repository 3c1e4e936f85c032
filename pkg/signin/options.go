package signin

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"sync"

	"example.com/coatcheck/pkg/signin/texts"
)

// option is one entry of a list in a form.
type option struct {
	Value    string
	Language string // of the text, if it is not that of the page
	Text     any    // a string is escaped
	Selected bool
}

// optionsOf names a list of options as a page shows it.
type optionsOf struct {
	list     string
	language *texts.Language // nil if the list is the same in each
	selected string          // "" if no option is
}

// themeOptions returns the list of the themes, in the language, for a user who has selected one.
func (p *Pages) themeOptions(l *texts.Language, selected string) template.HTML {
	if !slices.Contains(themeValues(), selected) {
		selected = ""
	}
	return p.options(optionsOf{"themes", l, selected}, func() (all []option) {
		for _, theme := range themes {
			all = append(all, option{theme.Value, "", l.HTML(theme.Key), theme.Value == selected})
		}
		return all
	})
}

// languageOptions returns the list of the languages of the site, for a user who has selected one
// of them, or none.
func (p *Pages) languageOptions(selected *texts.Language) template.HTML {
	of := optionsOf{list: "languages"}
	if slices.Contains(p.texts.Languages(), selected) {
		of.selected = selected.Tag
	}
	return p.options(of, func() (all []option) {
		for _, l := range p.texts.Languages() {
			all = append(all, option{l.Tag, l.Tag, l.Name, l == selected})
		}
		return all
	})
}

// options returns a list as HTML. Few lists are ever shown, each again and again, and to execute
// one takes longer than all else in the page. So each is executed once.
func (p *Pages) options(of optionsOf, list func() []option) template.HTML {
	made, ok := p.lists.Load(of)
	if !ok {
		var out bytes.Buffer
		if err := optionsTemplate().Execute(&out, list()); err != nil {
			panic(fmt.Errorf("options %s: %w", of.list, err))
		}
		made, _ = p.lists.LoadOrStore(of, template.HTML(out.String()))
	}
	return made.(template.HTML)
}

var optionsTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("options").Parse(`{{range .}}<option value="{{.Value}}"{{with .Language}} lang="{{.}}"{{end}}{{if .Selected}} selected{{end}}>{{.Text}}</option>
{{end}}`))
})
