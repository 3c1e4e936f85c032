package functions_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// TestBehindCloudFront: with a secret of the proxy, the functions behind CloudFront know
// the viewer's address, whatever the door and whatever the viewer says of itself. Who goes
// round CloudFront is refused, and no call is made for it.
func TestBehindCloudFront(t *testing.T) {
	const secret = "an-example-of-a-secret-of-a-proxy-1"
	s := newStack(t, map[string]string{"PROXY_SECRETS": secret + ",an-example-of-a-secret-of-a-proxy-2"})
	if err := s.users(t).SetLastUsed(t.Context(), username, s.userID, time.Now()); err != nil { // so that every sign-in costs the same
		t.Fatal(err)
	}
	own := http.Header{"X-Proxy-Secret": {secret}, "X-Proxy-Client": {client}}
	for _, d := range []door{httpAPI2, httpAPI1, restAPI, loadBalancer, loadBalancerMulti, functionURLs} {
		t.Run(d.name, func(t *testing.T) {
			through := s.behind(t, behindCloudFront(d, own))
			in := login(password)
			in.headers = browser()
			in.headers.Set("Sec-Fetch-Site", "same-origin")
			r := through.wantCost(t, in, signInCost)
			wantStatus(t, r, http.StatusOK)
			page := request{method: "GET", path: "/profile", cookie: r.cookie(), accept: "text/html", headers: browser()}
			if shown := through.wantCost(t, page, loadCost); !strings.Contains(shown.body, "from "+client) {
				t.Errorf("%d, the page does not name the viewer's address:\n%s", shown.status, shown.body)
			}
			s.goRound(t, d, page)

			// CloudFront has not sent on the host that an old browser's Origin names. So the
			// stack needs PUBLIC_ORIGIN for these.
			old := request{method: "POST", path: "/logout", cookie: r.cookie(), headers: browser()}
			old.headers.Set("Origin", "https://"+host)
			wantStatus(t, through.wantCost(t, old, budget{}), http.StatusForbidden)

			caller := request{method: "GET", path: "/caller", cookie: r.cookie()}
			want := http.StatusUnauthorized
			if d.authorize != nil {
				wantStatus(t, s.behind(t, d).wantCost(t, caller, budget{}), d.unknown)
				want = http.StatusOK
			}
			wantStatus(t, through.do(t, caller), want)
		})
	}
	s.proxy.FailAll(dynamotest.Refuse)
	for id, l := range s.functions { // a load balancer checks its targets by itself
		if text, err := l.send(healthCheck); len(s.template.Functions[id].Routes) > 0 && (err != nil || !strings.Contains(text, `"statusCode":200`)) {
			t.Errorf("%s answers a health check with %s, %v", id, text, err)
		}
	}
}

// goRound sends a request without CloudFront, and through another one's distribution.
func (s *stack) goRound(t *testing.T, d door, in request) {
	t.Helper()
	other := http.Header{"X-Proxy-Secret": {"an-example-of-a-secret-of-a-proxy-3"}, "X-Proxy-Client": {client}}
	for _, d := range []door{d, behindCloudFront(d, nil), behindCloudFront(d, other)} {
		r := s.behind(t, d).wantCost(t, in, budget{})
		if r.status != http.StatusForbidden || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s, without the secret: %d %v", d.name, r.status, r.header)
		}
	}
}
