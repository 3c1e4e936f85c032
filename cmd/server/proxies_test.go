package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/testenv"
)

// guess tries to sign in with a wrong password and returns the status of the answer.
func guess(t *testing.T, address string, header map[string]string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", address+"/login", strings.NewReader(`{"username":"nobody","password":"wrong"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestTrustedProxies: behind a trusted proxy each client is a network of its own, for
// the limit and in the log. To a server that trusts no proxy the same headers mean
// nothing, so nobody gets round the limit by sending them.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	limit := fmt.Sprintf("ATTEMPTS_PER_NETWORK=2,%v", testenv.Period())
	behind, open := start(t, []string{limit, "TRUSTED_PROXIES=127.0.0.1,::1"}, "-anyone-may-be-alice"), start(t, []string{limit})
	for _, try := range []struct {
		header       map[string]string
		behind, open int
	}{
		{map[string]string{"X-Forwarded-For": "192.0.2.1"}, 401, 401},
		{map[string]string{"X-Forwarded-For": "198.51.100.1, 192.0.2.1:4711"}, 401, 401},
		{map[string]string{"X-Forwarded-For": "198.51.100.2, ::ffff:192.0.2.1"}, 429, 429},
		{map[string]string{"Forwarded": "for=192.0.2.2;proto=https"}, 401, 429},
		{map[string]string{"Forwarded": `for="[2001:db8::1]:80"`}, 401, 429},
	} {
		if got := guess(t, behind.url, try.header); got != try.behind {
			t.Errorf("behind a proxy, %v: %d, want %d", try.header, got, try.behind)
		}
		if got := guess(t, open.url, try.header); got != try.open {
			t.Errorf("without a proxy, %v: %d, want %d", try.header, got, try.open)
		}
	}
	want := []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1"}
	if got := addresses(t, behind.stderr.String()); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the log has the addresses %q, want %q", got, want)
	}
}

// TestProxySecrets: a server whose proxy has a secret answers nobody else, and believes
// what the proxy says of the client, whoever else TRUSTED_PROXIES names. Neither log nor
// answer tells the secret.
func TestProxySecrets(t *testing.T) {
	t.Parallel()
	const old, secret = "an-example-of-a-secret-of-a-proxy-1", "an-example-of-a-secret-of-a-proxy-2"
	limit := fmt.Sprintf("ATTEMPTS_PER_NETWORK=2,%v", testenv.Period())
	server := start(t, []string{limit, "PROXY_SECRETS=" + old + "," + secret, "TRUSTED_PROXIES=127.0.0.1,::1,192.0.2.0/24"}, "-anyone-may-be-alice")
	through := func(secret, client string) map[string]string {
		return map[string]string{"X-Proxy-Secret": secret, "X-Proxy-Client": client, "X-Forwarded-For": "203.0.113.9"}
	}
	for _, try := range []struct {
		header map[string]string
		want   int
	}{
		{nil, 403},
		{through("", "192.0.2.1"), 403},
		{through(old+", "+secret, "192.0.2.1"), 403},
		{through(old, "192.0.2.1"), 401},
		{through(secret, "192.0.2.1"), 401},
		{through(secret, "::ffff:192.0.2.1"), 429},
		{through(secret, "2001:db8::1"), 401},
	} {
		if got := guess(t, server.url, try.header); got != try.want {
			t.Errorf("%v: %d, want %d", try.header, got, try.want)
		}
	}
	want := []string{"127.0.0.1", "203.0.113.9", "203.0.113.9", "192.0.2.1", "192.0.2.1", "192.0.2.1", "2001:db8::1"}
	log := server.stderr.String()
	if got := addresses(t, log); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the log has the addresses %q, want %q", got, want)
	}
	if strings.Contains(log, "an-example") {
		t.Errorf("the log tells the secret:\n%s", log)
	}
}

// addresses returns the clients' addresses in the log.
func addresses(t *testing.T, log string) (all []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		var event struct{ IP string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		if event.IP != "" {
			all = append(all, event.IP)
		}
	}
	return all
}
