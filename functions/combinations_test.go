package functions_test

import (
	"fmt"
	"maps"
	"testing"
)

// switches are values of the parameters that decide what the stack consists of.
var switches = []map[string]string{
	{"AuditDays": "0"},
	{"AuditPipe": "true"},
	{"LegacyCookies": "session", "LegacySourcesArn": "an ARN", "BridgeEndsAt": "2027-03-28T00:00:00Z"},
	{"LegacyLoginURL": "https://www.example.com/internal", "LegacyLoginKey": "a key"},
	{"LegacySubnetIds": "subnet-1", "LegacySecurityGroupIds": "sg-1"},
	{"OidcIssuer": "https://id.example.com", "OidcClientId": "shop", "OidcName": "Example ID", "PublicOrigin": "https://shop.example.com"},
	{"OidcIssuer": "https://id.example.com", "OidcClientId": "shop", "OidcName": "Example ID", "PublicOrigin": "https://shop.example.com", "PasswordSignIn": "false"},
	{"OidcClientSecretArn": "an ARN"},
	{"Monitoring": "none"},
	{"Monitoring": "alarms"},
	{"AlarmTopicArn": "an ARN"},
	{"CanarySecretArn": "an ARN", "CanaryUserId": "canary"},
	{"CanaryUserId": "canary"},
	{"KmsKeyArn": keyArn},
	{"StoreTimes": "true"},
	{"Tracing": "Active"},
	{"DomainName": "shop.example.com", "CertificateArn": "an ARN"},
	{"DomainName": "shop.example.com", "CertificateArn": "an ARN", "HostedZoneId": "Z1"},
	{"LoginConcurrency": "10"},
	{"SessionKeysVersion": "a version"},
	{"SessionsNotBefore": "2026-11-27T14:00:00Z"},
	{"SessionPersistentLifetime": "720h"},
	{"FunctionLogRetentionDays": "30", "AccessLogRetentionDays": "7"},
	{"DynamoDBEndpoint": "http://localhost:8000"},
	{"ExistingSessionsTable": "restored"},
	{"ExistingUsersTable": "restored"},
	{"ExistingAttemptsTable": "restored"},
	{"ExistingBridgeTable": "restored"},
	{"ExistingLinksTable": "restored"},
	{"ExistingAuditTable": "restored"},
}

// Whatever two switches are set together, CloudFormation refuses by a rule, or nothing in the
// stack names a resource that is not in it.
func TestNothingNamesWhatIsNotThere(t *testing.T) {
	stack := translate(t)
	accepted := 0
	for i, one := range switches {
		for _, other := range switches[i:] {
			parameters := maps.Clone(one)
			maps.Copy(parameters, other)
			if len(stack.evaluate(t, parameters).refusals()) > 0 {
				continue
			}
			accepted++
			t.Run(fmt.Sprint(parameters), func(t *testing.T) { stack.evaluate(t, parameters).substituteAll() })
		}
	}
	if accepted < 300 {
		t.Errorf("the rules accept only %d pairs", accepted)
	}
}

// substituteAll is substitute of everything that is in the stack.
func (e evaluation) substituteAll() {
	e.t.Helper()
	for _, resource := range e.stack.Resources {
		if e.holds(resource.Condition) {
			e.substitute(e.decide(decoded(e.t, resource.Properties)))
		}
	}
	for _, output := range e.stack.Outputs {
		if e.holds(output.Condition) {
			e.substitute(e.decide(decoded(e.t, output.Value)))
		}
	}
}
