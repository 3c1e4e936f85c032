package functions_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// frontDoor is one of the templates in docs/front-doors.
type frontDoor struct {
	translated
	Parameters map[string]json.RawMessage
	Outputs    map[string]struct{ Value json.RawMessage }
	text       string
	whole      any // as it is written, with the long form of each short function
}

func readFrontDoor(t *testing.T, name string) frontDoor {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "front-doors", name))
	if err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if err := yaml.Load(text, &node); err != nil {
		t.Fatal(err)
	}
	parsed := plain(t, node.Content[0])
	whole, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	door := frontDoor{text: string(text), whole: parsed}
	if err := json.Unmarshal(whole, &door); err != nil {
		t.Fatal(err)
	}
	return door
}

// plain returns a part of a template with the long form of each short function, as JSON
// has it: {"Ref": "Name"} for !Ref Name.
func plain(t *testing.T, n *yaml.Node) (value any) {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		members := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			members[n.Content[i].Value] = plain(t, n.Content[i+1])
		}
		value = members
	case yaml.SequenceNode:
		items := []any{}
		for _, item := range n.Content {
			items = append(items, plain(t, item))
		}
		value = items
	default:
		value = n.Value
		if !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
			if err := n.Load(&value); err != nil {
				t.Fatal(err)
			}
		}
	}
	tag := n.Tag
	switch {
	case !strings.HasPrefix(tag, "!") || strings.HasPrefix(tag, "!!"):
		return value
	case tag == "!Ref":
		return map[string]any{"Ref": value}
	case tag == "!GetAtt":
		resource, attribute, _ := strings.Cut(n.Value, ".")
		return map[string]any{"Fn::GetAtt": []string{resource, attribute}}
	}
	return map[string]any{"Fn::" + tag[1:]: value}
}

// imported matches an import from the stack of template.yaml.
var imported = regexp.MustCompile(`\$\{Coatcheck\}-(\w+)`)

// functionIn returns the logical ID of the function whose ARN the value imports.
func functionIn(t *testing.T, value json.RawMessage) string {
	t.Helper()
	all := imported.FindAllSubmatch(value, -1)
	if len(all) != 1 {
		t.Fatalf("%s imports %d values", value, len(all))
	}
	return strings.TrimSuffix(string(all[0][1]), "Arn")
}

