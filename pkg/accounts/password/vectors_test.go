package password

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// vector is a hash that a framework made, with the framework's own results of
// verifying it.
type vector struct {
	Framework, Name   string
	Encoded, Password string
	Verify            bool `json:"framework_verify"`
	VerifyWrong       bool `json:"framework_verify_wrong"` // for the password "wrong"
	Pepper            string
}

func vectors(tb testing.TB) []vector {
	tb.Helper()
	text, err := os.ReadFile("testdata/passwords.json")
	if err != nil {
		tb.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		tb.Fatal(err)
	}
	if len(file.Cases) < 72 {
		tb.Fatalf("%d vectors, want 72", len(file.Cases))
	}
	return file.Cases
}

func (v vector) hasher() Hasher { return Hasher{DevisePepper: v.Pepper} }

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Framework+"/"+v.Name, func(t *testing.T) {
			t.Parallel()
			for pw, want := range map[string]bool{v.Password: v.Verify, "wrong": v.VerifyWrong} {
				if ok, err := v.hasher().Verify(v.Encoded, pw); ok != want || err != nil {
					t.Errorf("Verify with %.20q = %v, %v; the framework says %v", pw, ok, err, want)
				}
			}
			if (Hasher{}).Current(v.Encoded) {
				t.Error("it counts as current")
			}
		})
	}
}

// If any one character of a vector is changed, it no longer verifies.
func TestVectorsChanged(t *testing.T) {
	for _, v := range vectors(t) {
		if !v.Verify {
			continue
		}
		t.Run(v.Framework+"/"+v.Name, func(t *testing.T) {
			t.Parallel()
			for i := range len(v.Encoded) {
				changed := v.Encoded[:i] + string(next(v.Encoded[i])) + v.Encoded[i+1:]
				c, err := v.hasher().parse(changed)
				if err != nil || costly(v.Encoded) && !lastCharacter(v.Encoded, i) || muchCostlier(v.Encoded, changed) {
					continue
				}
				if ok, err := c.matches(v.Password); ok && !sameBcrypt(v.Encoded, changed) {
					t.Errorf("with %q for %q at %d it verifies: %v, %v", changed[i], v.Encoded[i], i, ok, err)
				}
			}
		})
	}
}

// next returns another character of the alphabet that c is from, so that most
// changed hashes are well-formed.
func next(c byte) byte {
	switch {
	case c == 'z' || c == 'Z' || c == '9' || c == 'f':
		return c - 1
	case c == '/':
		return '.'
	default:
		return c + 1
	}
}

// costly reports whether a vector takes seconds under the race detector. Such a vector
// is verified with one changed character only. That a changed vector cannot be parsed
// is tested for every character.
func costly(encoded string) bool {
	for _, cheap := range []string{"$04$", ":1000$", ":1024:", "_sha1$1000$", "m=1024,", "m=4096,"} {
		if strings.Contains(encoded, cheap) {
			return false
		}
	}
	for _, digest := range []string{"md5$", "{MD5", "sha", "{sha", "{SHA", "{noop}", "plain$"} {
		if strings.HasPrefix(encoded, digest) {
			return false
		}
	}
	return true
}

// muchCostlier reports whether the change turned bcrypt's cost 04 into 14, which takes a
// thousand times as long. TestVectors has costs of 10 and 12, so it would fail if the
// first digit of a cost were not used.
func muchCostlier(encoded, changed string) bool {
	return strings.Contains(encoded, "$04$") && strings.Contains(changed, "$14$")
}

// lastCharacter reports whether i is the last place of the hash before the padding. The
// unused bits of base64 are in that character.
func lastCharacter(encoded string, i int) bool {
	return i == len(strings.TrimRight(encoded, "="))-1
}

// sameBcrypt reports whether two hashes differ only in bcrypt's version or in the unused
// bits of its salt and its key. The versions 2a, 2b and 2y are computed in the same way.
func sameBcrypt(a, b string) bool {
	one := strings.NewReplacer("$2a$", "$2b$", "$2y$", "$2b$")
	a, b = one.Replace(a), one.Replace(b)
	start := strings.Index(a, "$2b$") + len("$2b$04$")
	if start < len("$2b$04$") || len(a) != len(b) || a[:start] != b[:start] {
		return false
	}
	for _, part := range [][2]int{{start, start + 22}, {start + 22, len(a)}} {
		x, _ := bcryptBase64.DecodeString(a[part[0]:part[1]])
		y, _ := bcryptBase64.DecodeString(b[part[0]:part[1]])
		if !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

// Old libraries wrote bcrypt salts with unused bits that are not zero. (passlib, issue
// 25.) passlib sets them to zero before it compares, and so do we.
func TestBcryptPadding(t *testing.T) {
	const good = "$2b$04$013hSrBbwCAryUHCo.umE.Xx072AYO08exqnveLT7XEuLuYNEL0Ye" // of bcrypt for Python 4.0.1
	for _, encoded := range []string{
		good,
		strings.Replace(good, "umE.Xx", "umEDXx", 1),
		strings.Replace(good, "umE.Xx", "umENXx", 1),
		strings.TrimSuffix(good, "e") + "g", // passlib 1.7.4 says that it is the password's
		"bcrypt$" + strings.Replace(good, "umE.Xx", "umEHXx", 1),
	} {
		for pw, want := range map[string]bool{"correct horse ☕": true, "wrong": false} {
			if ok, err := plain.Verify(encoded, pw); ok != want || err != nil {
				t.Errorf("Verify of %s with %q = %v, %v", encoded, pw, ok, err)
			}
		}
	}
	if ok, _ := plain.Verify(strings.Replace(good, "umE.Xx", "umEOXx", 1), "correct horse ☕"); ok {
		t.Error("another bit of the salt was set, and it verifies")
	}
}

func BenchmarkSchemes(b *testing.B) {
	for _, v := range vectors(b) {
		b.Run(v.Framework+"/"+v.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.hasher().Verify(v.Encoded, v.Password)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hashes/s")
		})
	}
}

// Every scheme is in the table of docs/operate.md, and is shown by a hash that a
// framework itself says is right.
func TestEverySchemeHasAVector(t *testing.T) {
	table, err := os.ReadFile("../../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, v := range vectors(t) {
		if s, _ := schemeOf(v.Encoded); v.Verify || s.name == "an unusable password" {
			shown[s.prefix] = true
		}
	}
	for _, s := range schemes {
		if !shown[s.prefix] {
			t.Errorf("no framework's hash begins with %s", s.prefix)
		}
		if !bytes.Contains(table, []byte("`"+s.prefix+"`")) {
			t.Errorf("docs/operate.md does not say that %s is taken", s.prefix)
		}
	}
	for digest := range pythonDigests {
		if !slices.ContainsFunc(vectors(t), func(v vector) bool { return strings.HasPrefix(v.Encoded, "pbkdf2:"+digest+":") }) {
			t.Errorf("no hash of Werkzeug begins with pbkdf2:%s:", digest)
		}
	}
}
