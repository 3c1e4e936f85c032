package functions_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

type behavior struct {
	PathPattern, ViewerProtocolPolicy, CachePolicyID, OriginRequestPolicyID string
	TargetOriginID                                                          string
	AllowedMethods, CachedMethods                                           []string
	FunctionAssociations                                                    []struct {
		EventType   string
		FunctionARN struct {
			GetAtt []string `json:"Fn::GetAtt"`
		}
	}
}

type origins struct {
	ID                  string
	DomainName          struct{ Ref string }
	OriginCustomHeaders []struct {
		HeaderName  string
		HeaderValue struct{ Ref string }
	}
	CustomOriginConfig struct {
		OriginProtocolPolicy string
		OriginSSLProtocols   []string
	}
}

type distributionConfig struct {
	HTTPVersion          string
	Aliases              []struct{ Ref string }
	WebACLID             json.RawMessage `json:"WebACLId"`
	ViewerCertificate    struct{ MinimumProtocolVersion string }
	Origins              []origins
	DefaultCacheBehavior behavior
	CacheBehaviors       []behavior
	CustomErrorResponses []struct {
		ErrorCode          int
		ErrorCachingMinTTL *int
	}
}

// distribution returns the configuration of cloudfront.yaml in front of function URLs,
// where all its origins and behaviours are there.
func distribution(t *testing.T) (config distributionConfig) {
	t.Helper()
	whole := resources[struct{ DistributionConfig json.RawMessage }](t, readFrontDoor(t, "cloudfront.yaml").translated, "AWS::CloudFront::Distribution")["Distribution"]
	var value any
	if err := json.Unmarshal(whole.DistributionConfig, &value); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(mustJSON(t, chosen(t, value))), &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// chosen replaces each Fn::If by what it is if the condition ManyOrigins holds.
func chosen(t *testing.T, value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = chosen(t, v[i])
		}
	case map[string]any:
		if choice, ok := v["Fn::If"].([]any); ok {
			if choice[0] != "ManyOrigins" {
				t.Fatalf("unknown condition %v", choice[0])
			}
			return chosen(t, choice[1])
		}
		for name := range v {
			v[name] = chosen(t, v[name])
		}
	}
	return value
}

// CloudFront keeps no answer, not even an error, and takes nothing of a request away but
// the host. It names the client and proves itself to each origin, over https alone. This
// holds for every path.
func TestCloudFront(t *testing.T) {
	config := distribution(t)
	for _, b := range append(config.CacheBehaviors, config.DefaultCacheBehavior) {
		if b.CachePolicyID != "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" { // Managed-CachingDisabled
			t.Errorf("%s may be cached, by the policy %s", b.PathPattern, b.CachePolicyID)
		}
		if b.OriginRequestPolicyID != "b689b0a8-53d0-40ab-baf2-68738e2966ac" { // Managed-AllViewerExceptHostHeader: all headers, cookies and queries
			t.Errorf("%s: cookies and headers are passed on by the policy %s", b.PathPattern, b.OriginRequestPolicyID)
		}
		slices.Sort(b.AllowedMethods)
		if got := strings.Join(b.AllowedMethods, " "); got != "DELETE GET HEAD OPTIONS PATCH POST PUT" {
			t.Errorf("%s: the methods are %s", b.PathPattern, got)
		}
		if b.ViewerProtocolPolicy != "redirect-to-https" {
			t.Errorf("%s: %s", b.PathPattern, b.ViewerProtocolPolicy)
		}
		if f := b.FunctionAssociations; len(f) != 1 || f[0].EventType != "viewer-request" || !slices.Equal(f[0].FunctionARN.GetAtt, []string{"ClientAddress", "FunctionMetadata.FunctionARN"}) {
			t.Errorf("%s: nothing names the client: %+v", b.PathPattern, f)
		}
	}
	for _, o := range config.Origins {
		if h := o.OriginCustomHeaders; len(h) != 1 || h[0].HeaderName != "X-Proxy-Secret" || h[0].HeaderValue.Ref != "ProxySecret" {
			t.Errorf("the origin %s gets the headers %+v", o.ID, h)
		}
		if c := o.CustomOriginConfig; c.OriginProtocolPolicy != "https-only" || !slices.Equal(c.OriginSSLProtocols, []string{"TLSv1.2"}) {
			t.Errorf("the origin %s: %+v", o.ID, c)
		}
	}
	kept := map[int]bool{}
	for _, code := range []int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504} { // those that CloudFront may keep
		kept[code] = true
	}
	for _, e := range config.CustomErrorResponses {
		if e.ErrorCachingMinTTL != nil && *e.ErrorCachingMinTTL == 0 {
			delete(kept, e.ErrorCode)
		}
	}
	if len(kept) > 0 {
		t.Errorf("CloudFront keeps the errors %v", slices.Sorted(maps.Keys(kept)))
	}
	if config.HTTPVersion != "http2and3" || config.ViewerCertificate.MinimumProtocolVersion != "TLSv1.2_2021" || len(config.Aliases) != 1 || config.Aliases[0].Ref != "DomainName" {
		t.Errorf("%+v", config)
	}
	if got := compact(t, config.WebACLID); got != `{"Fn::GetAtt":["WebAcl","Arn"]}` {
		t.Errorf("the web ACL is %s", got)
	}
	door := readFrontDoor(t, "cloudfront.yaml")
	code := resources[struct{ FunctionCode string }](t, door.translated, "AWS::CloudFront::Function")["ClientAddress"].FunctionCode
	if want := "event.request.headers['x-proxy-client'] = { value: event.viewer.ip };"; !strings.Contains(code, want) {
		t.Errorf("the code does not set the header:\n%s", code)
	}
	if !regexp.MustCompile(`(?m)^  ProxySecret:\n    Type: String\n    NoEcho: true\n`).MatchString(door.text) {
		t.Error("the secret can be read in the stack's parameters")
	}
	urls := readFrontDoor(t, "function-urls.yaml").Outputs
	for name := range urls {
		if _, ok := door.Parameters[name]; !ok {
			t.Errorf("function-urls.yaml has the output %s, for which cloudfront.yaml has no parameter", name)
		}
	}
	if len(urls) != len(config.Origins) {
		t.Errorf("%d function URLs for %d origins", len(urls), len(config.Origins))
	}
}