// What the front doors import, template.yaml exports, and each is the ARN that its name
// says.
func TestFrontDoorImports(t *testing.T) {
	files, err := filepath.Glob("../docs/front-doors/*.yaml")
	if err != nil || len(files) != 4 {
		t.Fatalf("%q, %v", files, err)
	}
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]bool{}
	for _, match := range regexp.MustCompile(`Value: !GetAtt (\w+)\.Arn\n +Export: \{ Name: !Sub '\$\{AWS::StackName\}-(\w+)' \}`).FindAllStringSubmatch(string(text), -1) {
		exports[match[2]] = match[1]+"Arn" == match[2]
	}
	found := 0
	for _, file := range files {
		door := readFrontDoor(t, filepath.Base(file))
		if regexp.MustCompile(`ImportValue`).FindAllString(door.text, -1) == nil {
			continue
		}
		names := imported.FindAllStringSubmatch(door.text, -1)
		if len(names) != strings.Count(door.text, "ImportValue") {
			t.Errorf("%s imports from another stack than Coatcheck", file)
		}
		for _, name := range names {
			found++
			if !exports[name[1]] {
				t.Errorf("%s imports %s, which template.yaml does not export as the ARN of that function", file, name[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d imports found", found)
	}
}

// doorRoute is a path pattern of a front door, in which * stands for anything, and where it
// leads. The first that matches counts.
type doorRoute struct{ pattern, function string }

func (r doorRoute) matches(path string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(r.pattern), `\*`, ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(path)
}

type operation struct {
	Integration struct {
		Type, HTTPMethod string
		URI              json.RawMessage
	} `json:"x-amazon-apigateway-integration"`
	Security []map[string][]string
}

type restTemplate struct {
	BinaryMediaTypes          []string
	DisableExecuteAPIEndpoint bool `json:"DisableExecuteApiEndpoint"`
	MethodSettings            []struct {
		ResourcePath, HTTPMethod, LoggingLevel string
		limits
		DataTraceEnabled, CachingEnabled *bool
	}
	AccessLogSetting      struct{ Format string }
	EndpointConfiguration struct{ Type string }
	DefinitionBody        struct {
		Paths      map[string]map[string]operation
		Components struct {
			SecuritySchemes map[string]struct {
				Authorizer struct {
					Type, IdentitySource string
					AuthorizerURI        json.RawMessage `json:"authorizerUri"`
					TTL                  *int            `json:"authorizerResultTtlInSeconds"`
				} `json:"x-amazon-apigateway-authorizer"`
			}
		}
		GatewayResponses map[string]struct {
			StatusCode         int
			ResponseParameters map[string]string
			ResponseTemplates  map[string]string
		} `json:"x-amazon-apigateway-gateway-responses"`
	}
}

func readRestTemplate(t *testing.T) restTemplate {
	return resources[restTemplate](t, readFrontDoor(t, "rest.yaml").translated, "AWS::Serverless::Api")["Api"]
}

// restRoutes returns the routes of the REST API. The longest pattern counts, and one
// without a variable part before one with it.
func restRoutes(t *testing.T) (routes []doorRoute) {
	for path, methods := range readRestTemplate(t).DefinitionBody.Paths {
		var leads []string
		for method, operation := range methods {
			i := operation.Integration
			if i.Type != "aws_proxy" || i.HTTPMethod != "POST" || method != "x-amazon-apigateway-any-method" && (method != "post" || path != "/login") {
				t.Errorf("%s %s: %s by %s", method, path, i.Type, i.HTTPMethod)
			}
			leads = append(leads, functionIn(t, i.URI))
		}
		if len(slices.Compact(leads)) != 1 || methods["x-amazon-apigateway-any-method"].Integration.Type == "" {
			t.Errorf("%s leads to %q, for %d methods", path, leads, len(methods))
		}
		routes = append(routes, doorRoute{strings.Replace(path, "{proxy+}", "*", 1), leads[0]})
	}
	slices.SortFunc(routes, func(a, b doorRoute) int {
		return cmp.Or(strings.Count(a.pattern, "*")-strings.Count(b.pattern, "*"), len(b.pattern)-len(a.pattern))
	})
	return routes
}

type targetGroup struct {
	Name struct {
		Sub string `json:"Fn::Sub"`
	}
	TargetType, HealthCheckPath string
	HealthCheckEnabled          bool
	Targets                     []struct {
		ID json.RawMessage `json:"Id"`
	}
	TargetGroupAttributes      []keyValue
	HealthCheckIntervalSeconds int
	Matcher                    struct {
		HTTPCode string `json:"HttpCode"`
	}
}

type keyValue struct{ Key, Value string }

// listener is a listener or a rule of one. Protocol is empty for a rule.
type listener struct {
	Protocol, SslPolicy string
	Port                int
	DefaultActions      []action
	Actions             []action
	Priority            int
	Conditions          []struct {
		Field             string
		PathPatternConfig struct{ Values []string }
	}
}

type action struct {
	Type           string
	TargetGroupArn struct{ Ref string }
	RedirectConfig struct{ Protocol, Port, StatusCode string }
}

func loadBalancerRoutes(t *testing.T) (routes []doorRoute) {
	door := readFrontDoor(t, "load-balancer.yaml").translated
	groups := resources[targetGroup](t, door, "AWS::ElasticLoadBalancingV2::TargetGroup")
	leads := func(actions []action) string {
		if len(actions) != 1 || actions[0].Type != "forward" || len(groups[actions[0].TargetGroupArn.Ref].Targets) != 1 {
			t.Fatalf("the actions are %+v", actions)
		}
		return functionIn(t, groups[actions[0].TargetGroupArn.Ref].Targets[0].ID)
	}
	rules := slices.Collect(maps.Values(resources[listener](t, door, "AWS::ElasticLoadBalancingV2::ListenerRule")))
	slices.SortFunc(rules, func(a, b listener) int { return a.Priority - b.Priority })
	for _, rule := range rules {
		for _, pattern := range rule.Conditions[0].PathPatternConfig.Values {
			routes = append(routes, doorRoute{pattern, leads(rule.Actions)})
		}
		if len(rule.Conditions) != 1 || rule.Conditions[0].Field != "path-pattern" {
			t.Errorf("the conditions are %+v", rule.Conditions)
		}
	}
	https := resources[listener](t, door, "AWS::ElasticLoadBalancingV2::Listener")["Https"]
	return append(routes, doorRoute{"*", leads(https.DefaultActions)})
}

// functionURLRoutes returns the routes of cloudfront.yaml in front of what
// function-urls.yaml makes. An output of the one is the parameter of that name of the
// other.
func functionURLRoutes(t *testing.T) (routes []doorRoute) {
	type url struct{ TargetFunctionArn json.RawMessage }
	urls := readFrontDoor(t, "function-urls.yaml")
	targets := resources[url](t, urls.translated, "AWS::Lambda::Url")
	config := distribution(t)
	leads := func(origin string) string {
		i := slices.IndexFunc(config.Origins, func(o origins) bool { return o.ID == origin })
		if i < 0 {
			t.Fatalf("there is no origin %q", origin)
		}
		output, ok := urls.Outputs[config.Origins[i].DomainName.Ref]
		if !ok {
			t.Fatalf("%s is no output of function-urls.yaml", config.Origins[i].DomainName.Ref)
		}
		from := regexp.MustCompile(`"Fn::GetAtt":\["(\w+)","FunctionUrl"\]`).FindSubmatch(output.Value)
		if from == nil {
			t.Fatalf("the output %s", output.Value)
		}
		return functionIn(t, targets[string(from[1])].TargetFunctionArn)
	}
	for _, b := range config.CacheBehaviors {
		routes = append(routes, doorRoute{b.PathPattern, leads(b.TargetOriginID)})
	}
	return append(routes, doorRoute{"*", leads(config.DefaultCacheBehavior.TargetOriginID)})
}

// Each front door sends each path to the function that has it in template.yaml, whatever
// the method. Caller stands only behind an authorizer, so only the REST API has it. A bridge
// and a provider are in template.yaml alone.
func TestFrontDoorRoutes(t *testing.T) {
	for name, routes := range map[string][]doorRoute{
		"rest.yaml": restRoutes(t), "load-balancer.yaml": loadBalancerRoutes(t), "function-urls.yaml": functionURLRoutes(t),
	} {
		leads := func(path string) string {
			i := slices.IndexFunc(routes, func(r doorRoute) bool { return r.matches(path) })
			if i < 0 {
				return ""
			}
			return routes[i].function
		}
		for id, f := range readTemplate(t).Functions {
			for _, key := range f.Routes {
				paths := []string{"/nothing", "/nothing/here", "/login/here", "/sessionsx", "/Login", "/profile/x", "/healthz"}
				if _, path, ok := strings.Cut(key, " "); ok {
					paths = []string{strings.Replace(path, "{id}", "5pxVmlyBnNXvUyxlnBSeqQ", 1)}
				}
				want := id
				if id == "ConvertFunction" || id == "CallbackFunction" || id == "CallerFunction" && name != "rest.yaml" {
					want = "ProfileFunction" // which answers 404
				}
				for _, path := range paths {
					if got := leads(path); got != want {
						t.Errorf("%s sends %s to %q, want %q", name, path, got, want)
					}
				}
			}
		}
	}
}

type anyPermission struct {
	Action, Principal, FunctionURLAuthType string `json:",omitempty"`
	InvokedViaFunctionURL                  bool   `json:"InvokedViaFunctionUrl"`
	FunctionName                           json.RawMessage
	SourceArn                              struct {
		Sub string `json:"Fn::Sub"`
	}
}

// Each front door may invoke the functions that it leads to, and nobody else may invoke
// anything through what a front door adds: each permission is for one API, for the target
// groups of one name, or for the function's URL.
func TestFrontDoorPermissions(t *testing.T) {
	const here = "${AWS::Region}:${AWS::AccountId}:"
	for name, tt := range map[string]struct {
		routes []doorRoute
		more   string // a function beside those that routes lead to
		of     func(function string) []anyPermission
	}{
		"rest.yaml": {restRoutes(t), "AuthorizerFunction", func(function string) []anyPermission {
			p := anyPermission{Action: "lambda:InvokeFunction", Principal: "apigateway.amazonaws.com"}
			p.SourceArn.Sub = "arn:${AWS::Partition}:execute-api:" + here + "${Api}/live/*"
			if function == "AuthorizerFunction" {
				p.SourceArn.Sub = "arn:${AWS::Partition}:execute-api:" + here + "${Api}/authorizers/*"
			}
			return []anyPermission{p}
		}},
		"load-balancer.yaml": {loadBalancerRoutes(t), "", func(function string) []anyPermission {
			p := anyPermission{Action: "lambda:InvokeFunction", Principal: "elasticloadbalancing.amazonaws.com"}
			p.SourceArn.Sub = "arn:${AWS::Partition}:elasticloadbalancing:" + here + "targetgroup/${Prefix}-" + strings.ToLower(strings.TrimSuffix(function, "Function")) + "/*"
			return []anyPermission{p}
		}},
		"function-urls.yaml": {functionURLRoutes(t), "", func(string) []anyPermission {
			return []anyPermission{
				{Action: "lambda:InvokeFunction", Principal: "*", InvokedViaFunctionURL: true},
				{Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionURLAuthType: "NONE"},
			}
		}},
	} {
		got := map[string][]anyPermission{}
		for _, p := range resources[anyPermission](t, readFrontDoor(t, name).translated, "AWS::Lambda::Permission") {
			of := functionIn(t, p.FunctionName)
			p.FunctionName = nil
			got[of] = append(got[of], p)
		}
		want := map[string]bool{}
		for _, r := range tt.routes {
			want[r.function] = true
		}
		if tt.more != "" {
			want[tt.more] = true
		}
		for f := range want {
			slices.SortFunc(got[f], func(a, b anyPermission) int { return strings.Compare(a.Action, b.Action) })
			if wanted, _ := json.Marshal(tt.of(f)); len(got[f]) == 0 || mustJSON(t, got[f]) != string(wanted) {
				t.Errorf("%s: the permissions of %s are\n%s, want\n%s", name, f, mustJSON(t, got[f]), wanted)
			}
			delete(got, f)
		}
		if len(got) > 0 {
			t.Errorf("%s: permissions for functions that it does not lead to: %v", name, got)
		}
	}
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
