package lambdahttp_test

import (
	"fmt"
	"net/http"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// TestSourceIP: however a gateway writes the client's address, RemoteAddr has it in one
// spelling. What is no address is "unknown". Forwarding headers are not read.
func TestSourceIP(t *testing.T) {
	for sourceIP, want := range map[string]string{
		`"203.0.113.7"`:           "203.0.113.7:0",
		`"10.1.15.242:39870"`:     "10.1.15.242:0",
		`"::ffff:203.0.113.7"`:    "203.0.113.7:0",
		`"2001:DB8::7"`:           "[2001:db8::7]:0",
		`"[2001:db8::7]:39870"`:   "[2001:db8::7]:0",
		`"fe80::7%eth0"`:          "[fe80::7]:0",
		`""`:                      "unknown:0",
		`null`:                    "unknown:0",
		`"test-invoke-source-ip"`: "unknown:0", // the console's test of an API sends this
		`"203.0.113.7, 10.0.0.1"`: "unknown:0",
	} {
		var got string
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })
		event := fmt.Sprintf(`{"version":"2.0","rawPath":"/","headers":{"x-forwarded-for":"198.51.100.1","forwarded":"for=198.51.100.1"},"requestContext":{"http":{"method":"GET","sourceIp":%s}}}`, sourceIP)
		if _, err := lambdahttp.Handler(h).Invoke(t.Context(), []byte(event)); err != nil || got != want {
			t.Errorf("sourceIp %s: RemoteAddr is %q, want %q (%v)", sourceIP, got, want, err)
		}
	}
}
