package legacytest

import (
	"iter"
	"strings"
)

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="

// spellings returns values that are almost a cookie's: each byte of it changed, cut short, or
// with another spelling of the same base64 or percent-encoding. With thorough, each bit is
// changed, and it is cut short everywhere.
func spellings(value string, thorough bool) iter.Seq[string] {
	bits := []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}
	return func(yield func(string) bool) {
		other := func(s string) bool { return s == value || yield(s) }
		for i := range len(value) {
			some := bits
			if !thorough {
				some = []byte{[]byte{0x01, 0x20}[i%2]} // another letter, or the other case of the same
			}
			for _, bit := range some {
				if !other(value[:i] + string([]byte{value[i] ^ bit}) + value[i+1:]) {
					return
				}
			}
			if (thorough || i%16 == 0) && (!other(value[:i]) || !other(value[i+1:])) {
				return
			}
		}
		for _, s := range respelled(value) {
			if !other(s) {
				return
			}
		}
	}
}

// respelled returns values that a lenient decoder takes for the same. The last character of
// a base64 text has spare bits, and what follows a text may be skipped.
func respelled(value string) (all []string) {
	for i := range value {
		end := i+1 == len(value) || strings.ContainsAny(value[i+1:i+2], ".:-%=")
		if !end {
			continue
		}
		for _, c := range base64Alphabet {
			all = append(all, value[:i]+string(c)+value[i+1:])
		}
		for _, more := range []string{"=", "==", "\n", "\r\n", " ", ".", ":", "%3D", "%0A", "%00", "A", "AA", "AAAA"} {
			all = append(all, value[:i+1]+more+value[i+1:])
		}
	}
	swaps := strings.NewReplacer("-", "+", "_", "/", "+", "-", "/", "_")
	percent := strings.NewReplacer("-", "%2D", "_", "%5F", ".", "%2E", ":", "%3A", "=", "%3D", "+", "%2B", "/", "%2F")
	return append(all, swaps.Replace(value), percent.Replace(value), strings.ReplaceAll(value, "+", " "),
		strings.ReplaceAll(value, "%2B", "+"), strings.ReplaceAll(value, "%2F", "/"), strings.ToLower(value), strings.ToUpper(value),
		strings.TrimRight(value, "="), `"`+value+`"`, " "+value, value+value, value+","+value, "")
}
