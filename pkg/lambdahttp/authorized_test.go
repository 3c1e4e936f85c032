package lambdahttp_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// authorizedTest is what an event says of its authorizer, and what a function behind it
// is told.
type authorizedTest struct {
	name, authorizer string
	want             map[string]string
}

// flat is what the events of payload format 1.0 have.
var flat = []authorizedTest{
	{"somebody", `{"principalId":"u1","user_id":"u1","roles":"[]","integrationLatency":21}`, map[string]string{"principalId": "u1", "user_id": "u1", "roles": "[]"}},
	{"null", `null`, nil},
	{"nothing", `{}`, nil},
	{"no authorizer of an HTTP API", `{"claims":null,"scopes":null}`, nil},
	{"Cognito", `{"claims":{"sub":"u1","user_id":"u1","cognito:username":"alice"}}`, nil},
	{"JWT", `{"claims":{"user_id":"u1"},"scopes":["user_id"]}`, nil},
	{"not strings", `{"user_id":1,"n":1.5,"yes":true,"list":["x"],"nothing":null,"deep":{"user_id":"u2"}}`, nil},
	{"the other format", `{"lambda":{"user_id":"u1"}}`, nil},
	{"another case", `{"User_ID":"u1"}`, map[string]string{"User_ID": "u1"}},
	{"a list", `["user_id"]`, nil},
	{"a string", `"user_id"`, nil},
}

// nested is what the events of payload format 2.0 have.
var nested = []authorizedTest{
	{"somebody", `{"lambda":{"user_id":"u1","roles":"[]"}}`, map[string]string{"user_id": "u1", "roles": "[]"}},
	{"not strings", `{"lambda":{"user_id":"u1","n":1,"list":["x"],"nothing":null,"deep":{"user_id":"u2"}}}`, map[string]string{"user_id": "u1"}},
	{"null", `null`, nil},
	{"null inside", `{"lambda":null}`, nil},
	{"a list inside", `{"lambda":["user_id"]}`, nil},
	{"JWT", `{"jwt":{"claims":{"user_id":"u1"},"scopes":null}}`, nil},
	{"IAM", `{"iam":{"userId":"u1","user_id":"u1","accountId":"123456789012"}}`, nil},
	{"the other format", `{"user_id":"u1","principalId":"u1"}`, nil},
	{"another case", `{"Lambda":{"user_id":"u1"}}`, nil},
}

// Authorized returns only strings, and only what a Lambda authorizer of API Gateway has
// said. A load balancer and a function URL have none: what looks like one there was not
// written by API Gateway.
func TestAuthorized(t *testing.T) {
	unbelieved := append(append([]authorizedTest{}, flat...), nested...)
	for i := range unbelieved {
		unbelieved[i].want = nil
	}
	for front, test := range map[string]struct {
		before, after string // of the authorizer in the event
		tests         []authorizedTest
	}{
		"an HTTP API, 2.0":             {`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET","sourceIp":"192.0.2.1"},"authorizer":`, `}}`, nested},
		"an HTTP API, 1.0":             {`{"version":"1.0","httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{"sourceIp":"192.0.2.1"},"authorizer":`, `}}`, flat},
		"a REST API":                   {`{"httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{"sourceIp":"192.0.2.1"},"authorizer":`, `}}`, flat},
		"a function URL":               {`{"version":"2.0","rawPath":"/","requestContext":{"domainName":"abc.lambda-url.eu-central-1.on.aws","http":{"method":"GET","sourceIp":"192.0.2.1"},"authorizer":`, `}}`, unbelieved},
		"a load balancer":              {`{"httpMethod":"GET","path":"/","headers":{},"requestContext":{"elb":{"targetGroupArn":"arn"},"authorizer":`, `}}`, unbelieved},
		"a load balancer, multi-value": {`{"httpMethod":"GET","path":"/","multiValueHeaders":{},"requestContext":{"elb":{"targetGroupArn":"arn"},"authorizer":`, `}}`, unbelieved},
		"beside the context, 2.0":      {`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"}},"authorizer":`, `}`, unbelieved},
		"beside the context, REST":     {`{"httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{"sourceIp":"192.0.2.1"}},"authorizer":`, `}`, unbelieved},
		"among stage variables":        {`{"httpMethod":"GET","resource":"/","path":"/","stageVariables":{"authorizer":"x","user_id":"u1"},"headers":{"authorizer":"{\"lambda\":{\"user_id\":\"u1\"}}","user_id":"u1"},"requestContext":{"identity":{"sourceIp":"192.0.2.1"},"Authorizer":`, `}}`, unbelieved},
	} {
		for _, tt := range test.tests {
			t.Run(front+", "+tt.name, func(t *testing.T) {
				called := false
				h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					called = true
					got := lambdahttp.Authorized(r.Context())
					if !maps.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
						t.Errorf("told %v, want %v", got, tt.want)
					}
					clear(got) // a caller's map is its own
					if again := lambdahttp.Authorized(r.Context()); !maps.Equal(again, tt.want) {
						t.Errorf("told %v the second time", again)
					}
				})
				if _, err := lambdahttp.Handler(h).Invoke(t.Context(), []byte(test.before+tt.authorizer+test.after)); err != nil || !called {
					t.Errorf("called: %t, %v", called, err)
				}
			})
		}
	}
	if got := lambdahttp.Authorized(t.Context()); got != nil {
		t.Errorf("outside Lambda: %v", got)
	}
}

// TestAuthorizerAndFunction: the function behind each API is told what the authorizer has
// said to the API. An HTTP API may use another payload format for each of the two.
func TestAuthorizerAndFunction(t *testing.T) {
	for api := range askers {
		status, context := ask(t, t.Context(), api, authorizerEvent(t, api), byCookie)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", api, status)
		}
		encoded, err := json.Marshal(context)
		if err != nil {
			t.Fatal(err)
		}
		text := string(encoded)
		for front, payload := range map[string]string{
			"http-api-2": `{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"},"authorizer":{"lambda":` + text + `}}}`,
			"http-api-1": `{"version":"1.0","httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{},"authorizer":` + text + `}}`,
			"rest-api":   `{"httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{},"authorizer":` + text + `}}`,
		} {
			if (api == "rest-api") != (front == "rest-api") {
				continue
			}
			var told map[string]string
			invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told = lambdahttp.Authorized(r.Context()) }), []byte(payload))
			if !maps.Equal(told, context) || told["token"] != "owner.id.secret" {
				t.Errorf("%s behind %s: told %v, want %v", front, api, told, context)
			}
		}
	}
}
