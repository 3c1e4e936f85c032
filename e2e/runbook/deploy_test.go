package runbook_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	alicesPassword = "an example of a long password"
	newPassword    = "another example of a long password"
)

// TestDeploy runs the commands with which docs/deploy.md begins: the stack is made, alice is
// added, and the smoke test signs her in. Here the tables are moto's too.
func TestDeploy(t *testing.T) {
	s := newStack(t)
	s.name, s.proxy, s.database = "coatcheck", nil, s.moto // the name in samconfig.toml
	first := find(t, "docs/deploy.md", "Deploying").blocks[0]
	commands := strings.ReplaceAll(first, "$(output ApiUrl)", s.url)
	if commands == first {
		t.Fatal("the smoke test of docs/deploy.md does not take the URL from the outputs")
	}
	out, err := s.shell(commands, alicesPassword+"\n", "SMOKE_PASSWORD="+alicesPassword)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "Added user") {
		t.Errorf("the commands print:\n%s", out)
	}
	s.addCanary(first)
	t.Logf("moto did not make:\n%s", list(s.removed))
}

// addCanary runs the commands that turn the canary on, with the variables that the first
// commands of docs/deploy.md set, and tests that the stack has it.
func (s *stack) addCanary(first string) {
	s.Helper()
	var variables string
	for line := range strings.Lines(first) {
		if strings.HasPrefix(line, "output()") || strings.HasPrefix(line, "export ") {
			variables += line
		}
	}
	if out, err := s.shell(variables+find(s, "docs/deploy.md", "A canary").blocks[0], ""); err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	all, err := s.aws("dynamodb", "scan", "--table-name", s.tables["UsersTable"], "--output", "text", "--query", "Items[].user_id.S")
	if err != nil {
		s.Fatal(err)
	}
	if id := s.parameters["CanaryUserId"]; id == "" || !slices.Contains(strings.Fields(all), id) {
		s.Errorf("deployed with the user ID %q, and the table has %q", id, all)
	}
	if s.made["CanaryFunction"] == "" {
		s.Error("the stack has no canary")
	}
}

// everyOption has a value for each parameter that turns something on.
var everyOption = map[string]string{
	"DomainName": "app.example.com", "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/example", "HostedZoneId": "Z0123456789ABC",
	"LegacyCookies": "session;Path=/", "BridgeEndsAt": "2099-03-28T00:00:00Z", "ConvertEnabled": "true",
	"LegacySubnetIds": "subnet-0123456789abcdef0", "LegacySecurityGroupIds": "sg-0123456789abcdef0",
	"LegacyLoginURL": "https://www.example.com/login", "LegacyLoginKey": "0123456789abcdef0123456789abcdef",
	"OidcIssuer": "https://id.example.com", "OidcClientId": "coatcheck", "OidcName": "Example ID", "PublicOrigin": "https://app.example.com",
	"LoginConcurrency": "5", "SessionPersistentIdleTimeout": "168h", "HstsIncludeSubdomains": "true",
}

// TestDeployEverything makes the stack with every option on, and every resource of it that
// moto can make.
func TestDeployEverything(t *testing.T) {
	s := newStack(t)
	parameters := maps.Clone(everyOption)
	for parameter, value := range map[string]string{"LegacySourcesArn": "[]", "OidcClientSecretArn": "an example of a secret"} {
		arn, err := s.aws("secretsmanager", "create-secret", "--name", parameter, "--secret-string", value, "--query", "ARN", "--output", "text")
		if err != nil {
			t.Fatal(err)
		}
		parameters[parameter] = arn
	}
	all, err := readTemplate()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(&all, parameters); err != nil {
		t.Fatal(err)
	}
	if err := s.put(all, parameters); err != nil {
		t.Fatal(err)
	}
	variables, err := s.variables()
	if err != nil {
		t.Fatal(err)
	}
	if got := variables["CallbackFunction"]["OIDC_CLIENT_SECRET"]; got != "an example of a secret" {
		t.Errorf("OIDC_CLIENT_SECRET is %q", got)
	}
	t.Logf("moto did not make:\n%s", list(s.removed))
	wantRemoved(t, s.removed)
}

// wantRemoved checks that nothing was left out but what docs/deploy.md says: the kinds that
// moto does not make, and what needs an attribute of such a resource.
func wantRemoved(t *testing.T, removed map[string]string) {
	t.Helper()
	said := find(t, "docs/deploy.md", "What has been tried, and what has not").text
	for id, reason := range removed {
		kind, _, _ := strings.Cut(reason, ", which needs")
		if of, ok := strings.CutPrefix(reason, "needs an attribute of "); ok {
			kind = removed[of]
		}
		if service := kind[:strings.LastIndex(kind, ":")+1]; !strings.Contains(said, "`"+kind+"`") && !strings.Contains(said, "`"+service+"*`") {
			t.Errorf("%s was left out (%s), and docs/deploy.md does not say that the emulator has no %s", id, reason, kind)
		}
	}
}

// list returns the entries, a line each.
func list(entries map[string]string) (text string) {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		text += name + ": " + entries[name] + "\n"
	}
	return text
}

// TestLeaveOut tests that of a template nothing is left out but the kinds that are named, and
// what needs one of them.
func TestLeaveOut(t *testing.T) {
	getAtt := map[string]any{"Fn::GetAtt": []any{"Api", "Id"}}
	small := template{
		Resources: map[string]resource{
			"Api":    {Type: "AWS::Unknown::Api"},
			"Record": {Type: "AWS::Known::Record", Properties: map[string]any{"Of": []any{getAtt}}},
			"Name":   {Type: "AWS::Known::Name", Properties: map[string]any{"Of": map[string]any{"Fn::Sub": "${Record.Name}"}}},
			"Table":  {Type: "AWS::Known::Table", DependsOn: []any{"Record", "Other"}, Properties: map[string]any{"Name": map[string]any{"Ref": "Api"}}},
			"Other":  {Type: "AWS::Known::Table", DependsOn: "Record"},
		},
		Outputs: map[string]map[string]any{"Id": {"Value": getAtt}, "TableName": {"Value": map[string]any{"Ref": "Table"}}},
	}
	removed := small.leaveOut([]string{"AWS::Unknown::Api"})
	if got, want := slices.Sorted(maps.Keys(removed)), []string{"Api", "Name", "Record", "output Id"}; !slices.Equal(got, want) {
		t.Errorf("left out %q, want %q", got, want)
	}
	if len(small.Resources) != 3 || len(small.Outputs) != 1 || small.Resources["Other"].DependsOn != nil {
		t.Errorf("what is left: %+v", small)
	}
	if on, _ := small.Resources["Table"].DependsOn.([]string); !slices.Equal(on, []string{"Other"}) {
		t.Errorf("the table depends on %v", small.Resources["Table"].DependsOn)
	}
}
