// Package restapi_test tests the two functions together, as a REST API calls them.
package restapi_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/lambdahttp/lambdahttptest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// TestInvoices asks for invoices as users whom the authorizer knows, and as others. Some
// other function has signed them in; here the test does.
func TestInvoices(t *testing.T) {
	table, client := newTable(t), client(t)
	binaries := build(t)
	sessions, err := session.New(dynamostore.New(client, table), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := &restAPI{t: t, authorizer: start(t, binaries+"/authorizer", table), function: start(t, binaries+"/invoices", "")}
	ada := signIn(t, sessions, session.User{ID: "u-ada", Roles: []string{"accountant"}})
	bob := signIn(t, sessions, session.User{ID: "u-bob"})

	api.wants("GET", "/invoices", ada, 200, `["2026-001"]`)
	api.wants("GET", "/invoices", bob, 200, `["2026-002","2026-003"]`)
	api.wants("GET", "/invoices/all", ada, 200, `"u-bob":["2026-002","2026-003"]`)
	api.wants("GET", "/invoices/all", bob, 403, "accountants")
	api.wants("POST", "/invoices", ada, 403, "cross-origin")
	api.wants("GET", "/invoices", "", 401, "Unauthorized")
	api.wants("GET", "/invoices", bob[:len(bob)-1]+"?", 401, "Unauthorized")

	if err := sessions.RevokeAll(t.Context(), "u-bob"); err != nil {
		t.Fatal(err)
	}
	api.wants("GET", "/invoices", bob, 401, "Unauthorized")
	api.wants("GET", "/invoices", ada, 200, `["2026-001"]`)

	api.authorizer = nil
	api.wants("GET", "/invoices", ada, 500, "not ready")
	api.authorizer = start(t, binaries+"/authorizer", table+"-missing")
	api.wants("GET", "/invoices", ada, 500, "Internal server error")
}

// restAPI does what a REST API with the stage prod does for a method with an authorizer of
// the type REQUEST.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
type restAPI struct {
	t                    *testing.T
	authorizer, function *lambdahttptest.Function
}

// wants sends a request with a cookie, and checks the answer. What is no GET comes from a
// page of another site.
func (a *restAPI) wants(method, path, cookie string, status int, text string) {
	a.t.Helper()
	r := httptest.NewRequestWithContext(a.t.Context(), method, "https://api.example"+path, nil)
	if method != "GET" {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	event := map[string]any{}
	raw, err := lambdahttptest.RESTAPI.Event(r)
	if err == nil {
		err = json.Unmarshal(raw, &event)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	got, body := a.answer(event)
	if got != status || !strings.Contains(body, text) {
		a.t.Errorf("%s %s: %d %s; want %d and %q", method, path, got, body, status, text)
	}
}

// answer returns the status and the body that the client gets.
func (a *restAPI) answer(event map[string]any) (int, string) {
	if a.authorizer != nil {
		caller, err := a.ask(event)
		switch {
		case err != nil && err.Error() == "Unauthorized":
			return 401, `{"message":"Unauthorized"}`
		case err != nil:
			return 500, `{"message":"Internal server error"}`
		}
		event["requestContext"].(map[string]any)["authorizer"] = caller
	}
	resp, err := lambdahttptest.RESTAPI.Response(invoke(a.t, a.function, event))
	if err != nil {
		a.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// ask returns what the authorizer says about the caller. It must allow the method that was
// asked for and nothing more, because the API may use a cached policy for other requests.
func (a *restAPI) ask(event map[string]any) (map[string]any, error) {
	arn := fmt.Sprintf("arn:aws:execute-api:eu-west-1:123456789012:r3pmxmplak/prod/%s%s", event["httpMethod"], event["path"])
	question := map[string]any{"type": "REQUEST", "methodArn": arn}
	for name, value := range event {
		if name != "body" && name != "isBase64Encoded" {
			question[name] = value
		}
	}
	raw, err := json.Marshal(question)
	if err != nil {
		a.t.Fatal(err)
	}
	said, err := a.authorizer.Invoke(a.t.Context(), raw)
	if err != nil {
		return nil, err
	}
	var policy struct {
		PrincipalID    string         `json:"principalId"`
		Context        map[string]any `json:"context"`
		PolicyDocument struct {
			Version   string
			Statement []struct {
				Effect           string
				Action, Resource json.RawMessage // a text, or a list of texts
			}
		} `json:"policyDocument"`
	}
	if err := json.Unmarshal(said, &policy); err != nil || policy.PrincipalID == "" || policy.Context == nil || len(policy.PolicyDocument.Statement) != 1 {
		a.t.Fatalf("the authorizer says %s, %v; want a principalId, a context, and a policy with one statement", said, err)
	}
	statement := policy.PolicyDocument.Statement[0]
	for got, want := range map[string]string{
		policy.PolicyDocument.Version: "2012-10-17", statement.Effect: "Allow",
		strings.Trim(string(statement.Action), `[]"`): "execute-api:Invoke", strings.Trim(string(statement.Resource), `[]"`): arn,
	} {
		if got != want {
			a.t.Fatalf("the authorizer says %s; %q should be %q", said, got, want)
		}
	}
	policy.Context["principalId"] = policy.PrincipalID
	return policy.Context, nil
}

func invoke(t *testing.T, f *lambdahttptest.Function, event map[string]any) []byte {
	t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.Invoke(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// signIn makes a session and returns its cookie.
func signIn(t *testing.T, sessions *session.Manager, user session.User) string {
	t.Helper()
	w := httptest.NewRecorder()
	if _, err := sessions.Create(w, httptest.NewRequest("POST", "https://api.example/login", nil), user); err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	return c.Name + "=" + c.Value
}

// build builds both functions and returns their folder.
func build(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", folder+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return folder
}

// start starts a function as Lambda does. The table is empty if it needs none.
func start(t *testing.T, binary, table string) *lambdahttptest.Function {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = []string{
		"SESSIONS_TABLE=" + table, "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint(t),
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}
	return lambdahttptest.Start(t, cmd)
}

// endpoint returns the address of the DynamoDB that the test may use.
func endpoint(t *testing.T) string {
	t.Helper()
	address := os.Getenv("DYNAMODB_ENDPOINT")
	if address == "" {
		t.Fatal("DYNAMODB_ENDPOINT is not set: start DynamoDB Local, set it to an address such as http://localhost:8000, " +
			"or run this test as README.md says")
	}
	return address
}

func client(t *testing.T) *dynamodb.Client {
	t.Helper()
	address := endpoint(t)
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &address, Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// newTable creates a table of sessions, as a stack would, and returns its name.
func newTable(t *testing.T) string {
	t.Helper()
	dynamoDB, name := client(t), "invoices-"+rand.Text()
	if _, err := dynamoDB.CreateTable(t.Context(), dynamostore.CreateTableInput(name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := dynamoDB.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}
