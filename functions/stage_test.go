package functions_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"testing"
)

// limits are the limits of requests a second.
type limits struct{ ThrottlingRateLimit, ThrottlingBurstLimit int }

type stage struct {
	StageName         string
	AutoDeploy        bool
	AccessLogSettings struct {
		DestinationArn map[string][]string
		Format         string
	}
	DefaultRouteSettings limits
	RouteSettings        map[string]limits
}

func translatedStage(t *testing.T) stage { return stageWith(t, nil) }

// stageWith returns the stage with these parameters.
func stageWith(t *testing.T, parameters map[string]string) (s stage) {
	t.Helper()
	stack := translate(t)
	decide(t, stack.evaluate(t, parameters), stack.Resources["Stage"].Properties, &s)
	return s
}

// POST /login has a route key and limits of its own, because each of its requests may
// cost a password hash. /whoami is asked by whole servers, so its limits are much higher.
// All other routes have the default limits.
func TestThrottles(t *testing.T) {
	for _, tt := range []struct {
		parameters map[string]string
		all        limits
		routes     map[string]limits
	}{
		{nil, limits{100, 200}, map[string]limits{"POST /login": {10, 20}, "ANY /whoami": {1000, 2000}}},
		{map[string]string{"LegacyCookies": "session"}, limits{100, 200}, map[string]limits{"POST /login": {10, 20}, "ANY /whoami": {1000, 2000}, "ANY /convert": {50, 100}}},
		{map[string]string{"LegacyCookies": "session", "ApiRateLimit": "1", "ApiBurstLimit": "2", "LoginRateLimit": "3", "LoginBurstLimit": "4",
			"WhoamiRateLimit": "5", "WhoamiBurstLimit": "6", "ConvertRateLimit": "7", "ConvertBurstLimit": "8"}, limits{1, 2},
			map[string]limits{"POST /login": {3, 4}, "ANY /whoami": {5, 6}, "ANY /convert": {7, 8}}},
		{map[string]string{"LoginRateLimit": "40"}, limits{100, 200}, map[string]limits{"POST /login": {40, 20}, "ANY /whoami": {1000, 2000}}},
	} {
		s := stageWith(t, tt.parameters)
		if s.DefaultRouteSettings != tt.all || !maps.Equal(s.RouteSettings, tt.routes) {
			t.Errorf("with %v the limits are %v, and of single routes %v; want %v and %v", tt.parameters, s.DefaultRouteSettings, s.RouteSettings, tt.all, tt.routes)
		}
	}
	s := stageWith(t, map[string]string{"LegacyCookies": "session"})
	routes := map[string]bool{}
	for _, function := range readTemplate(t).Functions {
		for _, route := range function.Routes {
			routes[route] = true
		}
	}
	for route := range s.RouteSettings { // limits of another route key would mean nothing
		if !routes[route] {
			t.Errorf("%s has limits, and is not a route", route)
		}
	}
	stack := translate(t) // API Gateway refuses limits of a route that is not there yet
	if waits := stack.Resources["Stage"].DependsOn; !reflect.DeepEqual(waits, []any{"LoginPostRoute", "WhoamiRoute", "ConvertRoute"}) ||
		!bytes.Contains(stack.Resources["LoginPostRoute"].Properties, []byte(`"POST /login"`)) ||
		!bytes.Contains(stack.Resources["WhoamiRoute"].Properties, []byte(`"ANY /whoami"`)) {
		t.Errorf("the stage is made after %v, want the routes POST /login and ANY /whoami", waits)
	}
}

