package functions_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
)

// exampleTemplate is what the tests need of the templates in examples/stack.
type exampleTemplate struct {
	Parameters map[string]struct {
		Default string `yaml:"Default"`
	} `yaml:"Parameters"`
	Resources struct {
		Functions struct {
			Properties struct {
				Parameters map[string]yaml.Node `yaml:"Parameters"`
			} `yaml:"Properties"`
		} `yaml:"Functions"`
	} `yaml:"Resources"`
}

func readExample(t *testing.T, name string) (template exampleTemplate) {
	t.Helper()
	if err := yaml.Load([]byte(readFile(t, "../examples/stack/"+name)), &template); err != nil {
		t.Fatal(err)
	}
	return template
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The routes of the example go to its functions, with the authorizer where the function
// checks no session, and the API may invoke them.
func TestExampleRoutes(t *testing.T) {
	stack := translation(t, "stack.json")
	type integration struct {
		ApiId                                 reference
		IntegrationType, PayloadFormatVersion string
		IntegrationUri                        attribute
	}
	integrations := resources[integration](t, stack, "AWS::ApiGatewayV2::Integration")
	got := map[string]string{}
	for id, r := range resources[route](t, stack, "AWS::ApiGatewayV2::Route") {
		i := integrations[strings.TrimSuffix(strings.TrimPrefix(r.Target.Sub, "integrations/${"), "}")]
		if i.ApiId.Ref != "ApiId" || i.IntegrationType != "AWS_PROXY" || i.PayloadFormatVersion != "2.0" {
			t.Fatalf("%s goes to %+v", r.RouteKey, i)
		}
		function := i.IntegrationUri.GetAtt[0]
		got[r.RouteKey] = function + " " + r.AuthorizationType + " " + r.AuthorizerId.Ref
		if p := resources[permission](t, stack, "AWS::Lambda::Permission")[strings.TrimSuffix(id, "Route")+"Permission"]; p.FunctionName.Ref != function ||
			p.SourceArn.Sub != "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${ApiId}/*" {
			t.Errorf("%s goes to %s; the API may call %+v", r.RouteKey, function, p)
		}
	}
	want := map[string]string{"ANY /orders": "OrdersFunction  ", "ANY /greeting": "GreetingFunction CUSTOM AuthorizerId"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the routes are %v, want %v", got, want)
	}
}

// exampleFunction is a function of the translated example.
type exampleFunction struct {
	Handler, Runtime string
	Environment      struct{ Variables map[string]json.RawMessage }
}

// The Go function of the example gets each variable from the value of the same name as the
// functions of template.yaml.
func TestExampleVariables(t *testing.T) {
	ours := resources[exampleFunction](t, translate(t), "AWS::Lambda::Function")["ProfileFunction"].Environment.Variables
	theirs := resources[exampleFunction](t, translation(t, "stack.json"), "AWS::Lambda::Function")["OrdersFunction"].Environment.Variables
	exported := strings.NewReplacer(`{"Fn::If":["OwnSessionsTable",{"Ref":"SessionsTable"},{"Ref":"ExistingSessionsTable"}]}`, `{"Ref":"SessionsTableName"}`, "${SessionKeys}", "${SessionKeysArn}")
	for name, value := range theirs {
		if got, want := compact(t, value), exported.Replace(compact(t, ours[name])); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// The Go function of the example answers who is signed in and nobody else. It makes
// exactly the calls that the example allows it, and is told no variable that it does not
// read.
func TestExampleInGo(t *testing.T) {
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "make", "-C", "../examples/stack", "build-OrdersFunction", "GOOS="+runtime.GOOS, "ARCHITECTURE="+runtime.GOARCH, "ARTIFACTS_DIR="+folder)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program := filepath.Join(folder, "bootstrap")
	const proxySecret = "an-example-of-a-secret-of-a-proxy-1"
	code := readFile(t, program)
	translated := translation(t, "stack.json")
	environment := map[string]string{}
	s := newStack(t, nil)
	e := translated.evaluate(t, map[string]string{
		"DynamoDBEndpoint": s.proxy.URL, "SessionsTableName": s.tables["SessionsTable"], "SessionIdleTimeout": "30m", "SessionLifetime": "24h",
		"ProxySecrets": proxySecret,
	})
	for name, value := range resources[exampleFunction](t, translated, "AWS::Lambda::Function")["OrdersFunction"].Environment.Variables {
		environment[name] = e.text(value)
		if !strings.HasPrefix(name, "AWS_") && !strings.Contains(code, name) {
			t.Errorf("it is told %s and does not read it", name)
		}
	}
	for _, name := range variables(t) {
		if _, told := environment[name]; (strings.HasPrefix(name, "SESSION") || name == "PROXY_SECRETS") && strings.Contains(code, name) && !told {
			t.Errorf("it reads %s and is not told it", name)
		}
	}
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
		environment[name] = value
	}
	orders := start(t, program, environment)
	orders.waitUntilReady(t)
	s.gateway.routes["ANY /orders"] = orders

	through := http.Header{"X-Proxy-Secret": {proxySecret}}
	get := func(cookie string) reply {
		return s.do(t, request{method: "GET", path: "/orders", cookie: cookie, headers: through})
	}
	wantStatus(t, get(""), http.StatusUnauthorized)
	cookie := s.signIn(t)
	s.moveBack(t, "SessionsTable", "last_seen_at", 4*60) // a touch is due
	r := get(cookie)
	wantStatus(t, r, http.StatusOK)
	touchedCost.check(t, r.calls)
	if !strings.Contains(r.body, s.userID) || !strings.Contains(r.body, `["member"]`) || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("it answers %v %s", r.header, r.body)
	}
	round := s.do(t, request{method: "GET", path: "/orders", cookie: cookie})
	wantStatus(t, round, http.StatusForbidden)
	if len(round.calls) > 0 || !strings.Contains(round.body, "its own address") {
		t.Errorf("a request that went round the proxy: %v, %s", round.calls, round.body)
	}
	elsewhere := http.Header{"X-Proxy-Secret": {proxySecret}, "Sec-Fetch-Site": {"cross-site"}}
	wantStatus(t, s.do(t, request{method: "POST", path: "/orders", cookie: cookie, headers: elsewhere}), http.StatusForbidden)
	var may []string
	for _, use := range dynamotest.Uses(r.calls, s.tables) {
		may = append(may, use.Action+" "+use.Table)
	}
	if allowed := exampleRights(t, translated, "OrdersFunction"); !slices.Equal(allowed, may) {
		t.Errorf("it calls %q, and may call %q", may, allowed)
	}
	if allowed := exampleRights(t, translated, "GreetingFunction"); len(allowed) > 0 {
		t.Errorf("the function behind the authorizer may call %q", allowed)
	}

	s.proxy.FailAll(dynamotest.Refuse)
	wantStatus(t, get(cookie), http.StatusServiceUnavailable)
	s.proxy.FailAll(dynamotest.None)
	wantStatus(t, get(cookie), http.StatusOK)
	wantStatus(t, s.do(t, request{method: "POST", path: "/logout", cookie: cookie}), http.StatusNoContent)
	wantStatus(t, get(cookie), http.StatusUnauthorized)
}