// The log of CloudFront has these fields and no other.
func TestCloudFrontLog(t *testing.T) {
	fields := resources[struct{ RecordFields []string }](t, readFrontDoor(t, "cloudfront.yaml").translated, "AWS::Logs::Delivery")["LogDelivery"].RecordFields
	if got, want := strings.Join(fields, " "), "timestamp(ms) DistributionId x-edge-request-id c-ip cs-method sc-status sc-bytes time-taken x-edge-result-type x-edge-detailed-result-type ssl-protocol cs-protocol-version"; got != want {
		t.Errorf("the fields are\n%s, want\n%s", got, want)
	}
}

type webACL struct {
	Scope                string
	DataProtectionConfig struct {
		DataProtections []struct {
			Action string
			Field  struct {
				FieldType string
				FieldKeys []string
			}
		}
	}
	Rules []struct {
		Name      string
		Action    json.RawMessage
		Statement struct {
			RateBasedStatement *struct {
				AggregateKeyType   string
				ScopeDownStatement json.RawMessage
			}
			ManagedRuleGroupStatement *struct {
				Name                string
				RuleActionOverrides []struct {
					Name        string
					ActionToUse map[string]any
				}
			}
		}
	}
}

// The REST API and CloudFront have the same rules. One address can send only so many
// POST /login. A rule that looks at bodies, where passwords are, never blocks. Samples of
// requests show no cookie, no body, no query and no secret.
func TestWebACLs(t *testing.T) {
	rest, cloudfront := readFrontDoor(t, "rest.yaml"), readFrontDoor(t, "cloudfront.yaml")
	a := resources[map[string]any](t, rest.translated, "AWS::WAFv2::WebACL")["WebAcl"]
	b := resources[map[string]any](t, cloudfront.translated, "AWS::WAFv2::WebACL")["WebAcl"]
	if a["Scope"] != "REGIONAL" || b["Scope"] != "CLOUDFRONT" {
		t.Errorf("the scopes are %v and %v", a["Scope"], b["Scope"])
	}
	delete(a, "Scope")
	delete(b, "Scope")
	if !reflect.DeepEqual(a, b) {
		t.Errorf("the rules are\n%s\nand\n%s", mustJSON(t, a), mustJSON(t, b))
	}
	acl := resources[webACL](t, rest.translated, "AWS::WAFv2::WebACL")["WebAcl"]
	var hidden, names, counted []string
	for _, p := range acl.DataProtectionConfig.DataProtections {
		hidden = append(hidden, strings.TrimSpace(p.Action+" "+p.Field.FieldType+" "+strings.Join(p.Field.FieldKeys, " ")))
	}
	if got, want := strings.Join(hidden, ", "), "SUBSTITUTION BODY, SUBSTITUTION QUERY_STRING, SUBSTITUTION SINGLE_HEADER cookie, SUBSTITUTION SINGLE_HEADER x-proxy-secret"; got != want {
		t.Errorf("hidden are %s, want %s", got, want)
	}
	for _, rule := range acl.Rules {
		if limit := rule.Statement.RateBasedStatement; limit != nil {
			scope := compact(t, limit.ScopeDownStatement)
			if rule.Name != "login" || limit.AggregateKeyType != "IP" || compact(t, rule.Action) != `{"Block":{}}` || !strings.Contains(scope, `"SearchString":"POST"`) || !strings.Contains(scope, `"SearchString":"/login"`) {
				t.Errorf("the limit is %+v", rule)
			}
			names = append(names, rule.Name)
			continue
		}
		names = append(names, rule.Statement.ManagedRuleGroupStatement.Name)
		for _, o := range rule.Statement.ManagedRuleGroupStatement.RuleActionOverrides {
			if _, counts := o.ActionToUse["Count"]; !counts {
				t.Errorf("%s: %v", o.Name, o.ActionToUse)
			}
			counted = append(counted, o.Name)
		}
	}
	if got, want := strings.Join(names, " "), "login AWSManagedRulesCommonRuleSet AWSManagedRulesKnownBadInputsRuleSet"; got != want {
		t.Errorf("the rules are %s, want %s", got, want)
	}
	if got, want := strings.Join(counted, " "), "CrossSiteScripting_BODY EC2MetaDataSSRF_BODY GenericLFI_BODY GenericRFI_BODY JavaDeserializationRCE_BODY Log4JRCE_BODY ReactJSRCE_BODY"; got != want {
		t.Errorf("only counted are %s, want %s", got, want)
	}
	association := resources[struct {
		ResourceArn struct {
			Sub string `json:"Fn::Sub"`
		}
	}](t, rest.translated, "AWS::WAFv2::WebACLAssociation")["WebAclAssociation"]
	if !strings.HasSuffix(association.ResourceArn.Sub, "::/restapis/${Api}/stages/${Api.Stage}") {
		t.Errorf("the web ACL is for %s", association.ResourceArn.Sub)
	}
}

