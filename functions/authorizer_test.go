package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// authorization is the answer of an authorizer that does not fail.
type authorization struct {
	IsAuthorized bool              `json:"isAuthorized"`
	Context      map[string]string `json:"context"`
}

// simpleAuthorize calls the authorizer of an HTTP API, with payload format 2.0 and simple
// answers. The cookies are in the headers only
// (https://github.com/aws/aws-lambda-go/issues/507).
func simpleAuthorize(l *lambda, v visit) (who map[string]any, status int) {
	headers := joined(v.Header)
	headers["host"] = v.Host
	if headers["cookie"] == "" {
		return nil, http.StatusUnauthorized // without its identity source the gateway does not call it
	}
	event, err := json.Marshal(authorizerEventFields(v.route, v.Method, v.URL.Path, headers, nil))
	if err != nil {
		return nil, http.StatusInternalServerError
	}
	var answer authorization
	switch _, err := l.call(string(event), &answer); {
	case err != nil:
		return nil, http.StatusInternalServerError
	case !answer.IsAuthorized:
		return nil, http.StatusForbidden
	}
	who = map[string]any{}
	for name, value := range answer.Context {
		who[name] = value
	}
	return who, http.StatusOK
}

func authorizerEventFields(routeKey, method, path string, headers map[string]string, cookies []string) map[string]any {
	return map[string]any{
		"version":        "2.0",
		"type":           "REQUEST",
		"routeArn":       "arn:aws:execute-api:eu-west-1:123456789012:r3pmxmplak/$default/" + method + path,
		"identitySource": []string{headers["cookie"]},
		"routeKey":       routeKey,
		"rawPath":        path,
		"rawQueryString": "",
		"cookies":        append([]string{}, cookies...),
		"headers":        headers,
		"requestContext": map[string]any{
			"accountId": "123456789012", "apiId": "r3pmxmplak", "domainName": "app.example.com", "requestId": "JKJaXmPLvHcESHA=",
			"routeKey": routeKey, "stage": "$default", "time": "10/Mar/2020:05:16:23 +0000", "timeEpoch": 1583817383220,
			"http": map[string]any{
				"method": method, "path": path, "protocol": "HTTP/1.1",
				"sourceIp": "192.0.2.7", "userAgent": headers["user-agent"],
			},
		},
	}
}

// callAuthorizer sends the authorizer an event with these headers and cookies, and with
// the headers that every browser sends. It returns the answer unchanged.
func (s *stack) callAuthorizer(t *testing.T, headers map[string]string, cookies []string) (answer string, calls []dynamotest.Call, err error) {
	t.Helper()
	all := map[string]string{"host": "app.example.com", "accept": "*/*", "user-agent": "Mozilla/5.0"}
	maps.Copy(all, headers)
	s.proxy.Take()
	var decoded authorization
	answer, err = s.functions["AuthorizerFunction"].call(encode(t, authorizerEventFields("ANY /caller", "GET", "/caller", all, cookies)), &decoded)
	return answer, s.proxy.Take(), err
}

const notAuthorized = `{"isAuthorized":false}`

// TestAuthorizer calls the real authorizer with the cookie in each place where an event
// can have it.
func TestAuthorizer(t *testing.T) {
	s := newStack(t, nil)
	before := time.Now().UTC().Truncate(time.Second)
	cookie := s.signIn(t)
	other := "theme=dark"
	for name, e := range map[string]struct {
		headers map[string]string
		cookies []string
	}{
		"header":             {map[string]string{"cookie": other + "; " + cookie}, nil},
		"Header":             {map[string]string{"Cookie": other + "; " + cookie}, nil},
		"HEADER":             {map[string]string{"COOKIE": cookie}, nil},
		"cookies":            {nil, []string{other, cookie}},
		"twice":              {nil, []string{cookie, cookie}},
		"twice in headers":   {map[string]string{"cookie": cookie, "Cookie": cookie + "; " + cookie}, nil},
		"header and cookies": {map[string]string{"Cookie": other + "; " + cookie}, []string{other, cookie}}, // sam local
	} {
		answer, calls, err := s.callAuthorizer(t, e.headers, e.cookies)
		var got authorization
		if err == nil {
			err = json.Unmarshal([]byte(answer), &got)
		}
		at, atErr := time.Parse(time.RFC3339, got.Context["authenticated_at"])
		if err != nil || atErr != nil || at.Before(before) || at.After(time.Now()) {
			t.Errorf("%s: %s, %v, %v", name, answer, err, atErr)
		}
		delete(got.Context, "authenticated_at")
		want := map[string]string{"user_id": s.userID, "session_id": idOf(cookie), "roles": `["member"]`}
		if !got.IsAuthorized || !maps.Equal(got.Context, want) {
			t.Errorf("%s: %+v, want %v", name, got, want)
		}
		loadCost.check(t, calls)
	}
}

