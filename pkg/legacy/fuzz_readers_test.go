package legacy

import (
	"strings"
	"testing"
)

// examineValue tests what must be so for the value that a decoder of a binary format has
// read from any content.
func examineValue(t *testing.T, value any, err error) {
	t.Helper()
	if err != nil && value != nil {
		t.Fatalf("%v, and a %s", err, kind(value))
	}
	if values, ok := value.(map[string]any); ok {
		examine(t, values, nil)
	}
}

// FuzzMarshal reads what Marshal of Ruby writes.
func FuzzMarshal(f *testing.F) {
	f.Fuzz(func(t *testing.T, serialized []byte) {
		value, err := readMarshal(serialized)
		examineValue(t, value, err)
	})
}

// FuzzPHP reads what each of PHP's serialize handlers writes.
func FuzzPHP(f *testing.F) {
	f.Fuzz(func(t *testing.T, serialized []byte) {
		value, err := readPHP(serialized)
		examineValue(t, value, err)
		for _, read := range []func([]byte) (map[string]any, error){phpSession, phpBinarySession, phpValues} {
			values, err := read(serialized)
			examine(t, values, err)
		}
	})
}

// FuzzGob reads what encoding/gob writes.
func FuzzGob(f *testing.F) {
	f.Fuzz(func(t *testing.T, serialized []byte) {
		value, err := readGob(serialized)
		examineValue(t, value, err)
	})
}

// FuzzJava reads what ObjectOutputStream of Java writes.
func FuzzJava(f *testing.F) {
	f.Fuzz(func(t *testing.T, serialized []byte) {
		if value, ok := readJava(serialized); ok {
			examineValue(t, value, nil)
		}
	})
}

// FuzzIntrospected reads the answers of a monolith.
func FuzzIntrospected(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		claim, err := introspected(body)
		if err != nil && (claim.UserID != "" || claim.Data != nil) {
			t.Fatalf("%v, and a claim", err)
		}
	})
}

// TestReaderBounds: what nests as deep as allowed is read, and one level more is not. A
// length that is promised, and not kept, costs nothing.
func TestReaderBounds(t *testing.T) {
	marshal := func(s string) error { _, err := readMarshal([]byte(marshalVersion + s)); return err }
	php := func(s string) error { _, err := readPHP([]byte(s)); return err }
	gob := func(s string) error { _, err := readGob([]byte(s)); return err }
	phpList := func(depth int) string { return strings.Repeat("a:1:{i:0;", depth) + "N;" + strings.Repeat("}", depth) }
	gobInterfaces := func(depth int) string { // each has the next, and the last has nothing
		message := "\x10\x00" + strings.Repeat("\x01x\x10\x01\x00", depth-1) + "\x00"
		return "\xfe" + string([]byte{byte(len(message) >> 8), byte(len(message))}) + message
	}
	for _, c := range []struct {
		name         string
		read         func(string) error
		good, beyond string
	}{
		{"Marshal, deep lists", marshal, strings.Repeat("[\x06", maxDepth-1) + "0", strings.Repeat("[\x06", maxDepth) + "0"},
		{"Marshal, deep objects", marshal, strings.Repeat("U:\x06A", maxDepth-1) + "0", strings.Repeat("U:\x06A", maxDepth) + "0"},
		{"Marshal, deep variables of symbols", marshal, "I" + strings.Repeat(":\x06a\x06I", maxDepth/2) + ":\x06a\x00" + strings.Repeat("0", maxDepth/2),
			"I" + strings.Repeat(":\x06a\x06I", maxDepth) + ":\x06a\x00" + strings.Repeat("0", maxDepth)},
		{"Marshal, long", marshal, "\"\x03\xf0\xff\x0f" + strings.Repeat("x", 0xffff0), "\"\x03\x00\x00\x10" + strings.Repeat("x", maxBytes)},
		{"Marshal, many in a list", marshal, "[\x060", "[\x04\xff\xff\xff\x3f0"},
		{"Marshal, many in a hash", marshal, "{\x0600", "{\x04\xff\xff\xff\x3f00"},
		{"Marshal, many variables", marshal, "o:\x06A\x06:\x07@a0", "o:\x06A\x04\xff\xff\xff\x3f:\x07@a0"},
		{"Marshal, a long text", marshal, "\"\x06a", "\"\x04\xff\xff\xff\x3fa"},
		{"Marshal, a negative length", marshal, "\"\x00", "\"\xfaa"},
		{"Marshal, a long integer", marshal, "l+\x06\x01\x00", "l+\x02\x01\x02" + strings.Repeat("1", 1026)},
		{"Marshal, an object before it is read", marshal, "[\x07\"\x06a@\x06", "[\x06@\x07"},
		{"Marshal, a symbol that was not there", marshal, "[\x07:\x06a;\x00", "[\x07:\x06a;\x06"},
		{"Marshal, another version", marshal, "0", ""},
		{"Marshal, more behind", marshal, "0", "00"},
		{"Marshal, a key twice", marshal, "{\x07\"\x06a0\"\x06b0", "{\x07\"\x06a0:\x06a0"},
		{"PHP, deep lists", php, phpList(maxDepth - 1), phpList(maxDepth)},
		{"PHP, long", php, `s:1000000:"` + strings.Repeat("x", 1000000) + `";`, `s:1048576:"` + strings.Repeat("x", maxBytes) + `";`},
		{"PHP, many in a list", php, "a:1:{i:0;N;}", "a:999999999:{i:0;N;}"},
		{"PHP, a long text", php, `s:1:"a";`, `s:999999999:"a";`},
		{"PHP, a negative length", php, `s:0:"";`, `s:-1:"";`},
		{"PHP, a long object", php, `C:1:"A":1:{a}`, `C:1:"A":999999999:{a}`},
		{"PHP, more behind", php, "N;", "N;N;"},
		{"PHP, a key twice", php, `a:2:{i:1;N;s:1:"2";N;}`, `a:2:{i:1;N;s:1:"1";N;}`},
		{"PHP, a key that is a list", php, "a:1:{i:0;N;}", "a:1:{a:0:{}N;}"},
		{"gob, a long message", gob, "\x03\x04\x00\x02", "\xfc\x3f\xff\xff\xff\x04\x00\x02"},
		{"gob, long", gob, "\xfd\x0f\x00\x06\x0c\x00\xfd\x0f\x00\x00" + strings.Repeat("x", 0xf0000),
			"\xfd\x10\x00\x06\x0c\x00\xfd\x10\x00\x00" + strings.Repeat("x", maxBytes)},
		{"gob, a long text", gob, "\x04\x0c\x00\x01a", "\x04\x0c\x00\x7fa"},
		{"gob, a type that is not described", gob, "\x03\x04\x00\x02", "\x04\xff\x80\x00\x02"},
		{"gob, more behind", gob, "\x03\x04\x00\x02", "\x03\x04\x00\x02\x03\x04\x00\x02"},
		{"gob, deep interfaces", gob, gobInterfaces(maxDepth), gobInterfaces(maxDepth + 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.read(c.good); err != nil {
				t.Errorf("good: %v", err)
			}
			if err := c.read(c.beyond); err == nil {
				t.Error("beyond: accepted")
			}
		})
	}
}
