package lambdahttp_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// authorizerPolicy is the answer of an authorizer to an API that wants a policy.
type authorizerPolicy struct {
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

func decodePolicy(t testing.TB, answer []byte) (p authorizerPolicy) {
	t.Helper()
	strictly(t, answer, &p)
	d := p.PolicyDocument
	if p.PrincipalID == "" || d.Version != "2012-10-17" || len(d.Statement) != 1 || d.Statement[0].Action != "execute-api:Invoke" || len(d.Statement[0].Resource) != 1 {
		t.Fatalf("the answer is %s", answer)
	}
	return p
}

// How a gateway may read ${*} in a policy: as IAM documents it, or as the characters ${ and
// }, with a wildcard between them.
const resolvesVariables, resolvesNothing = true, false

// covers reports whether the policy is about what an ARN names. An unknown variable makes
// it cover nothing.
func (p authorizerPolicy) covers(arn string, variables bool) bool {
	return regexp.MustCompile("(?s)^" + arnPattern.ReplaceAllStringFunc(p.PolicyDocument.Statement[0].Resource[0], func(part string) string {
		switch {
		case part == "*":
			return ".*"
		case part == "?":
			return "."
		case !strings.HasPrefix(part, "${"):
			return regexp.QuoteMeta(part)
		case !variables:
			return regexp.QuoteMeta("${") + strings.NewReplacer("*", ".*", "?", ".").Replace(part[2:len(part)-1]) + regexp.QuoteMeta("}")
		case part == "${*}" || part == "${?}" || part == "${$}":
			return regexp.QuoteMeta(part[2:3])
		}
		return `[^\s\S]` // matches nothing
	}) + "$").MatchString(arn)
}

var arnPattern = regexp.MustCompile(`\$\{[^}]*\}|\*|\?|[^*?$]+|\$`)

// TestPolicyIsForOneARN: a policy allows what the client has asked for, and nothing else
// that a client could ask for, whatever the path has in it.
func TestPolicyIsForOneARN(t *testing.T) {
	const api = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/"
	arns := []string{
		api + "prod/GET/", api + "prod/GET/orders", api + "prod/GET/orders/", api + "prod/GET/orders/7", api + "prod/GET/orders/77", api + "prod/GET/orders/7/items",
		api + "prod/POST/orders/7", api + "prod/DELETE/orders/7", api + "test/GET/orders/7", api + "$default/GET/orders/7",
		api + "prod/GET/orders/*", api + "prod/GET/orders/**", api + "prod/GET/*", api + "prod/GET/orders/?", api + "prod/GET/orders?", api + "prod/GET/orders/7*",
		api + "prod/GET/orders/$", api + "prod/GET/orders/$*", api + "prod/GET/orders/$$", api + "prod/GET/orders/{*}",
		api + "prod/GET/orders/%2A", api + "prod/GET/orders/%3f", api + "prod/GET/orders/%24%7B%2A%7D", api + "prod/GET/Orders/7",
		api + "prod/GET/a:b/c", api + "prod/GET/2026-11-23T14:00:00Z", api + "prod/GET//orders", api + "prod/GET/é", api + "prod/GET/a b", api + "prod/GET/a\nb",
		"arn:aws-cn:execute-api:cn-north-1:123456789012:a1b2c3d4e5/prod/GET/orders/7", "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:a1b2c3d4e5/prod/GET/orders/7",
	}
	variables := []string{
		api + "prod/GET/orders/${*}", api + "prod/GET/orders/${?}", api + "prod/GET/orders/${$}", api + "prod/GET/orders/${$}{*}",
		api + "prod/GET/orders/${aws:username}", api + "prod/GET/orders/${", api + "prod/GET/orders/${${*}}",
	}
	for _, asked := range append(variables, arns...) {
		p := decodePolicy(t, answerFor(t, asked))
		if !p.covers(asked, resolvesVariables) {
			t.Errorf("the policy for %s is for %q", asked, p.PolicyDocument.Statement)
		}
		for _, other := range append(variables, arns...) {
			if other != asked && p.covers(other, resolvesVariables) {
				t.Errorf("the policy for %s is for %s as well", asked, other)
			}
		}
		for _, other := range arns {
			if other != asked && p.covers(other, resolvesNothing) {
				t.Errorf("without variables, the policy for %s is for %s as well", asked, other)
			}
		}
		if !strings.ContainsAny(asked, "*?{") && p.PolicyDocument.Statement[0].Resource[0] != asked {
			t.Errorf("%s was changed to %q", asked, p.PolicyDocument.Statement)
		}
	}
}

// answerFor returns the answer of an authorizer that says yes to a REST API.
func answerFor(t *testing.T, arn string) []byte {
	t.Helper()
	var event map[string]any
	if err := json.Unmarshal(authorizerEvent(t, "rest-api"), &event); err != nil {
		t.Fatal(err)
	}
	event["methodArn"] = arn
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := lambdahttp.Authorizer(func(*http.Request) (map[string]string, error) {
		return map[string]string{"user_id": "u1"}, nil
	}).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestCovers: the test's own reading of policies finds what is too wide.
func TestCovers(t *testing.T) {
	for _, test := range []struct {
		resource, arn       string
		resolves, asLetters bool
	}{
		{"a", "a", true, true}, {"a", "ab", false, false}, {"a*", "abc", true, true}, {"a?", "ab", true, true}, {"a?", "abc", false, false},
		{"a.c", "abc", false, false}, {"a${*}", "a*", true, false}, {"a${*}", "abc", false, false}, {"a${*}", "a${b}", false, true},
		{"a${?}", "a?", true, false}, {"a${$}", "a$", true, false}, {"a${aws:username}", "aalice", false, false}, {"$default", "$default", true, true},
		{"$${*}", "$*", true, false}, {"${$}{${*}}", "${*}", true, false},
	} {
		var p authorizerPolicy
		if err := json.Unmarshal([]byte(`{"policyDocument":{"Statement":[{"Resource":["`+test.resource+`"]}]}}`), &p); err != nil {
			t.Fatal(err)
		}
		if p.covers(test.arn, resolvesVariables) != test.resolves || p.covers(test.arn, resolvesNothing) != test.asLetters {
			t.Errorf("%s covers %s: %t and %t", test.resource, test.arn, p.covers(test.arn, resolvesVariables), p.covers(test.arn, resolvesNothing))
		}
	}
}
