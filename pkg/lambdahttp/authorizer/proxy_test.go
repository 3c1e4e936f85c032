package authorizer

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/lambdahttp"
)

// A request that went round the proxy is refused before anybody looks for its session,
// and the log says so without the secret.
func TestBehindProxy(t *testing.T) {
	const secret = "an-example-of-a-secret-of-a-proxy-1"
	secrets, err := clientip.ParseSecrets(secret)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	var asked []string
	authorize := BehindProxy(secrets, slog.New(slog.NewJSONHandler(&log, nil)), func(r *http.Request) (map[string]string, error) {
		asked = append(asked, r.RemoteAddr+" "+r.Header.Get("X-Proxy-Secret"))
		return map[string]string{"user_id": "u1"}, nil
	})
	for presented, want := range map[string]error{"": lambdahttp.ErrNotAuthorized, secret + "x": lambdahttp.ErrNotAuthorized, secret: nil} {
		r := httptest.NewRequest("GET", "/caller", nil)
		r.RemoteAddr = "198.51.100.7:0"
		r.Header.Set("X-Proxy-Secret", presented)
		r.Header.Set("X-Proxy-Client", "192.0.2.1")
		if _, err := authorize(r); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", presented, err, want)
		}
	}
	if len(asked) != 1 || asked[0] != "192.0.2.1:0 " {
		t.Errorf("asked about %q", asked)
	}
	if strings.Count(log.String(), `"authz_fail","method":"GET","path":"/caller","reason":"not_proxied","error":"the request has no secret of the proxy","ip":"198.51.100.7"`) != 2 || strings.Contains(log.String(), secret) {
		t.Errorf("the log has\n%s", &log)
	}
}
