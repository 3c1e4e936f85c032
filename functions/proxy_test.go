package functions_test

import (
	"net/http"
	"strings"
	"testing"
)

// With PROXY_SECRETS every function refuses what went round the proxy, before any call
// to a table, and the authorizer and the function behind it too. What came through the
// proxy counts as the client's whom the proxy names. No log tells the secret.
func TestProxySecrets(t *testing.T) {
	const old, secret = "an-example-of-a-secret-of-a-proxy-1", "an-example-of-a-secret-of-a-proxy-2"
	s := newStack(t, map[string]string{"PROXY_SECRETS": old + "," + secret})
	through := func(in request, secret string) request {
		in.headers = http.Header{"X-Proxy-Secret": {secret}, "X-Proxy-Client": {"2001:db8::7"}}
		return in
	}
	cookie := s.do(t, through(login(password), old)).cookie()
	if cookie == "" {
		t.Fatal("the old secret is good for no sign-in")
	}
	for _, in := range []request{
		login(password),
		through(login(password), secret+"x"),
		through(login(password), old+", "+secret),
		{method: "GET", path: "/profile"}, {method: "GET", path: "/nothing"}, {method: "GET", path: "/sessions"}, {method: "GET", path: "/caller"},
		{method: "POST", path: "/logout"}, {method: "POST", path: "/password"}, {method: "POST", path: "/preferences"}, {method: "POST", path: "/sessions/revoke-all"},
	} {
		in.cookie = cookie
		if r := s.do(t, in); r.status != http.StatusForbidden || len(r.calls) > 0 {
			t.Errorf("%s %s, not through the proxy: %d %s, calls %v", in.method, in.path, r.status, r.body, r.calls)
		}
	}
	for _, path := range []string{"/caller", "/profile"} {
		wantStatus(t, s.do(t, through(request{method: "GET", path: path, cookie: cookie}, secret)), http.StatusOK)
	}
	for id, l := range s.functions {
		if strings.Contains(l.log.String(), "an-example") {
			t.Errorf("the log of %s tells the secret:\n%s", id, l.log.String())
		}
	}
	if log := s.functions["LoginFunction"].log.String(); !strings.Contains(log, `"ip":"2001:db8::7"`) {
		t.Errorf("the client is not in the log:\n%s", log)
	}
	// The function behind the authorizer is not reached by another way either.
	event := `{"version": "2.0", "rawPath": "/caller", "headers": {"host": "app.example.com"}, "requestContext": {"http": {"method": "GET", "sourceIp": "192.0.2.7"}}}`
	if r, err := s.functions["CallerFunction"].invoke(event); err != nil || r.StatusCode != http.StatusForbidden {
		t.Errorf("caller: %d, %v", r.StatusCode, err)
	}
}
