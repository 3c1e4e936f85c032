package functions_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// edges sends what browsers do not send, and what the doors treat differently.
func (j *journey) edges() {
	signIn := func() string {
		r := j.s.do(j.t, login(password))
		wantStatus(j.t, r, http.StatusOK)
		j.learn(r)
		return r.cookie()
	}
	cookie, other := signIn(), signIn()
	j.take("different cookies", profile(cookie+"; "+other), budget{}, http.StatusUnauthorized)
	j.take("cookies in two headers", request{method: "GET", path: "/profile", headers: http.Header{"Cookie": {"theme=dark", cookie}}}, loadCost, http.StatusOK)
	j.take("equal cookies", profile(cookie+"; "+cookie), loadCost, http.StatusOK)

	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", http.StatusSeeOther},
		{"HEAD", "/login", http.StatusOK},
		{"DELETE", "/login", http.StatusMethodNotAllowed},
		{"GET", "/logout", http.StatusMethodNotAllowed},
		{"OPTIONS", "/profile", http.StatusMethodNotAllowed},
		{"GET", "/nowhere", http.StatusNotFound},
		{"GET", "/nowhere?a=1&a=%26&%C3%A9=%", http.StatusNotFound},
		{"GET", "/PROFILE", http.StatusNotFound},
		{"GET", "/profile/", http.StatusNotFound},
		{"GET", "/%70rofile", http.StatusUnauthorized},
		{"GET", "/nowhere%2Fprofile", http.StatusNotFound},
		{"GET", "/profile%252e", http.StatusNotFound},
		{"GET", "/profile%252F", http.StatusNotFound},
		{"GET", "/gr%C3%BC%C3%9Fe%20x+y", http.StatusNotFound},
		{"GET", "/%25", http.StatusNotFound},
		{"POST", "/sessions/%2E%2E/revoke", http.StatusNotFound},
		{"POST", "/sessions/AAAAAAAAAAAAAAAAAAAAAA", http.StatusNotFound},
		{"GET", "/healthz", http.StatusNotFound}, // it is for load balancers themselves
		{"GET", "/.well-known/change-password", http.StatusSeeOther},
	} {
		j.take(tt.method+" "+tt.path, request{method: tt.method, path: tt.path}, budget{}, tt.status)
	}

	big := login(strings.Repeat("x", 9000))
	j.take("too much", big, budget{}, http.StatusRequestEntityTooLarge)
	j.take("no JSON", request{method: "POST", path: "/login", contentType: "application/json", body: `{"username":`}, budget{}, http.StatusBadRequest)
	j.take("no type", request{method: "POST", path: "/login", body: `{}`}, budget{}, http.StatusUnsupportedMediaType)
	j.take("no UTF-8", request{method: "POST", path: "/login", contentType: "application/x-www-form-urlencoded", body: "username=%ff&password=x"}, budget{}, http.StatusBadRequest)

	from := func(origin string) request {
		return request{method: "POST", path: "/logout", headers: http.Header{"Origin": {origin}}}
	}
	j.take("our origin", from("https://"+host), budget{}, http.StatusNoContent)
	j.take("another origin", from("https://evil.example"), budget{}, http.StatusForbidden)
	j.different(cookie, other)
}

// different sends what cannot have the same answer behind all doors.
func (j *journey) different(cookie, other string) {
	t := j.t
	for name, tt := range map[string]struct {
		in     request
		status int
		other  map[string]int // by the door's name
	}{
		// A load balancer with one value for each header takes the last.
		"different cookies in two headers": {request{method: "GET", path: "/profile", headers: http.Header{"Cookie": {other, cookie}}},
			http.StatusUnauthorized, map[string]int{loadBalancer.name: http.StatusOK}},
		"a header twice": {request{method: "POST", path: "/logout", headers: http.Header{"Sec-Fetch-Site": {"same-origin", "cross-site"}}},
			http.StatusBadRequest, map[string]int{loadBalancer.name: http.StatusForbidden}},

		// An HTTP API decodes the path before it looks for the route.
		"a slash in a name": {request{method: "GET", path: "/sessions%2Frevoke-all"}, http.StatusMethodNotAllowed, raw(http.StatusNotFound)},
	} {
		want := tt.status
		if status, ok := tt.other[j.door.name]; ok {
			want = status
		}
		if r := j.s.do(t, tt.in); r.status != want {
			t.Errorf("%s: %d, want %d; %s", name, r.status, want, r.body)
		}
	}
}

// raw returns the status for every door that does not decode the path.
func raw(status int) map[string]int {
	all := map[string]int{}
	for _, d := range doors {
		if d.raw {
			all[d.name] = status
		}
	}
	return all
}

// outage: while the store cannot be reached, nothing is lost.
func (j *journey) outage() {
	cookie := j.s.signIn(j.t)
	j.s.proxy.FailAll(dynamotest.Refuse)
	for _, in := range []request{
		login(password), profile(cookie),
		{method: "POST", path: "/logout", cookie: cookie},
		{method: "GET", path: "/sessions", cookie: cookie, accept: "text/html"},
	} {
		r := j.s.do(j.t, in)
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.header.Get("Set-Cookie") != "" {
			j.t.Errorf("%s %s: status %d, %v; want 503 and no cookie", in.method, in.path, r.status, r.header)
		}
		j.steps = append(j.steps, step{in.method + in.path, r})
	}
	j.s.proxy.FailAll(dynamotest.None)
	wantStatus(j.t, j.s.do(j.t, profile(cookie)), http.StatusOK)
}

