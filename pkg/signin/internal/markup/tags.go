// Package markup looks at the HTML that templates make, before any page is sent: what a
// browser would refuse under the Content-Security-Policy of the pages, what it must be
// allowed, and forms that no route understands.
//
// This package may still change in ways that break programs.
package markup

import (
	"html"
	"iter"
	"slices"
	"strings"
)

// The text of a page has these characters where a template does something. No file has
// them: see [Clean].
const (
	Hole = "\x00" // it prints what is known only when the page is sent
	Seam = "\x01" // a part begins or ends that is there only in some cases, or several times
)

// Tag is a start or an end tag.
type Tag struct {
	Name  string // in lower case
	End   bool
	Attrs []Attr
	Text  string // what stands in an element that can have no others, such as style
	At    int    // where the tag begins
}

// Attr is an attribute. Its name is in lower case, and without holes and seams.
type Attr struct{ Name, Value string }

// value returns the value of the attribute with the name, and whether there is one.
func (t *Tag) value(name string) (string, bool) {
	i := slices.IndexFunc(t.Attrs, func(a Attr) bool { return a.Name == name })
	if i < 0 {
		return "", false
	}
	return t.Attrs[i].Value, true
}

// textOnly are the elements in which a browser sees no tags (HTML Standard, section 13.2.5).
var textOnly = []string{"style", "script", "textarea", "title", "xmp", "iframe", "noembed", "noframes"}

// Tags returns the tags of a text, in order, as a browser reads them.
func Tags(text string) iter.Seq[Tag] {
	return func(yield func(Tag) bool) {
		r := reader{text: text}
		for r.next() {
			if !yield(r.tag) {
				return
			}
		}
	}
}

type reader struct {
	text string
	at   int
	tag  Tag
}

// next reads up to the end of the next tag.
func (r *reader) next() bool {
	for {
		i := strings.IndexByte(r.text[r.at:], '<')
		if i < 0 {
			return false
		}
		r.at += i
		rest := r.text[r.at:]
		switch {
		case strings.HasPrefix(rest, "<!--"):
			r.skipPast("-->")
		case len(rest) > 1 && isLetter(rest[1]), len(rest) > 2 && rest[1] == '/' && isLetter(rest[2]):
			r.readTag()
			return true
		default:
			r.at++
		}
	}
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func (r *reader) skipPast(end string) {
	if i := strings.Index(r.text[r.at:], end); i >= 0 {
		r.at += i + len(end)
		return
	}
	r.at = len(r.text)
}

func (r *reader) readTag() {
	r.tag = Tag{At: r.at}
	r.at++
	if r.text[r.at] == '/' {
		r.tag.End = true
		r.at++
	}
	r.tag.Name = strings.ToLower(bare(r.until(blanks + "/>")))
	for r.at < len(r.text) && r.readAttr() {
	}
	if !r.tag.End && slices.Contains(textOnly, r.tag.Name) {
		begin := r.at
		r.skipToEndOf(r.tag.Name)
		r.tag.Text = r.text[begin:r.at]
	}
}

const blanks = " \t\n\f\r"

// until returns what comes before the next of the characters.
func (r *reader) until(characters string) string {
	begin := r.at
	if i := strings.IndexAny(r.text[begin:], characters); i >= 0 {
		r.at = begin + i
	} else {
		r.at = len(r.text)
	}
	return r.text[begin:r.at]
}

func (r *reader) skip(characters string) {
	r.at = len(r.text) - len(strings.TrimLeft(r.text[r.at:], characters))
}

// readAttr reads an attribute, and returns false at the end of the tag.
func (r *reader) readAttr() bool {
	r.skip(blanks + "/")
	if r.at == len(r.text) || r.text[r.at] == '>' {
		r.at = min(r.at+1, len(r.text))
		return false
	}
	begin := r.at
	r.at++ // an attribute may begin with =
	r.until(blanks + "/>=")
	a := Attr{Name: strings.ToLower(bare(r.text[begin:r.at]))}
	r.skip(blanks + Seam)
	if r.at < len(r.text) && r.text[r.at] == '=' {
		r.at++
		r.skip(blanks + Seam)
		a.Value = html.UnescapeString(r.readValue())
	}
	if a.Name != "" {
		r.tag.Attrs = append(r.tag.Attrs, a)
	}
	return true
}

func (r *reader) readValue() string {
	if r.at == len(r.text) || r.text[r.at] != '"' && r.text[r.at] != '\'' {
		return r.until(blanks + ">")
	}
	quote := r.text[r.at : r.at+1]
	r.at++
	value := r.until(quote)
	r.at = min(r.at+1, len(r.text))
	return value
}

func (r *reader) skipToEndOf(name string) {
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		if len(rest) >= 2+len(name) && rest[:2] == "</" && strings.EqualFold(rest[2:2+len(name)], name) {
			return
		}
		r.at++
		r.until("<")
	}
}

// bare returns a text without holes and seams.
func bare(text string) string { return marks.Replace(text) }

var marks = strings.NewReplacer(Hole, "", Seam, "")

// Clean returns the text of a file as browsers see it: with one character at the end of each
// line. It takes out the characters that have a meaning here.
func Clean(text string) string { return cleaner.Replace(text) }

var cleaner = strings.NewReplacer("\r\n", "\n", "\r", "\n", Hole, "", Seam, "")
