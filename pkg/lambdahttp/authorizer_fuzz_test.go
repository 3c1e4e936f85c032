package lambdahttp_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// FuzzAuthorizer sends any bytes as an event to authorizers that say yes, no, that they do
// not know, and that panic. Whatever the event is, there is an error or an answer of the
// right shape; only a yes allows anything; and a policy allows what was asked for, and none
// of what a client could ask for next.
func FuzzAuthorizer(f *testing.F) {
	logTo(f, io.Discard)
	for api := range askers {
		f.Add(authorizerEvent(f, api))
	}
	for _, arn := range []string{
		"arn:aws:execute-api:eu-west-1:123456789012:abc/prod/GET/*", "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/GET/a?b/${*}", "arn:aws:execute-api:*:*:*", "*",
		"arn:aws:execute-api:eu-west-1:123456789012:abc/*/GET/", "arn:aws:execute-api:eu-west-1:123456789012:abc/$default/*/orders",
	} {
		f.Add([]byte(`{"type":"REQUEST","methodArn":"` + arn + `","httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{"sourceIp":"192.0.2.1"}}}`))
		f.Add([]byte(`{"version":"1.0","type":"REQUEST","methodArn":"` + arn + `","httpMethod":"GET","resource":"/","path":"/","requestContext":{}}`))
	}
	f.Add([]byte(`{"type":"TOKEN","authorizationToken":"allow","methodArn":"arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/*/GET/"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for say, a := range map[string]lambdahttp.Authorizer{
			"yes":    func(*http.Request) (map[string]string, error) { return map[string]string{"user_id": "u1"}, nil },
			"no":     func(*http.Request) (map[string]string, error) { return nil, lambdahttp.ErrNotAuthorized },
			"outage": func(*http.Request) (map[string]string, error) { return nil, errors.New("Unauthorized") },
			"boom":   func(*http.Request) (map[string]string, error) { panic("boom") },
		} {
			answer, err := a.Invoke(t.Context(), payload)
			if err != nil {
				if answer != nil || err.Error() == "Unauthorized" && say != "no" {
					t.Errorf("%s: %s, %v", say, answer, err)
				}
				continue
			}
			if say == "outage" || say == "boom" {
				t.Fatalf("%s: %s", say, answer)
			}
			checkAuthorization(t, say == "yes", payload, answer)
		}
	})
}

func checkAuthorization(t *testing.T, yes bool, payload, answer []byte) {
	var asked struct {
		Version string `json:"version"`
		ARN     string `json:"methodArn"`
	}
	// encoding/json matches names in any case, and takes the last of several.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		t.Fatalf("%v, and yet %s", err, answer)
	}
	json.Unmarshal(members["version"], &asked.Version)
	json.Unmarshal(members["methodArn"], &asked.ARN)
	if asked.Version == "2.0" {
		if status, caller := askSimply(t, answer); (status == http.StatusOK) != yes || (caller["user_id"] == "u1") != yes {
			t.Errorf("%t: %s", yes, answer)
		}
		return
	}
	p := decodePolicy(t, answer)
	if effect := p.PolicyDocument.Statement[0].Effect; effect != map[bool]string{true: "Allow", false: "Deny"}[yes] || (p.Context["user_id"] == "u1") != yes {
		t.Errorf("%t: %s", yes, answer)
	}
	if !p.covers(asked.ARN, resolvesVariables) {
		t.Errorf("asked for %q: %s", asked.ARN, answer)
	}
	const api = "arn:aws:execute-api:eu-west-1:123456789012:abc/"
	for _, other := range []string{
		"", "*", api + "prod/GET/", api + "prod/GET/orders", api + "prod/POST/orders", api + "prod/GET/orders/7", api + "$default/GET/orders/7",
		asked.ARN + "x", asked.ARN + "/x", asked.ARN + "?", asked.ARN + "*", asked.ARN[:len(asked.ARN)-1], asked.ARN[:len(asked.ARN)-1] + "\x00",
	} {
		if other != asked.ARN && (p.covers(other, resolvesVariables) || !strings.Contains(other, "${") && p.covers(other, resolvesNothing)) {
			t.Errorf("asked for %q, and %q is allowed: %s", asked.ARN, other, answer)
		}
	}
}
