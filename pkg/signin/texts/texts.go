// Package texts is the catalogue of the texts of the pages, in every language that the
// pages are in. Each language is a file of JSON, such as en.json: one object, whose keys
// are the same in every file. A text names its arguments in braces, such as {name}. A
// text that counts has two keys, one that ends with .one and one that ends with .many.
//
// To add a text, add its key to every file. To add a language, add its file and a line
// to All. The tests say what is missing.
//
// This package may still change in ways that break programs.
package texts

import (
	"embed"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

//go:embed *.json
var files embed.FS

// Language is a language that the pages are in.
type Language struct {
	Tag  string // its BCP 47 tag
	Name string // its own name for itself

	zeroIsOne bool // 0 takes the form of 1
	texts     func() map[string]string
}

// English is the language of everything that has no better one.
var English = &Language{Tag: "en", Name: "English"}

// All are the languages that there are. English is the first.
var All = []*Language{
	English,
	{Tag: "de", Name: "Deutsch"},
	{Tag: "fr", Name: "Français", zeroIsOne: true},
	{Tag: "es", Name: "Español"},
	{Tag: "ja", Name: "日本語"},
}

// A language is read when its first text is needed: most instances of a Lambda function
// need one or two.
func init() {
	for _, l := range All {
		l.texts = sync.OnceValue(l.read)
	}
}

func (l *Language) read() (texts map[string]string) {
	text, err := files.ReadFile(l.Tag + ".json")
	if err == nil {
		err = json.Unmarshal(text, &texts)
	}
	if err != nil {
		panic(fmt.Errorf("texts: %s: %w", l.Tag, err)) // a mistake in the catalogue
	}
	return texts
}

// Message is a text before its language is known.
type Message struct {
	Key  string
	Args []any // names and values, as Text takes them
}

// In returns the message in the language.
func (m Message) In(l *Language) string { return l.Text(m.Key, m.Args...) }

// Text returns the text with the key. The arguments are names and values, in turn: Text
// replaces {name} with the value. A value that is an int is a number of things: Text
// then takes the text whose key ends with .one or .many. Text panics if the key is not
// in the catalogue, because that is a mistake in the program.
func (l *Language) Text(key string, args ...any) string {
	return fill(l.find(key, args), args, func(value any) string { return fmt.Sprint(value) })
}

// HTML does the same as Text and returns HTML. It escapes the text and the values,
// except those that are [template.HTML].
func (l *Language) HTML(key string, args ...any) template.HTML {
	return template.HTML(fill(template.HTMLEscapeString(l.find(key, args)), args, func(value any) string {
		if html, ok := value.(template.HTML); ok {
			return string(html)
		}
		return template.HTMLEscaper(value)
	}))
}

func (l *Language) find(key string, args []any) string {
	for _, arg := range args {
		if n, ok := arg.(int); ok {
			key += "." + l.form(n)
		}
	}
	text, ok := l.texts()[key]
	if !ok {
		panic(fmt.Sprintf("texts: %s has no %q", l.Tag, key))
	}
	return text
}

// form returns the form that the number n takes (Unicode CLDR, plural rules). Japanese
// has one form, and its two texts are the same.
func (l *Language) form(n int) string {
	if n == 1 || n == 0 && l.zeroIsOne {
		return "one"
	}
	return "many"
}

func fill(text string, args []any, show func(any) string) string {
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%s}", args[i]), show(args[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
