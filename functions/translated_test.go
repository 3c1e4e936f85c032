package functions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/pkg/config"
)

// translated is SAM's translation of a template, which CloudFormation gets.
type translated struct {
	Parameters map[string]struct{ Default any }
	Rules      map[string]rule
	Conditions map[string]json.RawMessage
	Resources  map[string]struct {
		Type, Condition                     string
		DependsOn                           any
		DeletionPolicy, UpdateReplacePolicy string
		Properties                          json.RawMessage
	}
	Outputs map[string]struct {
		Condition string
		Value     json.RawMessage
		Export    *struct{ Name substitution }
	}
}

// rule is what CloudFormation checks before it deploys.
type rule struct {
	RuleCondition json.RawMessage
	Assertions    []struct {
		Assert            json.RawMessage
		AssertDescription string
	}
}

// translate returns the translation of template.yaml.
func translate(t *testing.T) translated { return translation(t, "translated.json") }

// translations has what translation has returned.
var translations sync.Map

// translation returns what make writes to that file. Nobody may change it.
func translation(t *testing.T, name string) translated {
	t.Helper()
	if before, ok := translations.Load(name); ok {
		return before.(translated)
	}
	if out, err := exec.CommandContext(t.Context(), "make", "-C", "..", ".cache/"+name).CombinedOutput(); err != nil {
		t.Fatalf("translating a template: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join("..", ".cache", name))
	if err != nil {
		t.Fatal(err)
	}
	var stack translated
	if err := json.Unmarshal(text, &stack); err != nil {
		t.Fatal(err)
	}
	translations.Store(name, stack)
	return stack
}

// resources returns the properties of all resources of one type, by logical ID.
func resources[P any](t *testing.T, stack translated, kind string) map[string]P {
	t.Helper()
	found := map[string]P{}
	for id, resource := range stack.Resources {
		if resource.Type != kind {
			continue
		}
		var properties P
		if err := json.Unmarshal(resource.Properties, &properties); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		found[id] = properties
	}
	if len(found) == 0 {
		t.Fatalf("no %s in the translated template", kind)
	}
	return found
}

// reference and substitution are what the translated template has for !Ref and !Sub.
type (
	reference struct{ Ref string }
	attribute struct {
		GetAtt []string `json:"Fn::GetAtt"`
	}
	substitution struct {
		Sub string `json:"Fn::Sub"`
	}
)

type route struct {
	RouteKey          string
	Target            substitution
	AuthorizationType string
	AuthorizerId      reference
}

type permission struct {
	FunctionName      reference
	Action, Principal string
	SourceArn         substitution
}

// The gateway sends each route to the one function that has it in template.yaml, and it
// has the permission to invoke that function.
func TestTranslatedRoutes(t *testing.T) {
	stack := translate(t)
	type integration struct {
		IntegrationType, PayloadFormatVersion string
		IntegrationUri                        attribute
	}
	e := stack.evaluate(t, nil)
	integrations := resources[integration](t, stack, "AWS::ApiGatewayV2::Integration")
	got := map[string][]string{}
	for id, undecided := range resources[json.RawMessage](t, stack, "AWS::ApiGatewayV2::Route") {
		var r route
		decide(t, e, undecided, &r)
		target := integrations[strings.TrimSuffix(strings.TrimPrefix(r.Target.Sub, "integrations/${"), "}")]
		if target.PayloadFormatVersion != "2.0" || target.IntegrationType != "AWS_PROXY" || len(target.IntegrationUri.GetAtt) != 2 {
			t.Fatalf("%s goes to %+v", id, target)
		}
		function := target.IntegrationUri.GetAtt[0]
		got[function] = append(got[function], r.RouteKey)
	}
	owner := map[string]string{}
	for id, function := range readTemplate(t).Functions {
		slices.Sort(got[id])
		if !slices.Equal(got[id], function.Routes) {
			t.Errorf("%s gets the routes %q; template.yaml has %q", id, got[id], function.Routes)
		}
		for _, route := range function.Routes {
			if other, taken := owner[route]; taken {
				t.Errorf("%s goes to %s and to %s", route, id, other)
			}
			owner[route] = id
		}
		if len(function.Routes) > 0 && !invocable(t, stack, id, "/*") {
			t.Errorf("the gateway may not invoke %s", id)
		}
	}
}

// invocable reports whether our API may invoke the function for these of its resources.
func invocable(t *testing.T, stack translated, function, of string) bool {
	for _, p := range resources[permission](t, stack, "AWS::Lambda::Permission") {
		if p.FunctionName.Ref == function && p.Action == "lambda:InvokeFunction" && p.Principal == "apigateway.amazonaws.com" &&
			p.SourceArn.Sub == "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}"+of {
			return true
		}
	}
	return false
}

// Nobody else may invoke a function: each permission is for our API alone, and that of the
// canary for its schedule alone.
func TestTranslatedPermissions(t *testing.T) {
	stack := translate(t)
	const scheduled = `{"Action":"lambda:InvokeFunction","FunctionName":{"Ref":"CanaryFunction"},"Principal":"events.amazonaws.com","SourceArn":{"Fn::GetAtt":["CanarySchedule","Arn"]}}`
	if got := compact(t, stack.Resources["CanaryPermission"].Properties); got != scheduled {
		t.Errorf("CanaryPermission is %s, want %s", got, scheduled)
	}
	permissions := resources[permission](t, stack, "AWS::Lambda::Permission")
	delete(permissions, "CanaryPermission")
	for id, p := range permissions {
		api := strings.HasPrefix(p.SourceArn.Sub, "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/")
		if p.Action != "lambda:InvokeFunction" || p.Principal != "apigateway.amazonaws.com" || !api {
			t.Errorf("%s is %+v", id, p)
		}
	}
}

// When CloudFormation updates an API that has a definition, it removes the routes that
// other stacks have attached. So ours has none, and there is no other API. What is
// attached is served without a deployment of ours.
func TestRoutesOfOthersStay(t *testing.T) {
	stack := translate(t)
	apis := resources[map[string]json.RawMessage](t, stack, "AWS::ApiGatewayV2::Api")
	for _, definition := range []string{"Body", "BodyS3Location"} {
		if _, ok := apis["HttpApi"][definition]; ok {
			t.Errorf("the API has the property %s", definition)
		}
	}
	if string(apis["HttpApi"]["ProtocolType"]) != `"HTTP"` || len(apis) != 1 {
		t.Errorf("the APIs are %s", apis)
	}
	if s := translatedStage(t); !s.AutoDeploy || s.StageName != "$default" {
		t.Errorf("the stage is %+v", s)
	}
}

// A cached answer of an authorizer would still be used after a logout.
func TestNothingCachesAuthorization(t *testing.T) {
	authorizers := resources[authorizer](t, translate(t), "AWS::ApiGatewayV2::Authorizer")
	for name, a := range authorizers {
		if ttl := a.AuthorizerResultTtlInSeconds; ttl == nil || *ttl != 0 {
			t.Errorf("%s may cache its answers; set AuthorizerResultTtlInSeconds: 0", name)
		}
	}
	if len(authorizers) != 1 {
		t.Errorf("%d authorizers, want one", len(authorizers))
	}
}

type authorizer struct {
	AuthorizerType, AuthorizerPayloadFormatVersion string
	AuthorizerUri                                  substitution
	EnableSimpleResponses                          bool
	IdentitySource                                 []string
	AuthorizerResultTtlInSeconds                   *int
}

// For a route with an authorizer, the API calls the function that template.yaml names,
// and for other routes none. The API has the permission to invoke that function and
// expects the format of its answers.
func TestTranslatedAuthorizers(t *testing.T) {
	stack := translate(t)
	authorizers := resources[authorizer](t, stack, "AWS::ApiGatewayV2::Authorizer")
	called := regexp.MustCompile(`^arn:\$\{AWS::Partition\}:apigateway:\$\{AWS::Region\}:lambda:path/2015-03-31/functions/\$\{(\w+)\.Arn\}/invocations$`)
	want := map[string]string{}
	for _, f := range readTemplate(t).Functions {
		maps.Copy(want, f.Authorizers)
	}
	got := map[string]string{}
	e := stack.evaluate(t, nil)
	for _, undecided := range resources[json.RawMessage](t, stack, "AWS::ApiGatewayV2::Route") {
		var r route
		decide(t, e, undecided, &r)
		name := r.AuthorizerId.Ref
		if (r.AuthorizationType == "CUSTOM") != (name != "") {
			t.Errorf("%s has the authorization %q by %q", r.RouteKey, r.AuthorizationType, name)
		}
		if name == "" {
			continue
		}
		a := authorizers[name]
		if a.AuthorizerType != "REQUEST" || a.AuthorizerPayloadFormatVersion != "2.0" || !a.EnableSimpleResponses ||
			!slices.Equal(a.IdentitySource, []string{"$request.header.Cookie"}) {
			t.Errorf("%s is %+v", name, a)
		}
		match := called.FindStringSubmatch(a.AuthorizerUri.Sub)
		if match == nil {
			t.Fatalf("%s calls %s", name, a.AuthorizerUri.Sub)
		}
		got[r.RouteKey] = match[1]
		if !invocable(t, stack, match[1], "/authorizers/${"+name+"}") {
			t.Errorf("the API may not invoke %s for %s", match[1], r.RouteKey)
		}
	}
	if !maps.Equal(got, want) || len(got) == 0 {
		t.Errorf("authorized are %v; template.yaml has %v", got, want)
	}
}

// The role of each function allows logging and what template.yaml says. TestPolicies
// compares that with the calls that are made.
func TestTranslatedPolicies(t *testing.T) {
	type policies struct {
		ManagedPolicyArns []string
		Policies          []struct {
			PolicyDocument struct {
				Statement []struct {
					Effect    string
					Action    any
					Resource  map[string][]string
					Condition map[string]map[string]any
				}
			}
		}
	}
	stack := translate(t)
	e := stack.evaluate(t, map[string]string{"LegacyCookies": "session", "OidcIssuer": "https://id.example.com"})
	roles := map[string]policies{}
	for id, undecided := range resources[json.RawMessage](t, stack, "AWS::IAM::Role") {
		if !e.holds(stack.Resources[id].Condition) { // TestCanaryFunction and TestPipeMayDoLittle look at these
			continue
		}
		var role policies
		decide(t, e, undecided, &role)
		roles[id] = role
	}
	for id, function := range readTemplate(t).Functions {
		role := roles[id+"Role"]
		delete(roles, id+"Role")
		managed := []string{"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}
		if id == "ConvertFunction" { // it may run in a VPC
			managed = append(managed, "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole")
		}
		if !slices.Equal(role.ManagedPolicyArns, managed) {
			t.Errorf("%s has the managed policies %q", id, role.ManagedPolicyArns)
		}
		var got []samtemplate.Access
		var attributes map[samtemplate.Access][]string
		for _, policy := range role.Policies {
			for _, s := range policy.PolicyDocument.Statement {
				table := s.Resource["Fn::GetAtt"]
				if s.Effect != "Allow" || len(s.Resource) != 1 || len(table) != 2 || table[1] != "Arn" {
					t.Fatalf("%s has the statement %+v", id, s)
				}
				for _, action := range strings.Fields(strings.Trim(fmt.Sprint(s.Action), "[]")) {
					access := samtemplate.Access{Action: strings.TrimPrefix(action, "dynamodb:"), Table: table[0]}
					got = append(got, access)
					named, limited := s.Condition["ForAllValues:StringEquals"]
					if !limited { // TestPoliciesOfTheTrail looks at what else a condition says
						continue
					}
					if attributes == nil {
						attributes = map[samtemplate.Access][]string{}
					}
					attributes[access] = strings.Fields(strings.Trim(fmt.Sprint(named["dynamodb:Attributes"]), "[]"))
					slices.Sort(attributes[access])
				}
			}
		}
		slices.SortFunc(got, samtemplate.Access.Compare)
		if !slices.Equal(got, function.Access) {
			t.Errorf("%s may %v; template.yaml says %v", id, got, function.Access)
		}
		if !reflect.DeepEqual(attributes, function.Attributes) {
			t.Errorf("%s may name the attributes %v; template.yaml says %v", id, attributes, function.Attributes)
		}
	}
	if len(roles) > 0 {
		t.Errorf("roles of no function: %v", slices.Collect(maps.Keys(roles)))
	}
}

// DynamoDB removes expired sessions and attempts. It never removes users, and nothing of
// the bridge: what has ended there must not come back.
func TestTranslatedTTL(t *testing.T) {
	type table struct {
		TimeToLiveSpecification struct {
			AttributeName string
			Enabled       bool
		}
	}
	for id, table := range resources[table](t, translate(t), "AWS::DynamoDB::Table") {
		ttl := table.TimeToLiveSpecification
		if expires := id != "UsersTable" && id != "BridgeTable"; ttl.Enabled != expires || expires && ttl.AttributeName != "expires_at" {
			t.Errorf("%s has the TTL %+v", id, ttl)
		}
	}
}

// Each function gets every variable of ours that its program reads. A program contains
// the names of exactly those variables, because the linker leaves out unused names.
func TestTranslatedEnvironment(t *testing.T) {
	type function struct {
		Environment struct{ Variables map[string]any }
	}
	names := variables(t)
	told := resources[function](t, translate(t), "AWS::Lambda::Function")
	for id, f := range readTemplate(t).Functions {
		program, err := os.ReadFile(binary(f))
		if err != nil {
			t.Fatal(err)
		}
		var read []string
		for _, name := range names {
			if !bytes.Contains(program, []byte(name)) {
				continue
			}
			read = append(read, name)
			if _, ok := told[id].Environment.Variables[name]; !ok {
				t.Errorf("%s reads %s and is not told it", id, name)
			}
		}
		for name, value := range told[id].Environment.Variables {
			if slices.Contains(names, name) && !slices.Contains(read, name) && value != "" {
				t.Errorf("%s is told %s and does not read it", id, name)
			}
		}
		if len(read) == 0 {
			t.Errorf("%s reads %q", id, read)
		}
	}
}

// CloudFormation gives a function a new value of the secret only if the text of its
// variable changes: each names the version that the parameter has.
func TestTranslatedSessionKeys(t *testing.T) {
	type function struct {
		Environment struct {
			Variables struct {
				SessionKeys json.RawMessage `json:"SESSION_KEYS"`
			}
		}
	}
	const versioned = `{"Fn::If":["Deployed",{"Fn::Sub":"{{resolve:secretsmanager:${SessionKeys}:SecretString:::${SessionKeysVersion}}}"},""]}`
	for id, f := range resources[function](t, translate(t), "AWS::Lambda::Function") {
		want := versioned
		if id == "CallerFunction" || id == "CanaryFunction" { // these check no token
			want = `""`
		}
		var got bytes.Buffer
		if err := json.Compact(&got, f.Environment.Variables.SessionKeys); err != nil || got.String() != want {
			t.Errorf("%s has the SESSION_KEYS %s, want %s (%v)", id, got.String(), want, err)
		}
	}
}

// The value that Secrets Manager generates is a valid key of tokens, and another one is a
// valid key of the cookie of a sign-in at a provider.
func TestGeneratedKeys(t *testing.T) {
	type secret struct {
		GenerateSecretString struct {
			PasswordLength     int
			ExcludePunctuation bool
			IncludeSpace       bool
		}
	}
	secrets := resources[secret](t, translate(t), "AWS::SecretsManager::Secret")
	for id, variable := range map[string]string{"SessionKeys": "SESSION_KEYS", "ProviderKeys": "OIDC_KEYS"} {
		g := secrets[id].GenerateSecretString
		if !g.ExcludePunctuation || g.IncludeSpace {
			t.Errorf("%s is generated of more than letters and digits: %+v", id, g)
		}
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		for _, last := range letters { // in base64 the last character may have unused bits
			t.Setenv(variable, strings.Repeat(letters, 10)[:g.PasswordLength-1]+string(last))
			if _, err := config.Keys(variable); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// variables returns the names of our environment variables, which are all in pkg/config
// and the packages below it.
func variables(t *testing.T) (names []string) {
	t.Helper()
	var files []string
	for _, pattern := range []string{"../pkg/config/*.go", "../pkg/config/*/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	upper := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)+$`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				if upper.MatchString(text) && !strings.HasPrefix(text, "AWS_") && !slices.Contains(names, text) {
					names = append(names, text)
				}
			}
			return true
		})
	}
	if len(names) < 15 {
		t.Fatalf("pkg/config names only %q", names)
	}
	return names
}
