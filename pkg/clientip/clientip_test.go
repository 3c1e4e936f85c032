package clientip_test

import (
	"net/http/httptest"
	"testing"

	"example.com/coatcheck/pkg/clientip"
)

// TestCanonical: every spelling of an address becomes one. What is no address becomes
// "unknown", and never a network of its own.
func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":                      "192.0.2.1",
		"192.0.2.1:1234":                 "192.0.2.1",
		"10.1.15.242:39870":              "10.1.15.242", // as gateways have sent it
		"192.0.2.1:_hidden":              "192.0.2.1",   // RFC 7239, section 6.2
		"[192.0.2.1]:80":                 "192.0.2.1",
		"::ffff:192.0.2.1":               "192.0.2.1",
		"[::ffff:192.0.2.1]:1234":        "192.0.2.1",
		"::FFFF:C000:0201":               "192.0.2.1",
		"2001:db8::1":                    "2001:db8::1",
		"2001:DB8:0:0:0:0:0:1":           "2001:db8::1",
		"[2001:db8::1]":                  "2001:db8::1",
		"[2001:db8::1]:1234":             "2001:db8::1",
		"fe80::1%eth0":                   "fe80::1",
		"[fe80::1%eth0]:1234":            "fe80::1",
		"::1":                            "::1",
		"0.0.0.0":                        "0.0.0.0",
		"":                               "unknown",
		"@":                              "unknown", // a Unix socket
		":0":                             "unknown",
		"unknown":                        "unknown",
		"unknown:0":                      "unknown",
		"_hidden":                        "unknown",
		"192.0.2.1:":                     "unknown",
		"192.0.2.1:port":                 "unknown",
		"192.0.2.1:123456":               "unknown",
		"192.0.2.1:80:80":                "unknown",
		"192.0.2.1, 192.0.2.2":           "unknown",
		" 192.0.2.1":                     "unknown",
		"192.0.2.1%eth0":                 "unknown",
		"192.0.2.256":                    "unknown",
		"192.0.2.01":                     "unknown", // octal for some
		"3221225985":                     "unknown",
		"0xc0000201":                     "unknown",
		"[2001:db8::1":                   "unknown",
		"2001:db8::1]":                   "unknown",
		"[[2001:db8::1]]":                "unknown",
		"[2001:db8::1]1234":              "unknown",
		"[2001:db8::1]:":                 "unknown",
		"localhost":                      "unknown",
		"192.0.2.1\x00":                  "unknown",
		"192.0.2.1\n192.0.2.2":           "unknown",
		"2001:db8::1:1:1:1:1:1:1:1":      "unknown",
		"[2001:db8::1]:1234, [::1]:1234": "unknown",
	} {
		if got := clientip.Canonical(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = clientip.RemoteAddr(text)
		if got := clientip.Of(r); got != want {
			t.Errorf("%q as RemoteAddr is %q, want %q", text, got, want)
		}
	}
}
