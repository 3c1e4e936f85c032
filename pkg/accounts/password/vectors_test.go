package password

import (
	"encoding/json"
	"os"
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
	if len(file.Cases) < 38 {
		tb.Fatalf("%d vectors, want 38", len(file.Cases))
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
				matches, err := v.hasher().parse(changed)
				if err != nil || costly(v.Encoded) && !lastCharacter(v.Encoded, i) {
					continue
				}
				if ok, err := matches(v.Password); ok && !sameBcrypt(v.Encoded, changed) {
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
	for _, cheap := range []string{"$04$", ":1000$", ":1024:", "$1000$", "m=1024,", "m=4096,", "md5", "{sha", "{SHA", "{noop}"} {
		if strings.Contains(encoded, cheap) {
			return false
		}
	}
	return true
}

// lastCharacter reports whether i is the last place of the hash before the padding. The
// unused bits of base64 are in that character.
func lastCharacter(encoded string, i int) bool {
	return i == len(strings.TrimRight(encoded, "="))-1
}

// sameBcrypt reports whether two hashes differ only in bcrypt's version. The versions
// 2a, 2b and 2y are computed in the same way.
func sameBcrypt(a, b string) bool {
	one := strings.NewReplacer("$2a$", "$2b$", "$2y$", "$2b$")
	return one.Replace(a) == one.Replace(b)
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
