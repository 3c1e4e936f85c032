// Package texts is the catalogue of the texts of the pages, in every language that the
// pages are in. Each language is a file of JSON, such as en.json: one object, whose keys
// are the same in every file. A text names its arguments in braces, such as {name}. A
// text that counts has a key for each form that a number takes in the language, by the
// names of Unicode CLDR: in English one that ends with .one and one that ends with .other.
//
// [Default] has the texts and languages of Coatcheck. [New] makes a [Catalogue] of
// another site, with texts and languages of its own.
//
// To add a text of Coatcheck, add its key to every file. To add a language, add its file
// and a line to Default. The tests say what is missing.
//
// This package may still change in ways that break programs.
package texts

import (
	"embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

//go:embed *.json
var files embed.FS

// Language is a language that pages are in.
type Language struct {
	Tag  string // its BCP 47 tag
	Name string // its own name for itself

	texts  func() map[string]string
	before *Language // has what texts has not; nil if there is none
}

// Catalogue is the texts of a site, in the languages that it offers. It is safe for
// concurrent use.
type Catalogue struct {
	languages []*Language // at least one
	english   *Language
}

// Default is the catalogue of Coatcheck: English, German, French, Spanish and Japanese.
// English is the language of whoever has no better one.
var Default = newDefault(
	ours("en", "English"),
	ours("de", "Deutsch"),
	ours("fr", "Français"),
	ours("es", "Español"),
	ours("ja", "日本語"),
)

func newDefault(languages ...*Language) *Catalogue { return &Catalogue{languages, languages[0]} }

// ours returns a language of Coatcheck. It is read when its first text is needed: most
// instances of a Lambda function need one or two.
func ours(tag, name string) *Language {
	return &Language{Tag: tag, Name: name, texts: sync.OnceValue(func() map[string]string {
		text, err := files.ReadFile(tag + ".json")
		if err == nil {
			var texts map[string]string
			if err = json.Unmarshal(text, &texts); err == nil {
				return texts
			}
		}
		panic(fmt.Errorf("texts: %s: %w", tag, err)) // a mistake in the catalogue
	})}
}

// Languages returns the languages that the site offers. The first is that of whoever has
// no better one.
func (c *Catalogue) Languages() []*Language { return slices.Clone(c.languages) }

// English returns the language of what programs read, such as the detail of a problem
// document, whether or not the site offers it. A text of the site's own that has no
// English is in the first language instead.
func (c *Catalogue) English() *Language { return c.english }

// Message is a text before its language is known.
type Message struct {
	Key  string // of the text
	Args []any  // names and values, as Text takes them
}

// In returns the message in the language.
func (m Message) In(l *Language) string { return l.Text(m.Key, m.Args...) }

// String returns the message as logs have it: in English, or, if it is none of
// Coatcheck's, its key and arguments.
func (m Message) String() string {
	if _, ok := Default.english.lookUp(m.Key, m.Args); ok {
		return m.In(Default.english)
	}
	return strings.TrimSpace(m.Key + " " + strings.TrimSuffix(fmt.Sprintln(m.Args...), "\n"))
}

// Text returns the text with the key. The arguments are names and values, in turn: Text
// replaces {name} with the value. A value that is an int is a number of things: Text
// then takes the text whose key ends with the form of that number, such as .one or .other.
// Text panics if the key is not in the catalogue, because that is a mistake in the program.
func (l *Language) Text(key string, args ...any) string {
	return fill(l.find(key, args), args, func(value any) string {
		if text, ok := value.(string); ok {
			return text
		}
		return fmt.Sprint(value)
	})
}

// HTML does the same as Text and returns HTML. It escapes the text and the values,
// except those that are [template.HTML].
func (l *Language) HTML(key string, args ...any) template.HTML {
	return template.HTML(fill(template.HTMLEscapeString(l.find(key, args)), args, func(value any) string {
		switch value := value.(type) {
		case template.HTML:
			return string(value)
		case string:
			return template.HTMLEscapeString(value)
		}
		return template.HTMLEscaper(value)
	}))
}

// RightToLeft reports whether the language is written from right to left.
func (l *Language) RightToLeft() bool {
	subtags := strings.Split(l.Tag, "-")
	if len(subtags) > 1 && len(subtags[1]) == 4 { // a script
		return strings.Contains(" Adlm Arab Hebr Nkoo Rohg Syrc Thaa ", " "+subtags[1]+" ")
	}
	return strings.Contains(" ar arc ars ckb dv fa he iw ks lrc mzn nqo ps sd syr ug ur yi ", " "+subtags[0]+" ")
}

func (l *Language) find(key string, args []any) string {
	text, ok := l.lookUp(key, args)
	if !ok {
		panic(fmt.Sprintf("texts: %s has no %q", l.Tag, key))
	}
	return text
}

func (l *Language) lookUp(key string, args []any) (text string, ok bool) {
	full := key
	for _, arg := range args {
		if n, ok := arg.(int); ok {
			full += "." + pluralOf(l.Tag)(n)
		}
	}
	if text, ok = l.texts()[full]; !ok && l.before != nil {
		return l.before.lookUp(key, args)
	}
	return text, ok
}

// all returns every text of the language.
func (l *Language) all() map[string]string {
	if l.before == nil {
		return l.texts()
	}
	texts := maps.Clone(l.before.all())
	maps.Copy(texts, l.texts())
	return texts
}

// fill replaces the names of arguments in a text, each in braces, by what show makes of their
// values. What stands in braces and is no argument stays as it is.
func fill(text string, args []any, show func(any) string) string {
	if len(args) == 0 {
		return text
	}
	var filled strings.Builder
	for {
		before, after, found := strings.Cut(text, "{")
		filled.WriteString(before)
		if !found {
			return filled.String()
		}
		name, rest, closed := strings.Cut(after, "}")
		if i := argument(args, name); closed && i >= 0 {
			filled.WriteString(show(args[i]))
			text = rest
			continue
		}
		filled.WriteByte('{')
		text = after
	}
}

// argument returns where the value of the argument with that name is, or -1.
func argument(args []any, name string) int {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return i + 1
		}
	}
	return -1
}
