package audit

import (
	"strings"
	"testing"
	"time"
)

// TestParseKey: what comes with a request as a key is one, or an error, and no store gets
// what it could not compare.
func TestParseKey(t *testing.T) {
	entry := Entry{At: time.Date(2026, 11, 27, 12, 30, 45, 678e6, time.FixedZone("CET", 3600)), ID: "n4bQgYhMfWWaL-qgxVrQF_"}
	key := entry.Key()
	if at, id, err := ParseKey(key); err != nil || !at.Equal(entry.At) || id != entry.ID {
		t.Errorf("%s: %v, %s, %v", key, at, id, err)
	}
	for _, bad := range []string{
		"", "#", key[:len(key)-1], key + "A", " " + key, key + "\n", strings.Replace(key, "#", "", 1), strings.Replace(key, ".678", "", 1),
		strings.Replace(key, ".678", ".6789", 1), strings.Replace(key, "-11-", "-13-", 1), strings.Replace(key, "Z#", "+01:00#", 1),
		key[:len(key)-1] + "\x00", key[:len(key)-1] + "%", key[:len(key)-1] + "\xff", key[:len(key)-2] + "é", key[:len(key)-2] + "\r\n", strings.Repeat("x", 5000),
	} {
		if _, _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is taken as a key", bad)
		}
	}
}
