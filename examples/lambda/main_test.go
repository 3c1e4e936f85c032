package main_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/lambdahttp/lambdahttptest"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// TestTickets walks users through the function behind each front door. It is one process,
// and is not told which front door it stands behind.
func TestTickets(t *testing.T) {
	dynamoDB := endpoint(t)
	binary, table := build(t), newTable(t, dynamoDB)
	function := start(t, binary, table, dynamoDB)
	for _, door := range lambdahttptest.FrontDoors() {
		t.Run(string(door), func(t *testing.T) {
			ada, bob := newClient(t, door, function), newClient(t, door, function)
			ada.wants("GET", "/tickets", "", 401, "sign in first")
			ada.wants("POST", "/login", `{"name": "ada"`, 400, "send")
			ada.wants("POST", "/login", `{"name": "ada", "code": "`+strings.Repeat("a", 8<<10)+`"}`, 400, "send")
			ada.wants("POST", "/login", `{"name": "ada", "code": "example-badge-of-bob-Pm7rc2LdYf"}`, 401, "no such badge")
			ada.wants("GET", "/tickets", "", 401, "")
			ada.wants("POST", "/login", `{"name": "ada", "code": "example-badge-of-ada-Hk3vq9TzXw"}`, 200, `{"name":"ada"}`)
			bob.wants("POST", "/login", `{"name": "bob", "code": "example-badge-of-bob-Pm7rc2LdYf"}`, 200, `{"name":"bob"}`)
			ada.wants("GET", "/tickets", "", 200, `["The door sticks"]`)
			bob.wants("GET", "/tickets", "", 200, `["No heating","No coffee"]`)
			ada.wants("GET", "/tickets/all", "", 200, `"bob":["No heating","No coffee"]`)
			bob.wants("GET", "/tickets/all", "", 403, "not with this badge")

			ada.site = "https://other.example"
			ada.wants("POST", "/logout", "", 403, "")
			ada.site = ""
			ada.wants("GET", "/tickets", "", 200, "")

			stolen := ada.cookies()
			ada.wants("POST", "/logout", "", 204, "")
			if left := ada.cookies(); len(left) > 0 {
				t.Errorf("after the logout the client has the cookies %v", left)
			}
			ada.http.Jar.SetCookies(ada.url("/"), stolen)
			ada.wants("GET", "/tickets", "", 401, "")
			bob.wants("GET", "/tickets", "", 200, "")
		})
	}
	t.Run("outage", func(t *testing.T) { outage(t, function, start(t, binary, "tickets", "http://127.0.0.1:1")) })
	if _, err := function.Invoke(t.Context(), []byte(`{"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}`)); err == nil {
		t.Error("an event that is no request gets an answer")
	}
}

// outage: while DynamoDB is away, clients are told so, and keep their cookies.
func outage(t *testing.T, function, cutOff *lambdahttptest.Function) {
	bob := newClient(t, lambdahttptest.HTTPAPI, function)
	bob.wants("POST", "/login", `{"name": "bob", "code": "example-badge-of-bob-Pm7rc2LdYf"}`, 200, "")
	bob.http.Transport = lambdahttptest.HTTPAPI.Transport(cutOff.Invoke)
	bob.wants("GET", "/tickets", "", 503, "try again")
	bob.wants("POST", "/logout", "", 503, "try again")
	if n := strings.Count(cutOff.Log(), "sessions are unavailable"); n != 2 {
		t.Errorf("the log names %d outages, want 2:\n%s", n, cutOff.Log())
	}
	bob.http.Transport = lambdahttptest.HTTPAPI.Transport(function.Invoke)
	bob.wants("GET", "/tickets", "", 200, "No heating")
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

// newTable creates a table of sessions, as a stack would, and returns its name.
func newTable(t *testing.T, endpoint string) string {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	name := "tickets-" + rand.Text()
	if _, err := client.CreateTable(t.Context(), dynamostore.CreateTableInput(name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}

// build builds the function and returns its path.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "bootstrap")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// start starts the function as Lambda does.
func start(t *testing.T, binary, table, endpoint string) *lambdahttptest.Function {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = []string{
		"SESSIONS_TABLE=" + table, "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint,
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_LAMBDA_LOG_FORMAT=JSON",
	}
	return lambdahttptest.Start(t, cmd)
}

// client is a browser behind one front door.
type client struct {
	t    *testing.T
	http *http.Client
	site string // that its requests come from, if it is another
}

func newClient(t *testing.T, door lambdahttptest.FrontDoor, function *lambdahttptest.Function) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, http: &http.Client{Jar: jar, Transport: door.Transport(function.Invoke), Timeout: 3 * time.Minute}}
}

func (c *client) url(path string) *url.URL {
	return &url.URL{Scheme: "https", Host: "tickets.example", Path: path}
}

func (c *client) cookies() []*http.Cookie { return c.http.Jar.Cookies(c.url("/")) }

// wants sends a request and checks the answer.
func (c *client) wants(method, path, body string, status int, text string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url(path).String(), strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", cmp.Or(c.site, "https://tickets.example"))
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || !strings.Contains(string(got), text) {
		c.t.Errorf("%s %s: %s, %v; want %d and %q:\n%s", method, path, resp.Status, err, status, text, got)
	}
}
