package texts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/internal/lazily"
)

// New returns the catalogue of a site that offers the languages with these BCP 47 tags, such
// as pt-BR. The first is that of whoever has no better one. No tags mean those of [Default].
//
// In the root of files are texts of the site's own, each language's in its file, such as
// pt-BR.json. A key of Coatcheck's replaces that text. Any other key is a text for a page of
// the site's own: its part before the first dot is no word with which a key of Coatcheck's
// begins, and it is in the file of each language. files may be nil, and need not have a file
// of a language of Coatcheck's. It may have en.json in any case: see [Catalogue.English].
//
// A language that is not Coatcheck's needs a text for every key, and its own name for itself
// in the key "language.name". One with a region, such as de-CH, takes what its file has not
// from the language without it, if that is Coatcheck's.
//
// New reads all files and checks them: the keys, the arguments in braces, which must be the
// same in every language, and the forms of each text that counts. The error says for each
// mistake which file and which key it is in, and what to do.
func New(files fs.FS, tags ...string) (*Catalogue, error) {
	own, err := readAll(files)
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	c := &Catalogue{}
	if len(tags) == 0 {
		for _, l := range Default.languages {
			tags = append(tags, l.Tag)
		}
	}
	for _, tag := range tags {
		if err := c.offer(tag, own[tag]); err != nil {
			return nil, fmt.Errorf("texts: %w", err)
		}
	}
	if i := c.index("en"); i >= 0 {
		c.english = c.languages[i]
	} else {
		ours := &Language{Tag: "en", Name: "English", texts: Default.english.texts, before: c.languages[0]}
		c.english = &Language{Tag: "en", Name: "English", texts: always(own["en"]), before: ours}
	}
	if err := c.check(own); err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	return c, nil
}

func always(texts map[string]string) func() map[string]string {
	return func() map[string]string { return texts }
}

// index returns the place of the language with exactly that tag, or -1.
func (c *Catalogue) index(tag string) int {
	return slices.IndexFunc(c.languages, func(l *Language) bool { return l.Tag == tag })
}

// nameKey is the key of a language's own name for itself.
const nameKey = "language.name"

