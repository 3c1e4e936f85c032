package functions_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
)

// mailTemplate is the part of docs/audit-mail.yaml that the test uses.
type mailTemplate struct {
	Resources struct {
		Rule struct {
			Properties struct {
				EventPattern struct {
					Source     []string `yaml:"source"`
					DetailType []string `yaml:"detail-type"`
					Detail     struct {
						Event []string `yaml:"event"`
					} `yaml:"detail"`
				} `yaml:"EventPattern"`
			} `yaml:"Properties"`
		} `yaml:"Rule"`
		Mail struct {
			Properties struct {
				Code struct {
					ZipFile string `yaml:"ZipFile"`
				} `yaml:"Code"`
			} `yaml:"Properties"`
		} `yaml:"Mail"`
	} `yaml:"Resources"`
}

// TestMail: the function of docs/audit-mail.yaml finds the address of a user on a real users
// table, and writes there what an event of the pipe says; it writes to nobody whose name is no
// address.
func TestMail(t *testing.T) {
	text, err := os.ReadFile("../docs/audit-mail.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template mailTemplate
	if err := yaml.Load(text, &template); err != nil {
		t.Fatal(err)
	}
	if right := "Action: kms:Decrypt\n                  Resource: !Ref KmsKeyArn\n"; strings.Count(string(text), right) != 1 {
		t.Errorf("where a key of one's own encrypts the table of users, the function cannot read it: there is no %q", right)
	}
	p, rule := readPipe(t), template.Resources.Rule.Properties.EventPattern
	if to := p.TargetParameters.EventBridgeEventBusParameters; !slices.Equal(rule.Source, []string{to.Source}) || !slices.Equal(rule.DetailType, []string{to.DetailType}) {
		t.Errorf("the rule wants %+v, the pipe sends %+v", rule, to)
	}
	for _, event := range rule.Detail.Event {
		if !slices.Contains(readEventSchema(t).Properties["event"].Enum, event) || !strings.Contains(template.Resources.Mail.Properties.Code.ZipFile, `"`+event+`":`) {
			t.Errorf("the rule wants %s, which no pipe sends, or for which there is no text", event)
		}
	}
	var mails []string
	ses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mails = append(mails, r.URL.Path+" "+string(body))
		io.WriteString(w, `{"MessageId":"1"}`)
	}))
	defer ses.Close()
	users := dynamotest.Table(t, "UsersTable")
	client := dynamotest.Client(t, dynamotest.Endpoint(t))
	registrar := accounts.NewRegistrar(dynamoaccounts.New(client, users), accounts.Config{})
	if err := registrar.Prepare(t.Context(), dynamoaccounts.All(t.Context(), client, users)); err != nil {
		t.Fatal(err)
	}
	var userIDs = []string{"nobody"}
	for _, name := range []string{"Otto@example.org", "bob"} {
		account, err := registrar.Register(t.Context(), name, "", nil, password)
		if err != nil {
			t.Fatal(err)
		}
		userIDs = append(userIDs, account.UserID)
	}
	for _, userID := range userIDs {
		s := func(text string) map[string]any { return map[string]any{"S": text} }
		image := map[string]any{"key": s("2026-11-27T12:30:45.678Z#n4bQgYhMfWWaL-qgxVrQFa"), "event": s("authn_login_success"), "user_id": s(userID),
			"session_id": s("s1"), "ip": s("192.0.2.7"), "user_agent": s(`a "quoted" browser`), "reason": s(""), "actor": s("")}
		event, err := json.Marshal(map[string]any{"detail": p.event(t, map[string]any{"dynamodb": map[string]any{"NewImage": image}})})
		if err != nil {
			t.Fatal(err)
		}
		runPython(t, template.Resources.Mail.Properties.Code.ZipFile+"\nimport json, sys\nhandler(json.load(sys.stdin), None)\n", event,
			"AWS_ENDPOINT_URL_DYNAMODB="+dynamotest.Endpoint(t), "AWS_ENDPOINT_URL_SESV2="+ses.URL, "USERS_TABLE="+users, "FROM=security@example.com", "SITE=https://app.example.com")
	}
	if len(mails) != 1 || !strings.HasPrefix(mails[0], "/v2/email/outbound-emails ") {
		t.Fatalf("%d mails were sent, want one: %q", len(mails), mails)
	}
	for _, part := range []string{`"ToAddresses": ["Otto@example.org"]`, `"FromEmailAddress": "security@example.com"`, "on a device that we did not know", "When: 2026-11-27T12:30:45.678Z", "Address: 192.0.2.7", `Browser: a \\\"quoted\\\" browser`, "https://app.example.com/password"} {
		if !strings.Contains(mails[0], strings.ReplaceAll(part, `\\\"`, `\"`)) {
			t.Errorf("the mail does not say %s: %s", part, mails[0])
		}
	}
}

// runPython runs a program in the environment of the SAM CLI, which has AWS's library.
func runPython(t *testing.T, program string, in []byte, environment ...string) {
	t.Helper()
	found, err := filepath.Glob("../.cache/sam-*/bin/python")
	if err != nil || len(found) == 0 {
		t.Fatalf("the environment of the SAM CLI is not there (%v); make .cache/translated.json makes it", err)
	}
	cmd := exec.CommandContext(t.Context(), found[0], "-c", program)
	cmd.Env = append([]string{"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "PATH=" + os.Getenv("PATH")}, environment...)
	cmd.Stdin = bytes.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
