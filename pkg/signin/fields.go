package signin

import (
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/internal/lazily"
)

// Fields reads the body: a form, or a JSON object whose values are strings, in UTF-8. The
// body must contain exactly the named fields, each of them once. A form may also contain
// the field "next", the page that comes after it: see [LocalPath]. The error says what is
// wrong with the body, and is for [Pages.Fail], which answers 400 or 415.
func Fields(r *http.Request, names ...string) (map[string]string, error) {
	got, err := SomeFields(r, names...)
	if err != nil {
		return nil, err
	}
	return got, present(got, names...)
}

// stayField is the only field that is no text: a checkbox of a form, true or false in
// JSON.
const stayField = "stay_signed_in"

// loginFields reads the body of a sign-in: the name, the password, and whether the user
// wants to stay signed in, which may be missing.
func loginFields(r *http.Request) (got map[string]string, stay bool, err error) {
	if got, err = SomeFields(r, "username", "password", stayField); err != nil {
		return nil, false, err
	}
	if err := present(got, "username", "password"); err != nil {
		return nil, false, err
	}
	switch got[stayField] {
	case "true", "on": // on is what a browser sends for a checkbox without a value
		return got, true, nil
	case "false", "":
		return got, false, nil
	}
	return nil, false, errStay
}

// present returns an error if one of the named fields is missing.
func present(got map[string]string, names ...string) error {
	for _, name := range names {
		if _, ok := got[name]; !ok {
			return badRequest("problem.field_missing", "field", strconv.Quote(name))
		}
	}
	return nil
}

// SomeFields does the same as Fields, but some of the named fields may be missing, as a
// checkbox is that nobody has ticked. At least one of them must be present.
func SomeFields(r *http.Request, names ...string) (map[string]string, error) {
	got, form, err := decode(r)
	if err != nil {
		return nil, err
	}
	known := 0
	for name := range got {
		switch {
		case slices.Contains(names, name):
			known++
		case !form || name != "next":
			return nil, badRequest("problem.field_unknown", "fields", fmt.Sprintf("%q", names))
		}
	}
	if known == 0 {
		return nil, badRequest("problem.field_missing", "field", strconv.Quote(names[0]))
	}
	return got, nil
}

// decode reads the fields of the body and reports whether the body is a form.
func decode(r *http.Request) (got map[string]string, form bool, err error) {
	kind, err := bodyType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, false, err
	}
	body, err := io.ReadAll(r.Body) // in memory already: see readBody
	if err != nil {
		return nil, false, err
	}
	switch kind {
	case "application/json":
		got, err = decodeJSON(body)
		return got, false, err
	case "application/x-www-form-urlencoded":
		got, err = decodeForm(body)
		return got, true, err
	}
	return nil, false, errOtherType
}

// utf8Names are the charsets that clients name when they send UTF-8. ASCII is a part of it.
var utf8Names = []string{"", "utf-8", "utf8", "us-ascii", "ascii"}

// emptyCharset matches a charset without a name, which mime does not parse.
var emptyCharset = lazily.Regexp(`(?i);\s*charset=\s*(;|$)`)

// bodyType returns the media type that the header Content-Type names. It refuses every
// charset but UTF-8.
func bodyType(header string) (string, error) {
	kind, params, err := mime.ParseMediaType(emptyCharset().ReplaceAllString(header, "$1"))
	if err != nil {
		return "", errOtherType
	}
	if charset := params["charset"]; !slices.Contains(utf8Names, strings.ToLower(charset)) {
		return "", refuse(http.StatusUnsupportedMediaType, "problem.charset", "charset", strconv.Quote(charset))
	}
	return kind, nil
}

func decodeForm(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest("problem.form_encoding")
	}
	got := make(map[string]string, len(values))
	for name, all := range values {
		if len(all) != 1 {
			return nil, badRequest("problem.field_twice")
		}
		if !utf8.ValidString(name) || !utf8.ValidString(all[0]) {
			return nil, badRequest("problem.form_utf8")
		}
		got[name] = all[0]
	}
	return got, nil
}

// decodeJSON uses a decoder that is stricter than encoding/json. It refuses duplicate
// names, invalid UTF-8 and names with other upper and lower case.
func decodeJSON(body []byte) (map[string]string, error) {
	var values map[string]any
	if err := json.Unmarshal(body, &values); err != nil || values == nil {
		return nil, errJSON
	}
	got := make(map[string]string, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) { // in order, so that the answer is the same each time
		text, err := decodeValue(name, values[name])
		if err != nil {
			return nil, err
		}
		got[name] = text
	}
	return got, nil
}

func decodeValue(name string, value any) (string, error) {
	flag, isFlag := value.(bool)
	text, isText := value.(string)
	switch {
	case name == stayField && isFlag:
		return strconv.FormatBool(flag), nil
	case name == stayField:
		return "", errStay
	case value == nil:
		return "", badRequest("problem.null")
	case !isText:
		return "", errJSON
	}
	return text, nil
}

var (
	errJSON = badRequest("problem.json")
	errStay = badRequest("problem.value", "field", strconv.Quote(stayField), "values", fmt.Sprintf("%q", []string{"true", "false"}))
)
