package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// at returns a part of the template as JSON, given the names and the indexes that lead to
// it. What is not there is "nothing".
func (d frontDoor) at(t *testing.T, path string) string {
	t.Helper()
	value := d.whole
	for name := range strings.SplitSeq(path, "/") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(v) {
				return "nothing"
			}
			value = v[i]
		default:
			return "nothing"
		}
	}
	if value == nil {
		return "nothing"
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// alike reports the resources of one type that differ in more than the name of their
// function. It returns the first with * for that name.
func (d frontDoor) alike(t *testing.T, kind, suffix string) (whole string) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(d.Resources)) {
		name, ok := strings.CutSuffix(id, suffix)
		if d.Resources[id].Type != kind || !ok {
			continue
		}
		got := strings.NewReplacer(name, "*", strings.ToLower(name), "*").Replace(d.at(t, "Resources/"+id))
		if whole == "" {
			whole = got
		}
		if got != whole {
			t.Errorf("%s is\n%s, and another\n%s", id, got, whole)
		}
	}
	return whole
}

// Function URLs are for everybody and not for streams, and an output has the host of each,
// under the name that cloudfront.yaml has for it.
func TestFunctionURLsTemplate(t *testing.T) {
	door := readFrontDoor(t, "function-urls.yaml")
	if got, want := door.alike(t, "AWS::Lambda::Url", "Url"), `{"Properties":{"AuthType":"NONE","InvokeMode":"BUFFERED","TargetFunctionArn":{"Fn::ImportValue":{"Fn::Sub":"${Coatcheck}-*FunctionArn"}}},"Type":"AWS::Lambda::Url"}`; got != want {
		t.Errorf("the URLs are\n%s, want\n%s", got, want)
	}
	for name := range door.Outputs {
		id := strings.Replace(strings.TrimSuffix(name, "Host"), "Default", "Profile", 1)
		if got, want := door.at(t, "Outputs/"+name+"/Value"), `{"Fn::Select":[2,{"Fn::Split":["/",{"Fn::GetAtt":["`+id+`Url","FunctionUrl"]}]}]}`; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// Each target group waits for its permission, because Lambda refuses one that may not
// invoke the function. Each rule is of the listener for https and has a priority of its own.
func TestLoadBalancerParts(t *testing.T) {
	door := readFrontDoor(t, "load-balancer.yaml")
	door.alike(t, "AWS::ElasticLoadBalancingV2::TargetGroup", "Targets")
	door.alike(t, "AWS::Lambda::Permission", "Permission")
	taken := map[string]string{}
	for id, resource := range door.Resources {
		if name, ok := strings.CutSuffix(id, "Targets"); ok && resource.DependsOn != name+"Permission" {
			t.Errorf("%s waits for %v, want %sPermission", id, resource.DependsOn, name)
		}
		if resource.Type != "AWS::ElasticLoadBalancingV2::ListenerRule" {
			continue
		}
		priority := door.at(t, "Resources/"+id+"/Properties/Priority")
		if other, ok := taken[priority]; ok {
			t.Errorf("%s and %s have the priority %s", id, other, priority)
		}
		taken[priority] = id
		if got := door.at(t, "Resources/"+id+"/Properties/ListenerArn"); got != `{"Ref":"Https"}` {
			t.Errorf("%s is a rule of %s", id, got)
		}
	}
}

// Every origin and every path of CloudFront has the same settings.
func TestCloudFrontParts(t *testing.T) {
	door := readFrontDoor(t, "cloudfront.yaml")
	const config = "Resources/Distribution/Properties/DistributionConfig/"
	want := `{"CustomOriginConfig":{"OriginProtocolPolicy":"https-only","OriginReadTimeout":30,"OriginSSLProtocols":["TLSv1.2"]},"DomainName":{"Ref":"*Host"},"Id":"*","OriginCustomHeaders":[{"HeaderName":"X-Proxy-Secret","HeaderValue":{"Ref":"ProxySecret"}}]}`
	for i, o := range distribution(t).Origins {
		at := fmt.Sprint(config, "Origins/", i)
		if i > 0 { // the others are there for function URLs alone
			if got := door.at(t, at+"/Fn::If/0") + door.at(t, at+"/Fn::If/2"); got != `"ManyOrigins"{"Ref":"AWS::NoValue"}` {
				t.Errorf("the origin %s is there if %s", o.ID, got)
			}
			at += "/Fn::If/1"
		}
		if got := door.at(t, at); got != strings.ReplaceAll(want, "*", o.ID) {
			t.Errorf("the origin %s is\n%s, want\n%s", o.ID, got, want)
		}
	}
	first := door.at(t, config+"DefaultCacheBehavior")
	for i, b := range distribution(t).CacheBehaviors {
		got := door.at(t, fmt.Sprint(config, "CacheBehaviors/Fn::If/1/", i))
		got = strings.Replace(got, `"PathPattern":"`+b.PathPattern+`",`, "", 1)
		if got = strings.Replace(got, `"`+b.TargetOriginID+`"`, `"Default"`, 1); got != first {
			t.Errorf("%s is\n%s, want\n%s", b.PathPattern, got, first)
		}
	}
}

// What else docs/front-doors.md says of the templates, and what a deployment would fail
// without.
func TestFrontDoorSettings(t *testing.T) {
	const (
		zone       = `{"Fn::Not":[{"Fn::Equals":[{"Ref":"HostedZoneId"},""]}]}`
		everywhere = `"CidrIp":"0.0.0.0/0","Description":"https","FromPort":443,"IpProtocol":"tcp","ToPort":443`
		properties = "/Properties/"
		cdn        = "Resources/Distribution/Properties/DistributionConfig/"
	)
	for name, settings := range map[string]map[string]string{
		"rest.yaml": {
			"Conditions/HasZone":                            zone,
			"Conditions/MakesRole":                          `{"Fn::Equals":[{"Ref":"LoggingRole"},"make"]}`,
			"Conditions/Counts":                             `{"Fn::Equals":[{"Ref":"ManagedRules"},"count"]}`,
			"Resources/Api" + properties + "OpenApiVersion": `"3.0.1"`,
			"Resources/Api" + properties + "DefinitionBody/components/securitySchemes/SessionAuthorizer/type":                              `"apiKey"`,
			"Resources/Api" + properties + "DefinitionBody/components/securitySchemes/SessionAuthorizer/in":                                `"header"`,
			"Resources/Api" + properties + "DefinitionBody/components/securitySchemes/SessionAuthorizer/name":                              `"Cookie"`,
			"Resources/Api" + properties + "DefinitionBody/components/securitySchemes/SessionAuthorizer/" + "x-amazon-apigateway-authtype": `"custom"`,
			"Resources/Api" + properties + "AccessLogSetting/DestinationArn":                                                               `{"Fn::GetAtt":["AccessLogs","Arn"]}`,
			"Resources/Domain" + properties + "EndpointConfiguration":                                                                      `{"IpAddressType":"dualstack","Types":["REGIONAL"]}`,
			"Resources/Domain" + properties + "RegionalCertificateArn":                                                                     `{"Ref":"CertificateArn"}`,
			"Resources/DomainMapping/Properties":                                                                                           `{"DomainName":{"Ref":"Domain"},"RestApiId":{"Ref":"Api"},"Stage":{"Ref":"Api.Stage"}}`,
			"Resources/DomainRecords/Condition":                                                                                            `"HasZone"`,
			"Resources/LoggingAccount/Condition":                                                                                           `"MakesRole"`,
			"Resources/LoggingAccountRole/DeletionPolicy":                                                                                  `"Retain"`,
			"Resources/WebAclAssociation/Properties/WebACLArn":                                                                             `{"Fn::GetAtt":["WebAcl","Arn"]}`,
			"Resources/WebAcl/Properties/DefaultAction":                                                                                    `{"Allow":{}}`,
			"Resources/WebAcl/Properties/Rules/1/OverrideAction":                                                                           `{"Fn::If":["Counts",{"Count":{}},{"None":{}}]}`,
			"Resources/WebAcl/Properties/Rules/2/OverrideAction":                                                                           `{"Fn::If":["Counts",{"Count":{}},{"None":{}}]}`,
			"Resources/WebAcl/Properties/Rules/0/Statement": `{"RateBasedStatement":{"AggregateKeyType":"IP","EvaluationWindowSec":300,"Limit":{"Ref":"LoginRateLimit"},"ScopeDownStatement":{"AndStatement":{"Statements":[` +
				`{"ByteMatchStatement":{"FieldToMatch":{"Method":{}},"PositionalConstraint":"EXACTLY","SearchString":"POST","TextTransformations":[{"Priority":0,"Type":"NONE"}]}},` +
				`{"ByteMatchStatement":{"FieldToMatch":{"UriPath":{}},"PositionalConstraint":"EXACTLY","SearchString":"/login","TextTransformations":[{"Priority":0,"Type":"URL_DECODE"},{"Priority":1,"Type":"NORMALIZE_PATH"}]}}]}}}}`,
		},
		"cloudfront.yaml": {
			"Conditions/HasZone":                             zone,
			"Conditions/Counts":                              `{"Fn::Equals":[{"Ref":"ManagedRules"},"count"]}`,
			"Conditions/ManyOrigins":                         `{"Fn::Not":[{"Fn::Equals":[{"Ref":"LoginHost"},""]}]}`,
			"Rules/Region":                                   `{"Assertions":[{"Assert":{"Fn::Equals":[{"Ref":"AWS::Region"},"us-east-1"]},"AssertDescription":"CloudFront's firewall, certificate and log have to be in us-east-1"}]}`,
			cdn + "Enabled":                                  `true`,
			cdn + "IPV6Enabled":                              `true`,
			cdn + "ViewerCertificate":                        `{"AcmCertificateArn":{"Ref":"CertificateArn"},"MinimumProtocolVersion":"TLSv1.2_2021","SslSupportMethod":"sni-only"}`,
			cdn + "DefaultCacheBehavior/Compress":            `false`,
			"Resources/ClientAddress/Properties/AutoPublish": `true`,
			"Resources/ClientAddress/Properties/FunctionConfig/Runtime": `"cloudfront-js-2.0"`,
			"Resources/ClientAddress/Properties/FunctionCode":           `"function handler(event) {\n  event.request.headers['x-proxy-client'] = { value: event.viewer.ip };\n  return event.request;\n}\n"`,
			"Resources/DomainRecords/Condition":                         `"HasZone"`,
			"Resources/DomainRecords/Properties/RecordSets/0":           `{"AliasTarget":{"DNSName":{"Fn::GetAtt":["Distribution","DomainName"]},"HostedZoneId":"Z2FDTNDATAQYW2"},"Name":{"Ref":"DomainName"},"Type":"A"}`,
			"Resources/LogSource/Properties":                            `{"LogType":"ACCESS_LOGS","Name":{"Ref":"AWS::StackName"},"ResourceArn":{"Fn::Sub":"arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"}}`,
			"Resources/LogDestination/Properties":                       `{"DestinationResourceArn":{"Fn::GetAtt":["AccessLogs","Arn"]},"Name":{"Ref":"AWS::StackName"},"OutputFormat":"json"}`,
			"Resources/LogDelivery/DependsOn":                           `"LogSource"`,
			"Resources/LogDelivery/Properties/DeliverySourceName":       `{"Ref":"AWS::StackName"}`,
			"Resources/LogDelivery/Properties/DeliveryDestinationArn":   `{"Fn::GetAtt":["LogDestination","Arn"]}`,
		},
		"load-balancer.yaml": {
			"Conditions/HasZone":                                                 zone,
			"Conditions/HasWebAcl":                                               `{"Fn::Not":[{"Fn::Equals":[{"Ref":"WebAclArn"},""]}]}`,
			"Conditions/ForEverybody":                                            `{"Fn::Equals":[{"Ref":"PrefixListId"},""]}`,
			"Resources/LoadBalancer/Properties/Scheme":                           `"internet-facing"`,
			"Resources/LoadBalancer/Properties/SecurityGroups":                   `[{"Ref":"SecurityGroup"}]`,
			"Resources/SecurityGroup/Properties/SecurityGroupIngress/Fn::If/0":   `"ForEverybody"`,
			"Resources/SecurityGroup/Properties/SecurityGroupIngress/Fn::If/1/0": `{` + everywhere + `}`,
			"Resources/SecurityGroup/Properties/SecurityGroupIngress/Fn::If/2":   `[{"Description":"https","FromPort":443,"IpProtocol":"tcp","SourcePrefixListId":{"Ref":"PrefixListId"},"ToPort":443}]`,
			"Resources/Https/Properties/Certificates":                            `[{"CertificateArn":{"Ref":"CertificateArn"}}]`,
			"Resources/Https/Properties/LoadBalancerArn":                         `{"Ref":"LoadBalancer"}`,
			"Resources/WebAclAssociation/Condition":                              `"HasWebAcl"`,
			"Resources/WebAclAssociation/Properties":                             `{"ResourceArn":{"Ref":"LoadBalancer"},"WebACLArn":{"Ref":"WebAclArn"}}`,
			"Resources/DomainRecords/Condition":                                  `"HasZone"`,
		},
	} {
		door := readFrontDoor(t, name)
		for path, want := range settings {
			if got := door.at(t, path); got != want {
				t.Errorf("%s, %s is\n%s, want\n%s", name, path, got, want)
			}
		}
	}
	// Of what the REST API answers by itself, each text is JSON and says the status that it has.
	for name, r := range readRestTemplate(t).DefinitionBody.GatewayResponses {
		text := strings.ReplaceAll(r.ResponseTemplates["application/json"], "$context.error.messageString", `"Forbidden"`)
		var problem struct{ Status int }
		if err := json.Unmarshal([]byte(text), &problem); err != nil || problem.Status != r.StatusCode {
			t.Errorf("%s answers %d with %s, %v", name, r.StatusCode, text, err)
		}
	}
}