// TestUnusualEvents sends each function events that no client can cause to be sent.
func TestUnusualEvents(t *testing.T) {
	s := newStack(t, nil)
	for id, l := range s.functions {
		t.Run(id, func(t *testing.T) {
			if len(s.template.Functions[id].Routes) > 0 { // it is not the authorizer
				testHealthChecks(t, s, l)
				testBadEvents(t, l)
			}
			testStrangers(t, l)
		})
	}
	wantStatus(t, s.do(t, request{method: "GET", path: "/login"}), http.StatusOK)
}

// healthCheck is a load balancer's health check as in the guide: it has no address, no
// host and no cookie.
const healthCheck = `{"requestContext":{"elb":{"targetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/coatcheck/6d0ecf831eec9f09"}},"httpMethod":"GET","path":"/healthz","queryStringParameters":{},"headers":{"user-agent":"ELB-HealthChecker/2.0"},"body":"","isBase64Encoded":false}`

// testHealthChecks: the function itself answers a load balancer's health check.
func testHealthChecks(t *testing.T, s *stack, l *lambda) {
	multi := strings.NewReplacer(`"queryString`, `"multiValueQueryString`, `"headers"`, `"multiValueHeaders"`, `"ELB-HealthChecker/2.0"`, `["ELB-HealthChecker/2.0"]`)
	for event, answer := range map[string]func(string) (sent, error){
		healthCheck:                loadBalancerAnswer,
		multi.Replace(healthCheck): loadBalancerMultiAnswer,
	} {
		s.proxy.Take()
		text, err := l.send(event)
		if err != nil {
			t.Fatal(err)
		}
		response, err := answer(text)
		if calls := s.proxy.Take(); err != nil || response.status != http.StatusOK || response.header.Get("Set-Cookie") != "" || len(calls) > 0 {
			t.Errorf("%s: %s, %v, %d calls", event, text, err, len(calls))
		}
	}
}

// testBadEvents: malformed events of each kind get our own answer.
func testBadEvents(t *testing.T, l *lambda) {
	for _, d := range doors {
		for name, spoil := range map[string]func(e map[string]any){
			"no base64":     func(e map[string]any) { e["body"], e["isBase64Encoded"] = "*", true },
			"no path":       func(e map[string]any) { e["path"], e["rawPath"] = "", "" },
			"relative path": func(e map[string]any) { e["path"], e["rawPath"] = "login", "login" },
		} {
			e := d.event(visit{peer: client, Request: httptest.NewRequest("POST", "https://"+host+"/login", nil), function: l.name, route: "ANY /login"})
			spoil(e)
			text, err := l.send(encode(t, e))
			if err != nil {
				t.Fatalf("%s, %s: %s, %v", d.name, name, text, err)
			}
			response, err := d.answer(text)
			if err != nil || response.status != http.StatusBadRequest || response.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s: %s, %v; want a 400 with our headers", d.name, name, text, err)
			}
		}
	}
}

// strangers are events that are no requests, by what the error has to say of them.
var strangers = map[string]string{
	"aws:sqs":         `{"Records":[{"messageId":"19dd0b57-b21e-4ac1-bd88-01bbb068cb78","receiptHandle":"MessageReceiptHandle","body":"{\"a\":1}","attributes":{},"messageAttributes":{},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:jobs","awsRegion":"eu-west-1"}]}`,
	"Scheduled Event": `{"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event","source":"aws.events","account":"123456789012","time":"2026-11-23T16:53:06Z","region":"eu-west-1","resources":["arn:aws:events:eu-west-1:123456789012:rule/nightly"],"detail":{}}`,
	"WebSocket":       `{"requestContext":{"routeKey":"$connect","eventType":"CONNECT","connectionId":"L0SM9cOFvHcCIhw=","stage":"prod","apiId":"r3pmxmplak","identity":{"sourceIp":"192.0.2.7"}},"headers":{"Host":"ws.example.com"},"isBase64Encoded":false}`,
	"empty object":    `{}`,
	"null":            `null`,
	"JSON array":      `[]`,
	"JSON string":     `"x"`,
	"object":          `{"version":"2.0","requestContext":{"http":{}}}`,
}

// testStrangers: an event that is no request is an error of the invocation that says what
// came. The error and the log do not repeat what the event says.
func testStrangers(t *testing.T, l *lambda) {
	for name, event := range strangers {
		var failure struct {
			Message string `json:"errorMessage"`
		}
		text, err := l.send(event)
		if err == nil || json.Unmarshal([]byte(text), &failure) != nil || !strings.Contains(failure.Message, name) || strings.Contains(text, "stackTrace") {
			t.Fatalf("%s: %s, %v; want an error of the invocation that names it", name, text, err)
		}
		if strings.Contains(text+l.log.String(), "MessageReceiptHandle") {
			t.Errorf("%s: the event is repeated: %s", name, text)
		}
	}
}