// offer adds the language with the tag, whose own texts may be nil.
func (c *Catalogue) offer(tag string, own map[string]string) error {
	if !regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`).MatchString(tag) {
		return fmt.Errorf("%q is no tag of a language; write such as pt, pt-BR or sr-Latn", tag)
	}
	if c.index(tag) >= 0 {
		return fmt.Errorf("the language %s is there twice; name it once", tag)
	}
	l := &Language{Tag: tag, Name: own[nameKey], texts: always(own), before: Default.Find(tag)}
	if l.before != nil && l.Name == "" {
		l.Name = l.before.Name
	}
	if l.Name == "" {
		return fmt.Errorf("%s.json has no %q; %s is no language of Coatcheck, so give its file that key and all others", tag, nameKey, tag)
	}
	c.languages = append(c.languages, l)
	return nil
}

// readAll returns the texts in the files, by their tags.
func readAll(files fs.FS) (map[string]map[string]string, error) {
	own := map[string]map[string]string{}
	if files == nil {
		return own, nil
	}
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("there is no file such as en.json; if the files are in a folder, pass it by fs.Sub")
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var texts map[string]string
		if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &texts); err != nil { // some editors begin a file with it
			return nil, fmt.Errorf("%s must be one JSON object whose values are strings, with no key twice: %w", name, err)
		}
		own[strings.TrimSuffix(name, ".json")] = texts
	}
	return own, nil
}

// checker finds mistakes in the files of a site.
type checker struct {
	ours   map[string]entry // by the key
	groups map[string]bool  // the words with which keys of ours begin
	own    map[string]entry // the texts of the site's own, by the key, as the first file has them
	errs   []error
}

// entry is what all languages have in common about a text.
type entry struct {
	counts    bool
	arguments []string // sorted
	file      string   // where it is
}

// placeholder is compiled when it is needed: most programs have the texts of Default.
var placeholder = lazily.Regexp(`\{[a-z_]+\}`)

// placeholders returns the arguments that a text names, each once, sorted.
func placeholders(text string) []string {
	found := placeholder().FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// cut returns the key of a text without its form, which is "" if the text does not count.
func cut(full string) (key, form string) {
	i := strings.LastIndexByte(full, '.')
	if i > 0 && slices.Contains(forms, full[i+1:]) {
		return full[:i], full[i+1:]
	}
	return full, ""
}

// check returns every mistake in the files.
func (c *Catalogue) check(own map[string]map[string]string) error {
	k := newChecker()
	languages := []*Language{c.english} // it comes first: others are compared with it
	for _, l := range c.languages {
		if l != c.english {
			languages = append(languages, l)
		}
	}
	for _, l := range languages {
		k.learn(l.Tag+".json", own[l.Tag])
	}
	for _, l := range languages {
		for _, full := range slices.Sorted(maps.Keys(own[l.Tag])) {
			if err := k.checkText(l, full, own[l.Tag][full]); err != nil {
				k.errs = append(k.errs, fmt.Errorf("%s.json, %q: %w", l.Tag, full, err))
			}
		}
		delete(own, l.Tag)
	}
	for _, tag := range slices.Sorted(maps.Keys(own)) {
		k.errs = append(k.errs, fmt.Errorf("%s.json is of no language that the site offers; name %s among them, or take the file away", tag, tag))
	}
	for _, l := range c.languages {
		if missing := k.missing(l); len(missing) > 0 {
			k.errs = append(k.errs, fmt.Errorf("%s.json has no text for %q", l.Tag, missing))
		}
	}
	return errors.Join(k.errs...)
}

// newChecker returns a checker that knows the texts of ours.
func newChecker() *checker {
	k := &checker{ours: map[string]entry{}, groups: map[string]bool{}, own: map[string]entry{}}
	for full, text := range Default.english.texts() {
		key, form := cut(full)
		group, _, _ := strings.Cut(key, ".")
		k.groups[group] = true
		if form == "" || form == "other" {
			k.ours[key] = entry{form != "", placeholders(text), "en.json"}
		}
	}
	return k
}

// learn takes from the first file that has a key of the site's own what its texts are like.
func (k *checker) learn(file string, own map[string]string) {
	for full, text := range own {
		key, form := cut(full)
		e, known := k.own[key]
		if _, ours := k.ours[key]; ours || full == nameKey || known && e.file != file {
			continue
		}
		e.file, e.counts = file, e.counts || form != ""
		e.arguments = append(e.arguments, placeholders(text)...)
		slices.Sort(e.arguments)
		e.arguments = slices.Compact(e.arguments)
		k.own[key] = e
	}
}

// checkText checks one text of a file.
func (k *checker) checkText(l *Language, full, text string) error {
	key, form := cut(full)
	known, ours := k.ours[key]
	if !ours {
		known = k.own[key]
	}
	got := placeholders(text)
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("it is empty; write a text, or leave the key out")
	case strings.ContainsAny(placeholder().ReplaceAllString(text, ""), "{}"):
		return errors.New("it has a brace that is part of no argument such as {name}, in lower case")
	case full == nameKey:
		return nil
	case !ours && !ownKey(key):
		return errors.New("a key must be such as shop.title, of a-z 0-9 _ and dots; zero, one, two, few, many and other at the end are the forms of a text that counts")
	case !ours && k.isOurs(key):
		return errors.New("no text of Coatcheck has this key; a key of your own begins with a word of your own, such as shop.title")
	case known.counts && form == "":
		return fmt.Errorf("it counts in %s; write a text for each form, such as %q", known.file, l.keys(key, true))
	case !known.counts && form != "":
		return fmt.Errorf("it does not count in %s; write the key %q", known.file, key)
	case form != "" && !slices.Contains(l.forms(), form):
		return fmt.Errorf("no number takes the form %q in this language; the forms are %q", form, l.forms())
	case !slices.Equal(got, known.arguments) && !(leavesOut(form) && slices.Equal(got, without(known.arguments))):
		return fmt.Errorf("it has the arguments %q; it must have %q, as in %s", got, known.arguments, known.file)
	case key == "date.months" && len(strings.Fields(text)) != 12:
		return fmt.Errorf("it has %d months; write twelve, with blanks between them and none in a name", len(strings.Fields(text)))
	}
	return nil
}

// ownKey reports whether the key is one that a site may have for a text of its own.
func ownKey(key string) bool {
	group, rest, _ := strings.Cut(key, ".")
	return group != "" && rest != "" && !regexp.MustCompile(`[^a-z0-9_.]`).MatchString(key)
}

// isOurs reports whether a key of Coatcheck's begins with the same word.
func (k *checker) isOurs(key string) bool {
	group, _, _ := strings.Cut(key, ".")
	return k.groups[group]
}

// leavesOut reports whether a text in that form may leave out the number: in words, it is
// one thing, or two, or none.
func leavesOut(form string) bool { return form == "zero" || form == "one" || form == "two" }

// without returns the arguments without the number.
func without(arguments []string) []string {
	return slices.DeleteFunc(slices.Clone(arguments), func(name string) bool { return name == "{n}" })
}

// forms returns the forms that numbers take in the language.
func (l *Language) forms() (taken []string) {
	for n := range 200 {
		taken = append(taken, pluralOf(l.Tag)(n))
	}
	taken = append(taken, pluralOf(l.Tag)(1_000_000))
	return slices.DeleteFunc(slices.Clone(forms), func(form string) bool { return !slices.Contains(taken, form) })
}

// missing returns the keys that the language has no text for.
func (k *checker) missing(l *Language) (missing []string) {
	has := l.all()
	for _, entries := range []map[string]entry{k.ours, k.own} {
		for key, e := range entries {
			for _, full := range l.keys(key, e.counts) {
				if has[full] == "" {
					missing = append(missing, full)
				}
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// keys returns the keys of a text in the language.
func (l *Language) keys(key string, counts bool) []string {
	if !counts {
		return []string{key}
	}
	full := l.forms()
	for i, form := range full {
		full[i] = key + "." + form
	}
	return full
}