// The authorizer refuses every event without the valid cookie of a live session.
func TestAuthorizerSaysNo(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	dead := s.signIn(t)
	wantStatus(t, s.do(t, request{method: "POST", path: "/logout", cookie: dead}), http.StatusNoContent)
	for name, e := range map[string]struct {
		headers map[string]string
		cookies []string
		calls   int
	}{
		"nothing":              {nil, nil, 0},
		"malformed":            {nil, []string{"__Host-SESSIONID=coat"}, 0},
		"two in cookies":       {nil, []string{cookie, dead}, 0},
		"two in the header":    {map[string]string{"cookie": dead + "; " + cookie}, nil, 0},
		"two in two headers":   {map[string]string{"cookie": cookie, "Cookie": dead}, nil, 0},
		"another header":       {map[string]string{"x-cookie": cookie, "authorization": "Bearer " + cookie}, nil, 0},
		"joined by a comma":    {map[string]string{"cookie": "a=b," + cookie}, nil, 0},
		"a cookie of the name": {nil, []string{strings.Replace(cookie, "__Host-", "__host-", 1)}, 0},
		"logged out":           {nil, []string{dead}, 1},
		"wrong secret":         {nil, []string{cookie[:len(cookie)-43] + strings.Repeat("A", 43)}, 1},
	} {
		answer, calls, err := s.callAuthorizer(t, e.headers, e.cookies)
		if err != nil || strings.TrimSpace(answer) != notAuthorized || len(calls) != e.calls {
			t.Errorf("%s: %s, %v, %d calls; want %s and %d", name, answer, err, len(calls), notAuthorized, e.calls)
		}
	}
}

// In an outage the authorizer neither allows nor refuses the request: it returns an
// error, which the gateway answers with 500. Afterwards the same cookie is valid.
func TestAuthorizerInAnOutage(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	headers := map[string]string{"cookie": cookie}
	for name, fault := range map[string]dynamotest.Fault{"refused": dynamotest.Refuse, "hung": dynamotest.Hang} {
		s.proxy.FailAll(fault)
		if fault == dynamotest.Hang {
			s.setTimeout(2 * time.Second)
		}
		answer, _, err := s.callAuthorizer(t, headers, nil)
		if err == nil || strings.Contains(answer, "isAuthorized") || !strings.Contains(answer, "errorMessage") {
			t.Errorf("%s: %s, %v; want an error", name, answer, err)
		}
		if strings.Contains(answer, cookie[len(cookie)-43:]) {
			t.Errorf("%s: the error holds the cookie: %s", name, answer)
		}
		r := s.do(t, request{method: "GET", path: "/caller", cookie: cookie})
		wantStatus(t, r, http.StatusInternalServerError)
		s.proxy.FailAll(dynamotest.None)
		s.setTimeout(testTimeout)
		wantStatus(t, s.do(t, request{method: "GET", path: "/caller", cookie: cookie}), http.StatusOK)
	}
	for _, bad := range []string{`{}`, `[]`, `"x"`, `null`, `{"version":"1.0","type":"REQUEST","headers":{"cookie":"` + cookie + `"}}`} {
		var answer authorization
		if body, err := s.functions["AuthorizerFunction"].call(bad, &answer); err == nil || strings.Contains(body, "isAuthorized") {
			t.Errorf("event %s: %s, %v; want an error", bad, body, err)
		}
	}
	if log := s.functions["AuthorizerFunction"].log.String(); !strings.Contains(log, "authorizer failed") || strings.Contains(log, cookie[len(cookie)-43:]) {
		t.Errorf("the log:\n%s", log)
	}
}

// The function behind the authorizer gets the caller from the gateway, and never from
// what the caller sends.
func TestBehindTheAuthorizer(t *testing.T) {
	s := newStack(t, nil)
	caller := func(cookie string, b budget) reply {
		return s.wantCost(t, request{method: "GET", path: "/caller", cookie: cookie, headers: http.Header{
			"X-User-Id": {"mallory"}, "X-Amzn-Oidc-Identity": {"mallory"}, "Authorizer": {`{"lambda":{"user_id":"mallory"}}`},
		}}, b)
	}
	wantStatus(t, caller("", budget{}), http.StatusUnauthorized)
	wantStatus(t, caller("__Host-SESSIONID=coat", budget{}), http.StatusForbidden)

	before := time.Now().Truncate(time.Second)
	cookie := s.signIn(t)
	r := caller(cookie, loadCost)
	wantStatus(t, r, http.StatusOK)
	var who struct {
		UserID          string    `json:"user_id"`
		SessionID       string    `json:"session_id"`
		Roles           []string  `json:"roles"`
		AuthenticatedAt time.Time `json:"authenticated_at"`
	}
	if err := json.Unmarshal([]byte(r.body), &who); err != nil || who.UserID != s.userID || who.SessionID != idOf(cookie) ||
		fmt.Sprint(who.Roles) != "[member]" || who.AuthenticatedAt.Before(before) {
		t.Errorf("%s, %v", r.body, err)
	}
	r = s.do(t, request{method: "POST", path: "/caller", cookie: cookie})
	if wantStatus(t, r, http.StatusMethodNotAllowed); r.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", r.header.Get("Allow"))
	}
	s.moveBack(t, "SessionsTable", "last_seen_at", 4*60)
	wantStatus(t, caller(cookie, touchedCost), http.StatusOK)

	wantStatus(t, s.do(t, request{method: "POST", path: "/sessions/" + idOf(cookie) + "/revoke", cookie: cookie}), http.StatusNoContent)
	wantStatus(t, caller(cookie, loadCost), http.StatusForbidden)
}

// If a route has no authorizer by mistake, the function behind it treats every caller
// as unknown.
func TestWithoutTheAuthorizer(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://app.example.com/caller", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	for name, who := range map[string]map[string]any{
		"nobody":   nil,
		"a part":   {"user_id": s.userID},
		"no roles": {"user_id": s.userID, "session_id": idOf(cookie), "authenticated_at": "2026-11-23T14:00:00Z"},
		"no time":  {"user_id": s.userID, "session_id": idOf(cookie), "roles": "[]"},
		"another":  {"principalId": s.userID},
	} {
		response, err := s.functions["CallerFunction"].invoke(event(t, "ANY /caller", r, who))
		if err != nil || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("told of %s: %d %s, %v; want 401", name, response.StatusCode, response.Body, err)
		}
	}
}