// exampleRights returns what a function of the example may do: "GetItem SessionsTable".
func exampleRights(t *testing.T, stack translated, id string) (rights []string) {
	t.Helper()
	type role struct {
		Policies []struct {
			PolicyDocument struct {
				Statement []struct {
					Action   []string
					Resource reference
				}
			}
		}
	}
	for _, policy := range resources[role](t, stack, "AWS::IAM::Role")[id+"Role"].Policies {
		for _, s := range policy.PolicyDocument.Statement {
			for _, action := range s.Action {
				rights = append(rights, strings.TrimPrefix(action, "dynamodb:")+" "+strings.TrimSuffix(s.Resource.Ref, "Arn"))
			}
		}
	}
	return rights
}

// pythonRuntime does what Lambda's runtime for Python does: it asks for events, calls the
// handler and posts its answers. An HTTP API takes a part that is missing for empty.
const pythonRuntime = `#!/usr/bin/env python3
import importlib, json, os, sys
from urllib.request import ProxyHandler, build_opener
sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
module, function = os.environ["_HANDLER"].split(".")
handler = getattr(importlib.import_module(module), function)
open_url = build_opener(ProxyHandler({})).open
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with open_url(api + "next") as response:
        event, request = json.load(response), response.headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        kind, answer = "/response", {"cookies": [], **handler(event, None)}
    except Exception as error:
        kind, answer = "/error", {"errorType": type(error).__name__, "errorMessage": str(error)}
    open_url(api + request + kind, json.dumps(answer).encode()).close()
`