// The REST API has the limits of template.yaml's API, caches nothing, logs no secret, and
// has one address. Its authorizer is asked for every request.
func TestRestTemplate(t *testing.T) {
	api := readRestTemplate(t)
	like := translatedStage(t)
	want := map[string]limits{"/* *": like.DefaultRouteSettings, "/~1login POST": like.RouteSettings["POST /login"], "/~1whoami *": like.RouteSettings["ANY /whoami"]}
	got := map[string]limits{}
	for _, s := range api.MethodSettings {
		got[s.ResourcePath+" "+s.HTTPMethod] = s.limits
		if s.LoggingLevel != "OFF" || s.DataTraceEnabled == nil || *s.DataTraceEnabled || s.CachingEnabled == nil || *s.CachingEnabled {
			t.Errorf("it logs requests or caches answers: %+v", s)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the limits are %v, want %v", got, want)
	}
	if !api.DisableExecuteAPIEndpoint || api.EndpointConfiguration.Type != "REGIONAL" || !slices.Equal(api.BinaryMediaTypes, []string{"*/*"}) {
		t.Errorf("%+v", api)
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(api.AccessLogSetting.Format), &fields); err != nil {
		t.Fatalf("the access log is not JSON: %v", err)
	}
	if want := map[string]string{ // in none of them a client could send a secret
		"requestId": "$context.requestId", "time": "$context.requestTime", "ip": "$context.identity.sourceIp", "resourcePath": "$context.resourcePath",
		"method": "$context.httpMethod", "status": "$context.status", "responseLength": "$context.responseLength", "latency": "$context.responseLatency",
		"integrationStatus": "$context.integration.status", "waf": "$context.waf.status",
	}; !maps.Equal(fields, want) {
		t.Errorf("the access log has\n%v, want\n%v", fields, want)
	}
	schemes := api.DefinitionBody.Components.SecuritySchemes
	a := schemes["SessionAuthorizer"].Authorizer
	if len(schemes) != 1 || a.Type != "request" || a.IdentitySource != "method.request.header.Cookie" || a.TTL == nil || *a.TTL != 0 || functionIn(t, a.AuthorizerURI) != "AuthorizerFunction" {
		t.Errorf("the authorizers are %+v", schemes)
	}
	for path, methods := range api.DefinitionBody.Paths {
		for method, o := range methods {
			if authorized := len(o.Security) == 1 && o.Security[0]["SessionAuthorizer"] != nil; authorized != (path == "/caller") {
				t.Errorf("%s %s is authorized: %v", method, path, authorized)
			}
		}
	}
	door := readFrontDoor(t, "rest.yaml")
	if mapping := resources[map[string]any](t, door.translated, "AWS::ApiGateway::BasePathMapping")["DomainMapping"]; mapping["BasePath"] != nil {
		t.Errorf("paths have %v in front", mapping["BasePath"])
	}
	if policy := resources[struct{ SecurityPolicy string }](t, door.translated, "AWS::ApiGateway::DomainName")["Domain"].SecurityPolicy; policy != "TLS_1_2" {
		t.Errorf("TLS policy %s", policy)
	}
}

// What the REST API answers by itself has the headers that pkg/lambdahttp's own answers
// have, except for the policy, which has quotes there.
func TestGatewayResponses(t *testing.T) {
	answer, err := lambdahttp.Handler(nil).Invoke(t.Context(), []byte(`{"version": "2.0", "rawPath": "/", "body": "!", "isBase64Encoded": true, "requestContext": {"http": {"method": "POST"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var own gatewayResponse
	if err := json.Unmarshal(answer, &own); err != nil || own.StatusCode != 400 {
		t.Fatalf("%s, %v", answer, err)
	}
	own.Headers["Content-Security-Policy"] = "sandbox"
	responses := readRestTemplate(t).DefinitionBody.GatewayResponses
	for _, name := range []string{"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "MISSING_AUTHENTICATION_TOKEN"} {
		headers := map[string]string{}
		for parameter, value := range responses[name].ResponseParameters {
			headers[strings.TrimPrefix(parameter, "gatewayresponse.header.")] = strings.Trim(value, "'")
		}
		if scheme := headers["WWW-Authenticate"]; (scheme == "Cookie") != (name == "UNAUTHORIZED") {
			t.Errorf("%s names the scheme %q", name, scheme)
		}
		delete(headers, "WWW-Authenticate")
		if !maps.Equal(headers, own.Headers) {
			t.Errorf("%s has the headers\n%v, want\n%v", name, headers, own.Headers)
		}
		if !strings.Contains(responses[name].ResponseTemplates["application/json"], `"type":"about:blank"`) {
			t.Errorf("%s is %v", name, responses[name].ResponseTemplates)
		}
	}
	if len(responses) != 4 || responses["MISSING_AUTHENTICATION_TOKEN"].StatusCode != 404 || responses["UNAUTHORIZED"].StatusCode != 401 {
		t.Errorf("%+v", responses)
	}
}

// The load balancer appends the client's address, drops malformed headers, passes several
// cookies on, and looks after the functions without a call to a table. Over http it only
// redirects.
func TestLoadBalancerTemplate(t *testing.T) {
	door := readFrontDoor(t, "load-balancer.yaml").translated
	attributes := map[string]string{}
	for _, a := range resources[struct{ LoadBalancerAttributes []keyValue }](t, door, "AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancer"].LoadBalancerAttributes {
		attributes[a.Key] = a.Value
	}
	for key, want := range map[string]string{
		"routing.http.drop_invalid_header_fields.enabled": "true", "routing.http.xff_header_processing.mode": "append", "routing.http.xff_client_port.enabled": "false",
	} {
		if attributes[key] != want {
			t.Errorf("%s is %q, want %q", key, attributes[key], want)
		}
	}
	for id, g := range resources[targetGroup](t, door, "AWS::ElasticLoadBalancingV2::TargetGroup") {
		if g.TargetType != "lambda" || !slices.Equal(g.TargetGroupAttributes, []keyValue{{"lambda.multi_value_headers.enabled", "true"}}) {
			t.Errorf("%s: %+v", id, g)
		}
		if !g.HealthCheckEnabled || g.HealthCheckPath != "/healthz" || g.HealthCheckIntervalSeconds != 300 || g.Matcher.HTTPCode != "200" {
			t.Errorf("%s is looked after by %+v", id, g)
		}
		if want := "${Prefix}-" + strings.ToLower(strings.TrimSuffix(functionIn(t, g.Targets[0].ID), "Function")); g.Name.Sub != want {
			t.Errorf("%s is named %s, and the permission is for %s", id, g.Name.Sub, want)
		}
	}
	listeners := resources[listener](t, door, "AWS::ElasticLoadBalancingV2::Listener")
	if l := listeners["Https"]; l.Protocol != "HTTPS" || l.Port != 443 || l.SslPolicy != "ELBSecurityPolicy-TLS13-1-2-2021-06" {
		t.Errorf("%+v", l)
	}
	if l := listeners["Http"]; len(listeners) != 2 || len(l.DefaultActions) != 1 || l.DefaultActions[0].Type != "redirect" || l.DefaultActions[0].RedirectConfig != (struct{ Protocol, Port, StatusCode string }{"HTTPS", "443", "HTTP_301"}) {
		t.Errorf("%+v", listeners)
	}
}
