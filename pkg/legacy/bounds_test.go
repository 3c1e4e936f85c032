package legacy

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// deflate compresses a text as Flask and Django do.
func deflate(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compressed returns the payload of a cookie that has the text compressed.
func compressed(t testing.TB, text string) string {
	return "." + base64.RawURLEncoding.EncodeToString(deflate(t, []byte(text)))
}

// TestBounds: a session of the greatest size and depth is read, and one beyond is not.
func TestBounds(t *testing.T) {
	list := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	long := func(bytes int) string { return `{"a":"` + strings.Repeat("x", bytes-len(`{"a":""}`)) + `"}` }
	fromJSON := func(text string) error { _, err := decodeJSON([]byte(text)); return err }
	fromZlib := func(text string) error { _, err := flaskValues(compressed(t, text)); return err }
	fromMsgpack := func(text string) error { _, err := decodeMsgpack([]byte(text)); return err }
	fromPickle := func(text string) error { _, err := decodePickle([]byte(text)); return err }
	text := func(n int) string { return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }
	backwards := func(n int) string { return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) }
	for _, c := range []struct {
		name   string
		read   func(string) error
		most   string
		beyond string
	}{
		{"JSON, long", fromJSON, long(maxBytes), long(maxBytes + 1)},
		{"JSON, deep", fromJSON, `{"a":` + list(maxDepth-1) + `}`, `{"a":` + list(maxDepth) + `}`},
		{"JSON, deep after a quote", fromJSON, `{"a\"[":` + list(maxDepth-1) + `}`, `{"a\"":` + list(maxDepth) + `}`},
		{"zlib, long", fromZlib, long(maxBytes), long(maxBytes + 1)},
		{"zlib, a thousandfold", fromZlib, "{}" + strings.Repeat(" ", maxBytes-2), "{}" + strings.Repeat(" ", 2<<20)},
		{"MessagePack, long", fromMsgpack, "\x81\xa1a\xdb" + text(maxBytes-8) + strings.Repeat("x", maxBytes-8),
			"\x81\xa1a\xdb" + text(maxBytes-7) + strings.Repeat("x", maxBytes-7)},
		{"MessagePack, deep", fromMsgpack, "\x81\xa1a" + strings.Repeat("\x91", maxDepth-1) + "\xc0",
			"\x81\xa1a" + strings.Repeat("\x91", maxDepth) + "\xc0"},
		{"pickle, long", fromPickle, "}X\x01\x00\x00\x00aX" + backwards(maxBytes-14) + strings.Repeat("x", maxBytes-14) + "s.",
			"}X\x01\x00\x00\x00aX" + backwards(maxBytes-13) + strings.Repeat("x", maxBytes-13) + "s."},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.read(c.most); err != nil {
				t.Errorf("at the bound: %v", err)
			}
			if err := c.read(c.beyond); !errors.Is(err, ErrRejected) {
				t.Errorf("beyond the bound: %v, want %v", err, ErrRejected)
			}
		})
	}
}

// TestPromises: a length that a row promises, and does not keep, costs nothing.
func TestPromises(t *testing.T) {
	for _, row := range []string{
		"\xdf\xff\xff\xff\xff", "\x81\xa1a\xdd\xff\xff\xff\xff", "\x81\xa1a\xdb\xff\xff\xff\xff", "\x81\xa1a\xc6\xff\xff\xff\xff", "\x81\xa1a\xc9\xff\xff\xff\xff\x01",
	} {
		if _, err := decodeMsgpack([]byte(row)); !errors.Is(err, ErrRejected) {
			t.Errorf("MessagePack %q: %v", row, err)
		}
	}
	for _, row := range []string{
		"}\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "}X\xff\xff\xff\xff", "}\x8e\xff\xff\xff\xff\xff\xff\xff\xff", "}B\xff\xff\xff\xff", "}\x8a\xff", "}j\xff\xff\xff\xff.", "}r\xff\xff\xff\xff.",
	} {
		if _, err := decodePickle([]byte(row)); !errors.Is(err, ErrRejected) {
			t.Errorf("pickle %q: %v", row, err)
		}
	}
}

// TestPickleOpcodes: the reader knows the opcodes of plain data, and no others.
func TestPickleOpcodes(t *testing.T) {
	known := map[byte]bool{}
	for _, code := range []byte("\x80\x95.(hjqr\x94N\x88\x89KMJ\x8aG\x8cX\x8dCB\x8e}])\x85\x86\x87taesu") {
		known[code] = true
	}
	for code := range 256 {
		if got := knows(byte(code)); got != known[byte(code)] {
			t.Errorf("opcode %#x is known: %v", code, got)
		}
	}
}

func pickleOf(text string) *pickle { return &pickle{rest: []byte(text)} }

// knows reports whether the opcode works on some stack.
func knows(code byte) bool {
	for _, before := range []string{"", "}q\x00", "](", "]N", "}(NN", "}NN", "NNN", "]q\x00"} {
		p := pickleOf(before + string([]byte{code}) + strings.Repeat("\x00", 16))
		for len(p.rest) > 16 {
			p.step()
		}
		if !p.bad {
			return true
		}
	}
	return false
}