// The Python function of the example is told of the caller by the real authorizer, and by
// nobody else.
func TestExampleInPython(t *testing.T) {
	f := resources[exampleFunction](t, translation(t, "stack.json"), "AWS::Lambda::Function")["GreetingFunction"]
	if !regexp.MustCompile(`^python3\.\d+$`).MatchString(f.Runtime) {
		t.Errorf("its runtime is %s", f.Runtime)
	}
	code, err := filepath.Abs("../examples/stack/greeting")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(program, []byte(pythonRuntime), 0o755); err != nil {
		t.Fatal(err)
	}
	greeting := start(t, program, map[string]string{
		"_HANDLER": f.Handler, "LAMBDA_TASK_ROOT": code, "PATH": os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE": "1",
	})
	greeting.waitUntilReady(t)
	s := newStack(t, nil)
	s.gateway.routes["ANY /greeting"] = greeting
	s.gateway.authorizers["ANY /greeting"] = s.functions["AuthorizerFunction"]
	get := func(cookie string) reply {
		return s.do(t, request{method: "GET", path: "/greeting", cookie: cookie, headers: http.Header{
			"X-User-Id": {"mallory"}, "Authorizer": {`{"lambda":{"user_id":"mallory","roles":"[]"}}`},
		}})
	}
	wantStatus(t, get(""), http.StatusUnauthorized)
	wantStatus(t, get("__Host-SESSIONID=coat"), http.StatusForbidden)
	for name, account := range map[string]accounts.Account{
		"plain":   {UserID: "u-1", Roles: []string{"member"}},
		"nothing": {UserID: "u-2"},
		"quotes":  {UserID: `u "3" \ '`, Roles: []string{"member", `chief "of" staff`, `a,b`, `c\d`}},
		"umlauts": {UserID: "Zoë Müller 日本", Roles: []string{"Büro", "عضو", "😀"}},
	} {
		account.Name, account.Username, account.PasswordHash, account.Version = name, name, foreignHash, 1
		if err := s.users(t).Create(t.Context(), &account); err != nil {
			t.Fatal(err)
		}
		before := time.Now().Truncate(time.Second)
		in := s.do(t, loginAs(name, foreignPassword))
		wantStatus(t, in, http.StatusOK)
		r := get(in.cookie())
		wantStatus(t, r, http.StatusOK)
		loadCost.check(t, r.calls)
		var got struct {
			Greeting   string    `json:"greeting"`
			Roles      []string  `json:"roles"`
			SignedInAt time.Time `json:"signed_in_at"`
		}
		err := json.Unmarshal([]byte(r.body), &got)
		if err != nil || got.Greeting != "Hello, "+account.UserID || fmt.Sprintf("%q", got.Roles) != fmt.Sprintf("%q", account.Roles) ||
			got.SignedInAt.Before(before) || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s, %v", name, r.body, err)
		}
		wantStatus(t, s.do(t, request{method: "POST", path: "/logout", cookie: in.cookie()}), http.StatusNoContent)
		wantStatus(t, get(in.cookie()), http.StatusForbidden)
	}

	delete(s.gateway.authorizers, "ANY /greeting") // forgotten: every caller is unknown
	wantStatus(t, get(s.signIn(t)), http.StatusUnauthorized)
}
