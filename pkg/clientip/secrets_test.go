package clientip_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/clientip"
)

const (
	oneSecret     = "an-example-of-a-secret-of-a-proxy-1"
	anotherSecret = "an-example-of-a-secret-of-a-proxy-2"
)

func parseSecrets(t testing.TB, text string) clientip.Secrets {
	t.Helper()
	secrets, err := clientip.ParseSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

func TestParseSecrets(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, " ": 0,
		oneSecret:                              1,
		" " + oneSecret + " , " + oneSecret:    2,
		oneSecret + "," + anotherSecret:        2,
		strings.Repeat("~", 32):                1,
		strings.Repeat("~", 31):                -1,
		oneSecret + ",":                        -1,
		"," + oneSecret:                        -1,
		oneSecret + "," + "short":              -1,
		"an example with blanks, " + oneSecret: -1,
		strings.Repeat("é", 32):                -1,
		oneSecret + "\n" + anotherSecret:       -1,
		oneSecret + "\x00":                     -1,
	} {
		secrets, err := clientip.ParseSecrets(text)
		if want < 0 {
			if err == nil || !strings.Contains(err.Error(), "openssl rand -hex 32") || strings.Contains(err.Error(), "example") || strings.Contains(err.Error(), "short") {
				t.Errorf("%q: %v", text, err)
			}
		} else if err != nil || len(secrets) != want {
			t.Errorf("%q: %d secrets, %v", text, len(secrets), err)
		}
		if printed := fmt.Sprintf("%v %+v %#v %s", secrets, secrets, secrets, secrets); strings.Contains(printed, "example") {
			t.Errorf("a secret can be printed: %s", printed)
		}
	}
}

// TestSecrets: only one header with one of the secrets counts, and then only the one
// address that the proxy names. With both secrets in the list, each is good: that is how
// a secret is replaced.
func TestSecrets(t *testing.T) {
	const edge, viewer = "198.51.100.7:443", "192.0.2.1"
	header := func(secret, client []string) http.Header {
		return http.Header{"X-Proxy-Secret": secret, "X-Proxy-Client": client, "X-Forwarded-For": {"203.0.113.9, 203.0.113.8"}, "Accept": {"*/*"}}
	}
	one := func(values ...string) []string { return values }
	for name, tt := range map[string]struct {
		secrets string
		header  http.Header
		want    string // RemoteAddr, or "" if the request is refused
	}{
		"the secret":                   {oneSecret, header(one(oneSecret), one(viewer)), "192.0.2.1:0"},
		"the new one of two":           {oneSecret + "," + anotherSecret, header(one(anotherSecret), one(viewer)), "192.0.2.1:0"},
		"the old one of two":           {oneSecret + "," + anotherSecret, header(one(oneSecret), one(viewer)), "192.0.2.1:0"},
		"one that was replaced":        {anotherSecret, header(one(oneSecret), one(viewer)), ""},
		"none":                         {oneSecret, header(nil, one(viewer)), ""},
		"an empty one":                 {oneSecret, header(one(""), one(viewer)), ""},
		"a wrong one":                  {oneSecret, header(one("x"+oneSecret[1:]), one(viewer)), ""},
		"the beginning of it":          {oneSecret, header(one(oneSecret[:34]), one(viewer)), ""},
		"it and more":                  {oneSecret, header(one(oneSecret+"x"), one(viewer)), ""},
		"another case":                 {oneSecret, header(one(strings.ToUpper(oneSecret)), one(viewer)), ""},
		"it twice":                     {oneSecret, header(one(oneSecret, oneSecret), one(viewer)), ""},
		"it and a wrong one":           {oneSecret, header(one("wrong", oneSecret), one(viewer)), ""},
		"joined by a comma":            {oneSecret, header(one("wrong, "+oneSecret), one(viewer)), ""},
		"the list itself":              {oneSecret + "," + anotherSecret, header(one(oneSecret+","+anotherSecret), one(viewer)), ""},
		"its hash":                     {oneSecret, header(one(string(parseSecrets(t, oneSecret)[0][:])), one(viewer)), ""},
		"no client":                    {oneSecret, header(one(oneSecret), nil), "unknown:0"},
		"an empty client":              {oneSecret, header(one(oneSecret), one("")), "unknown:0"},
		"two clients":                  {oneSecret, header(one(oneSecret), one("203.0.113.9", viewer)), "unknown:0"},
		"two clients joined":           {oneSecret, header(one(oneSecret), one("203.0.113.9, "+viewer)), "unknown:0"},
		"a client on IPv6":             {oneSecret, header(one(oneSecret), one("2001:DB8:0::1")), "[2001:db8::1]:0"},
		"a client that is no address":  {oneSecret, header(one(oneSecret), one("localhost")), "unknown:0"},
		"the secret in another header": {oneSecret, http.Header{"X-Proxy-Client": {viewer}, "X-Secret": {oneSecret}}, ""},
	} {
		r := httptest.NewRequest("GET", "http://shop.example/", nil)
		r.RemoteAddr, r.Header = edge, tt.header
		before := r.Header.Clone()
		behind, err := parseSecrets(t, tt.secrets).Admit(r)
		got := behind.RemoteAddr
		if errors.Is(err, clientip.ErrNoSecret) {
			if got != edge {
				t.Errorf("%s: refused, but the address is %q", name, got)
			}
			got = ""
		} else if err != nil {
			t.Error(err)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if behind.Header["X-Proxy-Secret"] != nil || behind.Header["X-Proxy-Client"] != nil {
			t.Errorf("%s: a handler would see %v", name, behind.Header)
		}
		if behind.Header.Get("Accept") != before.Get("Accept") || fmt.Sprint(r.Header) != fmt.Sprint(before) || r.RemoteAddr != edge {
			t.Errorf("%s: more was changed: %v, and the caller's request is %v", name, behind.Header, r.Header)
		}
		if err != nil && strings.Contains(err.Error(), oneSecret) {
			t.Errorf("%s: the error tells the secret", name)
		}
	}
}

// TestNoSecrets: without secrets nothing is checked and nothing is believed.
func TestNoSecrets(t *testing.T) {
	r := httptest.NewRequest("GET", "http://shop.example/", nil)
	r.Header.Set("X-Proxy-Client", "192.0.2.1")
	if behind, err := parseSecrets(t, "").Admit(r); behind != r || err != nil {
		t.Errorf("%v, %v", behind, err)
	}
}

// FuzzSecrets: whoever does not know the secret is refused, whatever is sent, and the
// address is always one that the proxy named, in its one spelling, or unknown.
func FuzzSecrets(f *testing.F) {
	f.Add(oneSecret, "192.0.2.1")
	f.Add(oneSecret+",", "2001:db8::1")
	secrets := parseSecrets(f, oneSecret+","+anotherSecret)
	f.Fuzz(func(t *testing.T, secret, client string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Proxy-Secret"], r.Header["X-Proxy-Client"] = []string{secret}, []string{client}
		behind, err := secrets.Admit(r)
		if known := secret == oneSecret || secret == anotherSecret; known != (err == nil) {
			t.Errorf("%q: %v", secret, err)
		}
		if err == nil && behind.RemoteAddr != clientip.RemoteAddr(client) {
			t.Errorf("%q is %q", client, behind.RemoteAddr)
		}
	})
}
