package legacy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The readers bound what a cookie or a row makes them do. Sessions of real applications
// stay far below.
const (
	maxBytes = 1 << 20 // of a session, after inflation
	maxDepth = 64      // of lists and maps within each other
)

// What a session holds is, in each format: nil, a bool, a string, a [json.Number] for an
// integer (and in JSON for any number), a float64, a []byte, a []any, a map[string]any, or
// other for what the format has and this package has no use for.
type other struct{}

// integer is a number as Python, JavaScript and Go write an integer.
var integer = shape{expression: `\A(0|-?[1-9][0-9]*)\z`}

// newClaim makes a claim of what a session holds. The identity is the one of the session's
// row, or "". The user's ID is at path, whose parts have dots between them.
func newClaim(identity string, values map[string]any, path string) (Claim, error) {
	userID, err := userAt(values, path)
	if err != nil {
		return Claim{}, err
	}
	c := Claim{UserID: userID, Identity: identity, Data: texts(values)}
	c.applyStamp(c.Data[StampKey])
	return c, nil
}

// userAt returns the user's ID at the path, or "" if there is none.
func userAt(values map[string]any, path string) (string, error) {
	var at any = values
	for part := range strings.SplitSeq(path, ".") {
		inner, ok := at.(map[string]any)
		if !ok {
			return "", fmt.Errorf("%w: there is no user at %q, but a %s on the way", ErrRejected, path, kind(at))
		}
		if at = inner[part]; at == nil {
			return "", nil
		}
	}
	id, err := userID(at)
	if err != nil {
		return "", fmt.Errorf("%w at %q", err, path)
	}
	return id, nil
}

// userID returns a user's ID as text: a text byte for byte, an integer as plain decimal.
// All else could be spelled in two ways, so it is refused.
func userID(v any) (string, error) {
	switch id := v.(type) {
	case nil:
		return "", nil
	case string:
		if !utf8.ValidString(id) || strings.ContainsRune(id, utf8.RuneError) {
			return "", fmt.Errorf("%w: a user's ID that is no good UTF-8", ErrRejected)
		}
		return id, nil
	case json.Number:
		if integer.compiled().MatchString(string(id)) {
			return string(id), nil
		}
	}
	return "", fmt.Errorf("%w: a user's ID that is a %s", ErrRejected, kind(v))
}

// kind says what a value is, without the value.
func kind(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case string:
		return "text"
	case json.Number, float64:
		return "number that is no plain integer"
	case []any:
		return "list"
	case map[string]any:
		return "map"
	}
	return "value of another kind"
}

// texts returns the values that are texts, numbers or booleans, as text. Bytes are base64.
// PHP and Ruby have texts that are no UTF-8; these are left out.
func texts(values map[string]any) map[string]string {
	found := make(map[string]string)
	for name, value := range values {
		switch v := value.(type) {
		case string:
			if utf8.ValidString(v) {
				found[name] = v
			}
		case json.Number:
			found[name] = string(v)
		case float64:
			found[name] = strconv.FormatFloat(v, 'g', -1, 64)
		case bool:
			found[name] = strconv.FormatBool(v)
		case []byte:
			found[name] = base64.StdEncoding.EncodeToString(v)
		}
	}
	return found
}

// decodeJSON reads a JSON object.
func decodeJSON(text []byte) (map[string]any, error) {
	if len(text) > maxBytes || !utf8.Valid(text) || jsonDepth(text) > maxDepth {
		return nil, fmt.Errorf("%w: its JSON is too long, too deep or no UTF-8", ErrRejected)
	}
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil || values == nil {
		return nil, fmt.Errorf("%w: its content is no JSON object", ErrRejected)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows its JSON", ErrRejected)
	}
	return values, nil
}

// jsonDepth returns how many lists and objects of a JSON text are open at once.
func jsonDepth(text []byte) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// decodeBase64 reads base64 of which each content has only one spelling: the package
// encoding/base64 skips line ends and, unless it is strict, ignores spare bits.
func decodeBase64(encoding *base64.Encoding, text string) ([]byte, error) {
	content, err := encoding.DecodeString(text)
	if err != nil || encoding.EncodeToString(content) != text {
		return nil, fmt.Errorf("%w: it has base64 that nobody writes", ErrRejected)
	}
	return content, nil
}
