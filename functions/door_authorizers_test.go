package functions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// policy is the answer of an authorizer with payload format 1.0.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
type policy struct {
	PrincipalID    string `json:"principalId"`
	PolicyDocument struct {
		Version   string
		Statement []struct {
			Action, Effect string
			Resource       oneOrMore
		}
	} `json:"policyDocument"`
	Context            map[string]any `json:"context"`
	UsageIdentifierKey string         `json:"usageIdentifierKey"`
}

// oneOrMore is a string or a list of them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// allows reports whether the policy allows the method. A policy that allows anything else
// is an error, because the gateway may keep it for the caller's other requests.
func (p policy) allows(method string) (bool, error) {
	if p.PrincipalID == "" || p.PolicyDocument.Version != "2012-10-17" || len(p.PolicyDocument.Statement) == 0 {
		return false, errors.New("a policy with a part missing")
	}
	allowed, denied := false, false
	for _, statement := range p.PolicyDocument.Statement {
		switch {
		case statement.Action != "execute-api:Invoke":
			return false, fmt.Errorf("a policy for the action %q", statement.Action)
		case statement.Effect == "Deny":
			denied = true
		case statement.Effect == "Allow" && slices.Equal(statement.Resource, oneOrMore{method}):
			allowed = true
		default:
			return false, fmt.Errorf("the effect %q for %q, want one for %q", statement.Effect, statement.Resource, method)
		}
	}
	return allowed && !denied, nil
}

// policyAuthorize sends an authorizer the event of the request with the name of what was
// asked for, and applies its policy to that.
func policyAuthorize(l *lambda, v visit, event map[string]any) (who map[string]any, status int) {
	if v.Header.Get("Cookie") == "" {
		return nil, http.StatusUnauthorized // without its identity source the gateway does not call it
	}
	stage := event["requestContext"].(map[string]any)["stage"].(string)
	arn := "arn:aws:execute-api:eu-west-1:123456789012:r3pmxmplak/" + stage + "/" + v.Method + v.URL.Path
	event["type"], event["methodArn"] = "REQUEST", arn
	delete(event, "body")
	delete(event, "isBase64Encoded")
	text, err := json.Marshal(event)
	if err != nil {
		return nil, http.StatusInternalServerError
	}
	var answer policy
	if body, err := l.call(string(text), &answer); err != nil {
		if strings.Contains(body, `"errorMessage":"Unauthorized"`) {
			return nil, http.StatusUnauthorized
		}
		return nil, http.StatusInternalServerError
	}
	allowed, err := answer.allows(arn)
	if err != nil {
		return nil, http.StatusInternalServerError
	}
	if !allowed {
		return nil, http.StatusForbidden
	}
	return answer.told()
}

// told returns what the function is told of the caller: strings, whatever the values were.
// Objects and lists are refused.
func (p policy) told() (who map[string]any, status int) {
	who = map[string]any{"principalId": p.PrincipalID, "integrationLatency": 42}
	for name, value := range p.Context {
		switch value.(type) {
		case string, float64, bool:
			who[name] = fmt.Sprint(value)
		default:
			return nil, http.StatusInternalServerError
		}
	}
	return who, http.StatusOK
}

func restAPIAuthorize(l *lambda, v visit) (who map[string]any, status int) {
	return policyAuthorize(l, v, restAPIEvent(v))
}

// httpAPI1Authorize: on an HTTP API the event has one value for each header, and what
// identifies the caller.
func httpAPI1Authorize(l *lambda, v visit) (who map[string]any, status int) {
	event := httpAPI1Event(v)
	delete(event, "multiValueHeaders")
	delete(event, "multiValueQueryStringParameters")
	event["identitySource"], event["authorizationToken"] = v.Header.Get("Cookie"), v.Header.Get("Cookie")
	return policyAuthorize(l, v, event)
}

// testCaller: where the door has an authorizer, the function behind it is told of the
// caller. Where it has none, every caller is unknown.
func testCaller(t *testing.T, s *stack, d door) {
	caller := func(cookie string, b budget) reply {
		return s.wantCost(t, request{method: "GET", path: "/caller?a=b&a=c", cookie: cookie, headers: browser()}, b)
	}
	cookie := s.signIn(t)
	if d.authorize == nil {
		wantStatus(t, caller(cookie, budget{}), http.StatusUnauthorized)
		return
	}
	wantStatus(t, caller("", budget{}), http.StatusUnauthorized)
	wantStatus(t, caller("__Host-SESSIONID=coat", budget{}), d.unknown)
	r := caller("theme=dark; "+cookie+"; "+cookie, loadCost)
	wantStatus(t, r, http.StatusOK)
	var who struct {
		UserID    string `json:"user_id"`
		SessionID string `json:"session_id"`
		Roles     []string
	}
	if err := json.Unmarshal([]byte(r.body), &who); err != nil || who.UserID != s.userID || who.SessionID != idOf(cookie) || !slices.Equal(who.Roles, []string{"member"}) {
		t.Errorf("%s, %v", r.body, err)
	}
	wantStatus(t, s.do(t, request{method: "POST", path: "/caller", cookie: cookie}), http.StatusMethodNotAllowed)
	wantStatus(t, s.do(t, request{method: "POST", path: "/sessions/revoke-all", cookie: cookie}), http.StatusNoContent)
	wantStatus(t, caller(cookie, loadCost), d.unknown)
}
