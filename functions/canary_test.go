package functions_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// The canary's function gets its own secret, and nothing else of the product: no table, no
// key, no brand. A run that fails is an invocation that fails, which Lambda counts, and a
// line that says where.
func TestCanaryFunction(t *testing.T) {
	template := dynamotest.Template(t, "HasCanary")
	function := template.Functions["CanaryFunction"]
	if len(function.Access) > 0 || len(function.Routes) > 0 {
		t.Errorf("it may %v, and has the routes %v", function.Access, function.Routes)
	}
	for name, value := range function.Environment {
		if value != "" && !slices.Contains([]string{"CANARY_URL", "CANARY_USER_ID", "CANARY_SECRET"}, name) {
			t.Errorf("it is told %s: %s", name, value)
		}
	}
	if without := readTemplate(t).Functions; len(without) == 0 || without["CanaryFunction"].Folder != "" {
		t.Error("without the parameter there is a canary")
	}

	role := roleOfTheCanary(t).Policies
	const rights = `[{"PolicyDocument":{"Statement":[{"Action":["secretsmanager:GetSecretValue","secretsmanager:PutSecretValue","secretsmanager:UpdateSecretVersionStage"],"Effect":"Allow","Resource":"the ARN"}]},"PolicyName":"CanaryFunctionRolePolicy0"}]`
	if got := compact(t, role); got != rights {
		t.Errorf("its role allows %s, want %s", got, rights)
	}

	folder := filepath.Join(binaries(), "canary")
	if err := buildFunction("CanaryFunction", runtime.GOOS, runtime.GOARCH, folder); err != nil {
		t.Fatal(err)
	}
	var asked []string
	secrets := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("X-Amz-Target"))
		http.Error(w, `{"__type":"AccessDeniedException"}`, http.StatusBadRequest)
	}))
	defer secrets.Close()
	environment := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets.URL,
		"CANARY_URL": "https://app.example.com", "CANARY_USER_ID": "canary-id", "CANARY_SECRET": "canary"}
	l := start(t, filepath.Join(folder, "bootstrap"), environment)
	l.waitUntilReady(t)
	if answer, err := l.send(`{"source":"aws.events"}`); err == nil || !strings.Contains(answer, "the secret cannot be read") {
		t.Errorf("%v, %s", err, answer)
	}
	if log := l.log.String(); !strings.Contains(log, `"message":"canary_failed"`) || !strings.Contains(log, `"step":"the secret is read"`) || !strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log is %s", log)
	}
	if !slices.Equal(asked, []string{"secretsmanager.GetSecretValue"}) {
		t.Errorf("it has called %q", asked)
	}
	inspectZip(t)
}

// roleOfTheCanary returns the role of the canary's function.
func roleOfTheCanary(t *testing.T) (role struct{ Policies json.RawMessage }) {
	t.Helper()
	e := translate(t).evaluate(t, map[string]string{"CanarySecretArn": "the ARN", "CanaryUserId": "canary-id"})
	text := resourcesOf[json.RawMessage](e, "AWS::IAM::Role")["CanaryFunctionRole"]
	if err := json.Unmarshal(text, &role); err != nil {
		t.Fatal(err)
	}
	return role
}

// inspectZip compares the size of the canary's package, which has no DynamoDB in it, with
// that of the other functions.
func inspectZip(t *testing.T) {
	folder := filepath.Join(binaries(), "arm64", "CanaryFunction")
	if err := buildFunction("CanaryFunction", "linux", "arm64", folder); err != nil {
		t.Fatal(err)
	}
	if size := zipSize(t, filepath.Join(folder, "bootstrap")); size > maxZip {
		t.Errorf("the zip has %d bytes; at most %d", size, maxZip)
	} else {
		t.Logf("the zip has %d bytes", size)
	}
}