// TestPicklesThatRun: pickles that would run something in Python are rejected.
func TestPicklesThatRun(t *testing.T) {
	for name, text := range map[string]string{
		"GLOBAL and REDUCE":       "cos\nsystem\n(S'id'\ntR.",
		"STACK_GLOBAL":            "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
		"in a value":              "\x80\x04}\x8c\x01a\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85Rs.",
		"INST":                    "(S'id'\nios\nsystem\n.",
		"OBJ":                     "(cos\nsystem\nS'id'\no.",
		"NEWOBJ":                  "\x80\x02ccollections\nOrderedDict\n)\x81.",
		"BUILD":                   "\x80\x02}}b.",
		"EXT1":                    "\x80\x02\x82\x01.",
		"PERSID":                  "Pid\n.",
		"a datetime in a session": "\x80\x04}\x8c\x01a\x8c\x08datetime\x8c\x04date\x93C\x04\x07\xea\x01\x01\x85Rs.",
	} {
		if _, err := decodePickle([]byte(text)); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v, want %v", name, err, ErrRejected)
		}
	}
}

// TestPickleInItself: a list or dict that contains itself is read and does no harm.
func TestPickleInItself(t *testing.T) {
	for _, text := range []string{
		"}q\x00X\x01\x00\x00\x00ah\x00s.",              // a dict in itself
		"}X\x01\x00\x00\x00a]q\x00h\x00as.",            // a list in itself
		"}q\x00X\x01\x00\x00\x00a]q\x01(h\x00h\x01es.", // each in the other
	} {
		values, err := decodePickle([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if _, err := newClaim("", values, "a.a.a"); err != nil && !errors.Is(err, ErrRejected) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestUserID: a user's ID has one spelling.
func TestUserID(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
		ok    bool
	}{
		{"42", "42", true},
		{"042", "042", true},
		{" 42", " 42", true},
		{"Zoë ☕", "Zoë ☕", true},
		{"", "", true},
		{nil, "", true},
		{json.Number("42"), "42", true},
		{json.Number("0"), "0", true},
		{json.Number("-7"), "-7", true},
		{json.Number("18446744073709551616"), "18446744073709551616", true},
		{json.Number("42.0"), "", false},
		{json.Number("4.2e1"), "", false},
		{json.Number("1e21"), "", false},
		{json.Number("-0"), "", false},
		{json.Number("042"), "", false},
		{float64(42), "", false},
		{true, "", false},
		{false, "", false},
		{[]byte("42"), "", false},
		{[]any{"42"}, "", false},
		{map[string]any{"id": "42"}, "", false},
		{other{}, "", false},
		{"\xff", "", false},
		{"a\ufffd", "", false}, // what JSON makes of half a character
	} {
		got, err := userID(c.value)
		if got != c.want || (err == nil) != c.ok || err != nil && !errors.Is(err, ErrRejected) {
			t.Errorf("%T %v is user %q, %v; want %q, %v", c.value, c.value, got, err, c.want, c.ok)
		}
	}
}

// TestUserAt: the path leads to one value, and nothing stands in for it.
func TestUserAt(t *testing.T) {
	values := map[string]any{"a": map[string]any{"b": "42"}, "c": "x", "n": nil, "a.b": "7"}
	for _, c := range []struct {
		path, want string
		ok         bool
	}{
		{"a.b", "42", true},
		{"c", "x", true},
		{"n.b", "", true},
		{"nobody", "", true},
		{"a.nobody", "", true},
		{"c.b", "", false},
		{"a", "", false},
	} {
		if got, err := userAt(values, c.path); got != c.want || (err == nil) != c.ok {
			t.Errorf("user at %q is %q, %v; want %q, %v", c.path, got, err, c.want, c.ok)
		}
	}
}

// TestDecodeBase64: each content has one spelling.
func TestDecodeBase64(t *testing.T) {
	for text, ok := range map[string]bool{
		"eyI": true, "": true, "eyJ": false, "eyI=": false, "ey\nI": false, "eyI\r\n": false, "ey I": false, "eyI.": false,
	} {
		if _, err := decodeBase64(base64.RawURLEncoding, text); (err == nil) != ok {
			t.Errorf("%q: %v; want it read: %v", text, err, ok)
		}
	}
}

// TestDecodeJSON: what is no JSON object as the frameworks write it is rejected.
func TestDecodeJSON(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "1", `"a"`, "{", "{}{}", "{} x", "{\"a\":\"\xff\"}"} {
		if values, err := decodeJSON([]byte(text)); !errors.Is(err, ErrRejected) {
			t.Errorf("%q: %v, %v; want %v", text, values, err, ErrRejected)
		}
	}
}

// TestInflateStops: what a short text could become is not made first and measured then.
func TestInflateStops(t *testing.T) {
	bomb := deflate(t, make([]byte, 8<<20))
	if content, err := inflate(bomb); !errors.Is(err, ErrRejected) || content != nil {
		t.Errorf("%d bytes, %v; want none and %v", len(content), err, ErrRejected)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	inflate(bomb)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 6*maxBytes {
		t.Errorf("it allocated %d bytes for content of at most %d", allocated, maxBytes)
	}
}
