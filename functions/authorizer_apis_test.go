package functions_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// apis are the APIs whose authorizers do not speak payload format 2.0, with the events that
// they send to an authorizer and to the function behind it.
var apis = map[string]struct{ toAuthorizer, toFunction, arn string }{
	"REST API": {
		`{"type":"REQUEST","methodArn":%[1]s,"resource":"/caller","path":"/caller","httpMethod":"GET","headers":{"Cookie":%[2]s,"Host":"app.example.com"},
			"multiValueHeaders":{"Cookie":[%[2]s],"Host":["app.example.com"]},"requestContext":{"stage":"prod","identity":{"sourceIp":"192.0.2.7"}}}`,
		`{"resource":"/caller","path":"/caller","httpMethod":"GET","headers":{"Host":"app.example.com","Authorizer":"mallory"},
			"requestContext":{"stage":"prod","identity":{"sourceIp":"192.0.2.7"},"authorizer":%s}}`,
		"arn:aws:execute-api:eu-west-1:123456789012:r3pmxmplak/prod/GET/caller",
	},
	"HTTP API, payload format 1.0": {
		`{"version":"1.0","type":"REQUEST","methodArn":%[1]s,"identitySource":%[2]s,"authorizationToken":%[2]s,"resource":"/caller","path":"/caller","httpMethod":"GET",
			"headers":{"Cookie":%[2]s,"Host":"app.example.com"},"requestContext":{"stage":"$default","identity":{"sourceIp":"192.0.2.7"}}}`,
		`{"version":"1.0","resource":"/caller","path":"/caller","httpMethod":"GET","headers":{"Host":"app.example.com"},
			"requestContext":{"stage":"$default","identity":{"sourceIp":"192.0.2.7"},"authorizer":%s}}`,
		"arn:aws:execute-api:eu-west-1:123456789012:r3pmxmplak/$default/GET/caller",
	},
}

// TestAuthorizerOfOtherAPIs: the same binary, told nothing, is the authorizer of a REST API
// and of an HTTP API with payload format 1.0, and the function behind it knows the caller.
func TestAuthorizerOfOtherAPIs(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	forged := cookie[:len(cookie)-43] + strings.Repeat("A", 43)
	quote := func(text string) string {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	}
	type policy struct {
		PrincipalID    string `json:"principalId"`
		PolicyDocument struct {
			Version   string
			Statement []struct {
				Action, Effect string
				Resource       []string
			}
		} `json:"policyDocument"`
		Context map[string]string `json:"context"`
	}
	authorizer, caller := s.functions["AuthorizerFunction"], s.functions["CallerFunction"]
	for name, api := range apis {
		t.Run(name, func(t *testing.T) {
			ask := func(cookie string) (p policy, answer string, err error) {
				answer, err = authorizer.call(fmt.Sprintf(api.toAuthorizer, quote(api.arn), quote("theme=dark; "+cookie)), &p)
				return p, answer, err
			}
			s.proxy.Take()
			p, answer, err := ask(cookie)
			if err != nil || p.PrincipalID != s.userID || fmt.Sprint(p.PolicyDocument) != "{2012-10-17 [{execute-api:Invoke Allow ["+api.arn+"]}]}" {
				t.Errorf("%s, %v", answer, err)
			}
			loadCost.check(t, s.proxy.Take())
			told, err := json.Marshal(p.Context)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := callFlat(t, caller, fmt.Sprintf(api.toFunction, told)); status != http.StatusOK || !strings.Contains(body, s.userID) || !strings.Contains(body, idOf(cookie)) {
				t.Errorf("caller: %d %s", status, body)
			}
			if status, body := callFlat(t, caller, fmt.Sprintf(api.toFunction, `{"claims":`+string(told)+`}`)); status != http.StatusUnauthorized {
				t.Errorf("caller, told by Cognito: %d %s", status, body)
			}

			for _, no := range []string{"other=1", forged} {
				p, answer, err := ask(no)
				if refused := err == nil && len(p.PolicyDocument.Statement) == 1 && p.PolicyDocument.Statement[0].Effect == "Deny" && p.Context == nil; refused != (name != "REST API") ||
					!refused && !strings.Contains(answer, `"errorMessage":"Unauthorized"`) {
					t.Errorf("%s, %v", answer, err)
				}
			}
			s.proxy.FailAll(dynamotest.Refuse)
			_, answer, err = ask(cookie)
			s.proxy.FailAll(dynamotest.None)
			if err == nil || !strings.Contains(answer, `"errorMessage":"authorizer failed: `) || strings.Contains(answer, cookie[len(cookie)-43:]) {
				t.Errorf("in an outage: %s, %v", answer, err)
			}
		})
	}
	if answer, err := authorizer.call(`{"type":"TOKEN","authorizationToken":"x","methodArn":"arn:aws:execute-api:eu-west-1:123456789012:r3pmxmplak/prod/GET/caller"}`, new(policy)); err == nil ||
		!strings.Contains(answer, "make it one of type REQUEST") {
		t.Errorf("%s, %v", answer, err)
	}
}

// callFlat sends a function an event of payload format 1.0.
func callFlat(t *testing.T, l *lambda, event string) (status int, body string) {
	t.Helper()
	var response struct {
		StatusCode        int                 `json:"statusCode"`
		Headers           map[string]string   `json:"headers"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
		Body              string              `json:"body"`
		IsBase64Encoded   bool                `json:"isBase64Encoded"`
	}
	if answer, err := l.call(event, &response); err != nil {
		t.Fatalf("%s, %v", answer, err)
	}
	return response.StatusCode, response.Body
}
