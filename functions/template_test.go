package functions_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// CloudFormation refuses parameters that miss one which they need, and says which.
func TestRules(t *testing.T) {
	whole := map[string]string{"OidcIssuer": "https://id.example.com", "OidcClientId": "shop", "OidcName": "Example ID", "PublicOrigin": "https://shop.example.com"}
	bridge := map[string]string{"LegacyCookies": "session", "LegacySourcesArn": "an ARN", "BridgeEndsAt": "2027-03-28T00:00:00Z"}
	for _, tt := range []struct {
		what, says string
		parameters map[string]string
	}{
		{"the defaults", "", nil},
		{"a provider", "", whole},
		{"a provider with roles", "", with(whole, "OidcRolesClaim", "groups", "OidcRoles", "staff=member")},
		{"a provider alone", "", with(whole, "PasswordSignIn", "false")},
		{"no client", "OidcIssuer needs OidcClientId", with(whole, "OidcClientId", "")},
		{"no name", "OidcIssuer needs OidcName", with(whole, "OidcName", "")},
		{"no origin", "OidcIssuer needs PublicOrigin", with(whole, "PublicOrigin", "")},
		{"a claim alone", "OidcRolesClaim needs OidcRoles", with(whole, "OidcRolesClaim", "groups")},
		{"roles alone", "OidcRoles needs OidcRolesClaim", with(whole, "OidcRoles", "staff=member")},
		{"a name alone", "OidcName needs OidcIssuer", with(whole, "OidcIssuer", "")},
		{"no way to sign in", "PasswordSignIn=false needs OidcIssuer: nobody could sign in", map[string]string{"PasswordSignIn": "false"}},
		{"a domain", "DomainName needs CertificateArn", map[string]string{"DomainName": "shop.example.com"}},
		{"a bridge", "", bridge},
		{"a bridge to nothing", "LegacyCookies needs LegacySourcesArn", with(bridge, "LegacySourcesArn", "")},
		{"a bridge for ever", "LegacyCookies needs BridgeEndsAt", with(bridge, "BridgeEndsAt", "")},
		{"a pipe", "", map[string]string{"AuditPipe": "true"}},
		{"a pipe from nothing", "AuditPipe needs an AuditDays that is not 0", map[string]string{"AuditPipe": "true", "AuditDays": "0"}},
		{"a pipe from a table of others", "AuditPipe reads the stream of the stack's own table: it needs an empty ExistingAuditTable", map[string]string{"AuditPipe": "true", "ExistingAuditTable": "restored"}},
		{"a canary", "", map[string]string{"CanarySecretArn": "an ARN", "CanaryUserId": "canary"}},
		{"a canary whom nobody knows", "CanarySecretArn needs CanaryUserId", map[string]string{"CanarySecretArn": "an ARN"}},
		{"a canary without a password", "CanarySecretArn needs PasswordSignIn=true: the canary has a password",
			with(whole, "PasswordSignIn", "false", "CanarySecretArn", "an ARN", "CanaryUserId", "canary")},
		{"a canary with one session", "CanarySecretArn needs a MaxSessions of 2 or more: the canary signs in on two devices",
			map[string]string{"CanarySecretArn": "an ARN", "CanaryUserId": "canary", "MaxSessions": "1"}},
		{"another login", "LegacyLoginURL needs LegacyLoginKey", map[string]string{"LegacyLoginURL": "https://www.example.com/internal"}},
	} {
		e := translate(t).evaluate(t, tt.parameters)
		if got := strings.Join(e.refusals(), "; "); got != tt.says {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.says)
		}
	}
}

// refusals returns what CloudFormation says by the rules before it deploys.
func (e evaluation) refusals() (said []string) {
	for _, r := range e.stack.Rules {
		if !e.value(decoded(e.t, r.RuleCondition)).(bool) {
			continue
		}
		for _, a := range r.Assertions {
			if !e.value(decoded(e.t, a.Assert)).(bool) {
				said = append(said, a.AssertDescription)
			}
		}
	}
	return said
}

// with returns the parameters with others: pairs of a name and a value.
func with(parameters map[string]string, more ...string) map[string]string {
	all := maps.Clone(parameters)
	for pair := range slices.Chunk(more, 2) {
		all[pair[0]] = pair[1]
	}
	return all
}

// A route that another function gets when a parameter changes finds that function callable
// at once: what leads to it waits for the permission.
func TestRoutesThatPassOn(t *testing.T) {
	stack, found := translate(t), 0
	for id, properties := range resources[json.RawMessage](t, stack, "AWS::ApiGatewayV2::Route") {
		targets := regexp.MustCompile(`integrations/\$\{(\w+)Integration\}`).FindAllSubmatch(properties, -1)
		if len(targets) < 2 {
			continue
		}
		for _, target := range targets {
			found++
			function := string(target[1])
			if waits := stack.Resources[function+"Integration"].DependsOn; waits != function+"Permission" {
				t.Errorf("%s may pass to %s, which waits for %v", id, function, waits)
			}
		}
	}
	if found == 0 {
		t.Error("no route passes from one function to another")
	}
}

// Only the function of the provider has the client secret, and the keys of its cookie, which
// are those of nothing else.
func TestSecretsOfAProvider(t *testing.T) {
	type function struct {
		Environment struct{ Variables map[string]json.RawMessage }
	}
	want := map[string]string{
		"OIDC_KEYS":          `{"Fn::If":["Deployed",{"Fn::Sub":"{{resolve:secretsmanager:${ProviderKeys}:SecretString}}"},""]}`,
		"OIDC_CLIENT_SECRET": `{"Fn::If":["HasClientSecret",{"Fn::Sub":"{{resolve:secretsmanager:${OidcClientSecretArn}:SecretString:::${OidcClientSecretVersion}}}"},""]}`,
	}
	for id, f := range resources[function](t, translate(t), "AWS::Lambda::Function") {
		for name, value := range f.Environment.Variables {
			switch {
			case id != "CallbackFunction" && (want[name] != "" || bytes.Contains(value, []byte("ProviderKeys")) || bytes.Contains(value, []byte("OidcClientSecret"))):
				t.Errorf("%s is told %s", id, name)
			case id == "CallbackFunction" && want[name] != "":
				var got bytes.Buffer
				if err := json.Compact(&got, value); err != nil || got.String() != want[name] {
					t.Errorf("%s is %s, want %s (%v)", name, got.String(), want[name], err)
				}
			}
		}
	}
}
