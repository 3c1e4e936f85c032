package lambdahttp

import (
	"iter"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// walker walks through a text that is JSON, as [jsontext.Value.IsValid] has said. So it looks
// only for where a value ends. What it takes shares the memory of the text.
type walker struct {
	text  string
	at    int
	wrong bool   // whether a member had another type than was asked for
	found fields // of all members that have some
}

// kind returns the first character of the next value, or what closes an object or a list.
func (w *walker) kind() byte {
	for {
		switch c := w.text[w.at]; c {
		case ' ', '\t', '\n', '\r', ',', ':': // valid JSON has commas and colons only where they mean nothing here
			w.at++
		default:
			return c
		}
	}
}

// value takes the next value.
func (w *walker) value() string {
	w.kind()
	start := w.at
	for depth := 0; ; {
		switch w.text[w.at] {
		case '"':
			w.quoted()
		case '{', '[':
			depth++
			w.at++
		case '}', ']':
			depth--
			w.at++
		case ' ', '\t', '\n', '\r', ',', ':':
			w.at++
			continue
		default:
			w.at += wordLength(w.text[w.at:])
		}
		if depth == 0 {
			return w.text[start:w.at]
		}
	}
}

// wordLength returns the length of the number, the boolean or the null that text begins with.
func wordLength(text string) int {
	if end := strings.IndexAny(text, ",]} \t\n\r"); end >= 0 {
		return end
	}
	return len(text)
}

// quoted takes a string, with its quotes and its escapes.
func (w *walker) quoted() (raw string, escaped bool) {
	start := w.at
	w.at++
	for {
		end := w.at + strings.IndexByte(w.text[w.at:], '"')
		escape := strings.IndexByte(w.text[w.at:end], '\\')
		if escape < 0 {
			w.at = end + 1
			return w.text[start:w.at], escaped
		}
		w.at += escape + 2 // the character after the backslash may be a quote
		escaped = true
	}
}

// string takes a string, which the next value must be.
func (w *walker) string() string {
	raw, escaped := w.quoted()
	if !escaped {
		return raw[1 : len(raw)-1]
	}
	text, _ := jsontext.AppendUnquote(make([]byte, 0, len(raw)), raw)
	return string(text)
}

// begins reports whether the next value begins with the character. If it is neither that nor
// null, the walker has found something wrong. What is not asked for is left out.
func (w *walker) begins(with byte) bool {
	kind := w.kind()
	if kind == with {
		return true
	}
	w.wrong = w.wrong || kind != 'n'
	w.value()
	return false
}

// textOrNull returns the next value, which must be a text. Null is "".
func (w *walker) textOrNull() string {
	if !w.begins('"') {
		return ""
	}
	return w.string()
}

// trueOrFalse returns the next value, which must be a boolean. Null is false.
func (w *walker) trueOrFalse() bool {
	switch kind := w.kind(); kind {
	case 't', 'f', 'n':
		w.value()
		return kind == 't'
	}
	w.wrong = true
	w.value()
	return false
}

// members enters the next value, which must be an object, and takes the name of each member.
// The caller takes the values. Null has no members.
func (w *walker) members() iter.Seq[string] {
	return func(yield func(string) bool) {
		if !w.begins('{') {
			return
		}
		w.at++
		for w.kind() == '"' {
			if !yield(w.string()) {
				return
			}
		}
		w.at++
	}
}

// elements enters the next value, which must be a list. The caller takes each element when it
// gets its first character. Null has none.
func (w *walker) elements() iter.Seq[byte] {
	return func(yield func(byte) bool) {
		if !w.begins('[') {
			return
		}
		w.at++
		for w.kind() != ']' {
			if !yield(w.kind()) {
				return
			}
		}
		w.at++
	}
}