// The access log has these fields and no other. In a path, a query, a header or an error
// of an authorizer a client could send a secret.
func TestAccessLog(t *testing.T) {
	settings := translatedStage(t).AccessLogSettings
	if got, want := settings.DestinationArn, map[string][]string{"Fn::GetAtt": {"AccessLogs", "Arn"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("it goes to %v, want %v", got, want)
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(settings.Format), &fields); err != nil {
		t.Fatalf("it is not JSON: %v", err)
	}
	if want := map[string]string{
		"requestId":        "$context.requestId",
		"time":             "$context.requestTime",
		"ip":               "$context.identity.sourceIp",
		"routeKey":         "$context.routeKey",
		"status":           "$context.status",
		"responseLength":   "$context.responseLength",
		"latency":          "$context.responseLatency",
		"integrationError": "$context.integrationErrorMessage",
	}; !maps.Equal(fields, want) {
		t.Errorf("its fields are\n%v, want\n%v", fields, want)
	}
}

// Beside a domain name of one's own, API Gateway's name is off. Requests could otherwise
// go round what stands before the domain.
func TestOneAddress(t *testing.T) {
	stack := translate(t)
	api := resources[struct {
		DisableExecuteApiEndpoint json.RawMessage
	}](t, stack, "AWS::ApiGatewayV2::Api")["HttpApi"]
	if got := compact(t, api.DisableExecuteApiEndpoint); got != `{"Fn::If":["HasDomain",true,false]}` {
		t.Errorf("whether API Gateway's name is off is %s", got)
	}
	if got := compact(t, stack.Conditions["HasDomain"]); got != `{"Fn::Not":[{"Fn::Equals":[{"Ref":"DomainName"},""]}]}` {
		t.Errorf("HasDomain is %s", got)
	}
}

// The domain name stands for the API's one stage, without a path in front. Everything that
// belongs to an API belongs to ours, and ApiUrl is where it answers.
func TestOneAPI(t *testing.T) {
	stack := translate(t)
	for id, resource := range stack.Resources {
		var properties struct{ ApiId json.RawMessage }
		if err := json.Unmarshal(resource.Properties, &properties); err != nil {
			t.Fatal(err)
		}
		if api := properties.ApiId; api != nil && compact(t, api) != `{"Ref":"HttpApi"}` {
			t.Errorf("%s belongs to %s", id, api)
		}
	}
	for id, want := range map[string]string{
		"DomainMapping": `{"ApiId":{"Ref":"HttpApi"},"DomainName":{"Ref":"Domain"},"Stage":{"Ref":"Stage"}}`,
		"Domain": `{"DomainName":{"Ref":"DomainName"},"DomainNameConfigurations":[{"CertificateArn":{"Ref":"CertificateArn"},"EndpointType":"REGIONAL","IpAddressType":"dualstack","SecurityPolicy":"TLS_1_2"}],` +
			`"Tags":{"Application":{"Ref":"AWS::StackName"}}}`,
	} {
		if got := compact(t, stack.Resources[id].Properties); got != want {
			t.Errorf("%s is\n%s, want\n%s", id, got, want)
		}
	}
	const url = `{"Fn::If":["HasDomain",{"Fn::Sub":"https://${DomainName}"},{"Fn::Sub":"https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}]}`
	if got := compact(t, stack.Outputs["ApiUrl"].Value); got != url {
		t.Errorf("ApiUrl is %s", got)
	}
}

// compact returns JSON without spaces.
func compact(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(again)
}

// What happens to a table: users and the audit trail are kept whatever happens to the stack, every table can
// be restored to any point in time, and each is encrypted.
func TestTables(t *testing.T) {
	type table struct {
		DeletionProtectionEnabled        bool
		PointInTimeRecoverySpecification struct{ PointInTimeRecoveryEnabled bool }
		SSESpecification                 struct{ SSEEnabled bool }
	}
	stack := translate(t)
	tables := map[string]table{}
	for id, undecided := range resources[json.RawMessage](t, stack, "AWS::DynamoDB::Table") {
		var properties table
		decide(t, stack.evaluate(t, nil), undecided, &properties)
		tables[id] = properties
	}
	for id, kept := range map[string]struct {
		policy     string
		protection bool
	}{
		"UsersTable":    {"Retain", true},
		"SessionsTable": {"Delete", false},
		"AttemptsTable": {"Delete", false},
		"BridgeTable":   {"Retain", true},
		"LinksTable":    {"Delete", false},
		"AuditTable":    {"Retain", true},
	} {
		resource, properties := stack.Resources[id], tables[id]
		if resource.DeletionPolicy != kept.policy || resource.UpdateReplacePolicy != kept.policy {
			t.Errorf("%s: with the stack: %q, replaced: %q; want %q", id, resource.DeletionPolicy, resource.UpdateReplacePolicy, kept.policy)
		}
		if properties.DeletionProtectionEnabled != kept.protection {
			t.Errorf("%s: protected against deletion is %v, want %v", id, properties.DeletionProtectionEnabled, kept.protection)
		}
		if !properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled {
			t.Errorf("%s has no recovery points", id)
		}
		if !properties.SSESpecification.SSEEnabled {
			t.Errorf("%s is not encrypted by a key that CloudTrail shows", id)
		}
		delete(tables, id)
	}
	if len(tables) > 0 {
		t.Errorf("tables that nobody looked at: %v", tables)
	}
}
