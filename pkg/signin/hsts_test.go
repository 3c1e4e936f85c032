package signin

import (
	"testing"

	"example.com/coatcheck/pkg/signin/site"
)

// TestHSTSByHost: the header is for the host alone unless it is asked for more, and never comes
// from a loopback name.
func TestHSTSByHost(t *testing.T) {
	const alone, below = "max-age=31536000", "max-age=31536000; includeSubDomains"
	for _, tt := range []struct{ origin, host, alone, below string }{
		{"", "shop.example", alone, below},
		{"", "shop.example:8443", alone, below},
		{"", "192.0.2.1", alone, below},
		{"", "[2001:db8::1]:8443", alone, below},
		{"", "localhost.example", alone, below},
		{"", "notlocalhost", alone, below},
		{"", "", alone, below},
		{"", "localhost", "", ""},
		{"", "LocalHost:8080", "", ""},
		{"", "localhost.:8080", "", ""},
		{"", "app.localhost:8080", "", ""},
		{"", "127.0.0.1:8080", "", ""},
		{"", "127.1.2.3", "", ""},
		{"", "[::1]:8080", "", ""},
		{"", "[::ffff:127.0.0.1]", "", ""},
		{"https://shop.example", "localhost:8080", alone, below},
		{"http://localhost:8080", "shop.example", "", ""},
	} {
		if got := hsts(&site.Site{Origin: tt.origin}, tt.host); got != tt.alone {
			t.Errorf("origin %q, host %q: %q, want %q", tt.origin, tt.host, got, tt.alone)
		}
		if got := hsts(&site.Site{Origin: tt.origin, HSTSIncludeSubdomains: true}, tt.host); got != tt.below {
			t.Errorf("origin %q, host %q, with subdomains: %q, want %q", tt.origin, tt.host, got, tt.below)
		}
	}
}
