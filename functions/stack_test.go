package functions_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/openapi"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
)

const (
	username = "alice"
	password = "an example of a long password"

	// A user whose hash Django made.
	foreignUser     = "carol"
	foreignPassword = "correct horse ☕"
	foreignHash     = "pbkdf2_sha1$1000$seasaltseasalt12345678$xiQTl0PdSFq19F/GDZWOB3d94AE="
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

// binaries returns the folder of the built functions, for example profile/bootstrap. The
// first call builds them, because many tests only read the template.
var binaries = sync.OnceValue(func() string {
	folder, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return folder
})

// kept returns the folder of what the last run has built, so that what has not changed is not
// linked again. It is the only one of this package: two that hold one each, and wait for the
// other, would wait for ever.
var kept = sync.OnceValues(func() (string, error) {
	folder, _, err := testenv.Kept("../.cache/tested/functions") // until this process ends
	return folder, err
})

// build builds the functions as they are deployed, except that it builds them for this
// machine.
func build() (folder string, err error) {
	if folder, err = kept(); err != nil {
		return "", err
	}
	template, err := samtemplate.Read(filepath.Join("..", "template.yaml"), hasBridge, hasProvider)
	if err != nil {
		return "", err
	}
	errs := make(chan error, len(template.Functions))
	for id, function := range template.Functions {
		to := filepath.Join(folder, filepath.Base(function.Folder))
		go func() { errs <- buildFunction(id, runtime.GOOS, runtime.GOARCH, to) }()
	}
	for range template.Functions {
		err = errors.Join(err, <-errs)
	}
	return folder, err
}

// buildFunction does what sam build does for a function: it calls the Makefile.
func buildFunction(id, goos, arch, folder string) error {
	cmd := exec.Command("make", "-C", "..", "build-"+id, "GOOS="+goos, "ARCHITECTURE="+arch, "ARTIFACTS_DIR="+folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", id, err, out)
	}
	return nil
}

// binary returns the path of a function's program.
func binary(function samtemplate.Function) string {
	return filepath.Join(binaries(), filepath.Base(function.Folder), "bootstrap")
}

// stack is a running copy of template.yaml: its functions behind a gateway, and its
// tables in DynamoDB Local behind a proxy.
type stack struct {
	url       string
	functions map[string]*lambda // by logical ID
	template  *samtemplate.Template
	tables    map[string]string // real names by logical ID
	proxy     *dynamotest.Proxy
	userID    string
	gateway   *gateway
	trail     bool // the functions write the audit trail
}

// replace sends a function's requests to another process.
func (s *stack) replace(id string, by *lambda) {
	for route, l := range s.gateway.routes {
		if l == s.functions[id] {
			s.gateway.routes[route] = by
		}
	}
	s.functions[id] = by
}

// newStack prepares the functions with only the variables that the template declares for
// them. Settings replaces the values of some of these; then all functions start at once, so
// that each of them is seen to take the values. Otherwise each starts with its first event.
func newStack(t testing.TB, settings map[string]string) *stack {
	t.Helper()
	return newStackWith(t, settings)
}

// newStackWith does the same for the template in which these conditions hold.
func newStackWith(t testing.TB, settings map[string]string, conditions ...string) *stack {
	t.Helper()
	s := &stack{
		functions: map[string]*lambda{},
		template:  dynamotest.Template(t, conditions...),
		tables:    dynamotest.Tables(t, conditions...),
		proxy:     dynamotest.NewProxy(t),
	}
	directory := accounts.NewRegistrar(s.users(t), accounts.Config{})
	if err := directory.Prepare(t.Context(), dynamoaccounts.All(t.Context(), dynamotest.Client(t, dynamotest.Endpoint(t)), s.tables["UsersTable"])); err != nil {
		t.Fatal(err)
	}
	account, err := directory.Register(t.Context(), username, "Alice", []string{"member"}, password)
	if err != nil {
		t.Fatal(err)
	}
	s.userID = account.UserID
	s.start(t, settings)
	return s
}

// again prepares all functions once more, on the same tables, with other settings.
func (s *stack) again(t testing.TB, settings map[string]string) *stack {
	t.Helper()
	other := *s
	other.functions = map[string]*lambda{}
	other.start(t, settings)
	return &other
}

// start prepares the functions, and starts the gateway before them.
func (s *stack) start(t testing.TB, settings map[string]string) {
	t.Helper()
	s.trail = s.tables["AuditTable"] != "" && settings["AUDIT_DAYS"] != "0"
	g := &gateway{t: t, door: httpAPI2, routes: map[string]*lambda{}, authorizers: map[string]*lambda{}}
	for id, function := range s.template.Functions {
		l := s.prepare(t, function, settings)
		s.functions[id] = l
		for _, route := range function.Routes {
			if g.routes[route] != nil {
				t.Fatalf("template.yaml gives route %s to two functions", route)
			}
			g.routes[route] = l
		}
	}
	for _, function := range s.template.Functions {
		for route, authorizer := range function.Authorizers {
			g.authorizers[route] = s.functions[authorizer]
		}
	}
	if len(settings) > 0 {
		s.startAll(t)
	}
	s.gateway = g
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	s.url = server.URL
}

// prepare prepares a function. The proxy does not record the calls that it makes when it starts,
// and they meet no fault. While it starts, no other function may make a call.
func (s *stack) prepare(t testing.TB, function samtemplate.Function, settings map[string]string) *lambda {
	t.Helper()
	l := prepare(t, binary(function), s.environment(function, settings))
	wake := l.wake
	l.wake = sync.OnceValue(func() (err error) {
		s.proxy.Aside(func() { err = wake() })
		return err
	})
	return l
}

// startAll starts the functions that have not started yet.
func (s *stack) startAll(t testing.TB) {
	t.Helper()
	for _, l := range s.functions {
		l.waitUntilReady(t)
	}
}

// restartBridge prepares the function of /convert anew: with its next event the window opens again.
func (s *stack) restartBridge(t testing.TB) {
	t.Helper()
	s.replace("ConvertFunction", s.prepare(t, s.template.Functions["ConvertFunction"], nil))
}

// behind returns the same stack behind another door.
func (s *stack) behind(t testing.TB, d door) *stack {
	t.Helper()
	other := *s
	other.gateway = &gateway{t: t, door: d, routes: s.gateway.routes, authorizers: s.gateway.authorizers}
	server := httptest.NewServer(other.gateway)
	t.Cleanup(server.Close)
	other.url = server.URL
	return &other
}

// users returns the store of the users table. Its calls do not go through the proxy.
func (s *stack) users(t testing.TB) *dynamoaccounts.Store {
	return dynamoaccounts.New(dynamotest.Client(t, dynamotest.Endpoint(t)), s.tables["UsersTable"])
}

func (s *stack) addForeignUser(t testing.TB) {
	t.Helper()
	err := s.users(t).Create(t.Context(), &accounts.Account{Name: foreignUser, Username: foreignUser, UserID: "carol-id", PasswordHash: foreignHash, Version: 1})
	if err != nil {
		t.Fatal(err)
	}
}

// perNetwork is the limit of a network whose window does not end while a test runs.
func perNetwork(limit int) string { return fmt.Sprintf("%d,%v", limit, testenv.Period()) }

func (s *stack) environment(function samtemplate.Function, settings map[string]string) map[string]string {
	environment := map[string]string{ // what Lambda itself sets
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	for name, value := range function.Environment {
		if real, ok := s.tables[value]; ok {
			value = real
		}
		switch name {
		case "AWS_ENDPOINT_URL_DYNAMODB":
			value = s.proxy.URL
		case "ATTEMPTS_PER_NETWORK":
			value = perNetwork(100)
		}
		if setting, ok := bridgeVariables[name]; ok && s.tables["BridgeTable"] != "" {
			value = setting
		}
		if setting, ok := providerVariables[name]; ok && s.tables["LinksTable"] != "" {
			value = setting
		}
		if setting, ok := settings[name]; ok {
			value = setting
		}
		environment[name] = value
	}
	return environment
}

// setTimeout sets the timeout of the functions.
func (s *stack) setTimeout(timeout time.Duration) {
	for _, l := range s.functions {
		l.timeout.Store(int64(timeout))
	}
}

// items calls do with the key of every item of a table. The calls do not go through the
// proxy.
func (s *stack) items(t *testing.T, table string, do func(client *dynamodb.Client, name *string, key map[string]types.AttributeValue) error) {
	t.Helper()
	client, name := dynamotest.Client(t, dynamotest.Endpoint(t)), s.tables[table]
	all, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range all.Items {
		key := map[string]types.AttributeValue{}
		for _, part := range s.template.Tables[table].CreateInput(name).KeySchema {
			key[*part.AttributeName] = item[*part.AttributeName]
		}
		if err := do(client, &name, key); err != nil {
			t.Fatal(err)
		}
	}
}

// moveBack subtracts by from a time field in every item of a table, in the unit of that
// field. To the functions this looks as if that much time had passed.
func (s *stack) moveBack(t *testing.T, table, field string, by int64) {
	t.Helper()
	s.moveBackSome(t, table, field, by, "")
}

// moveBackSome does the same for the items whose hash key begins with prefix.
func (s *stack) moveBackSome(t *testing.T, table, field string, by int64, prefix string) {
	t.Helper()
	hash := *s.template.Tables[table].CreateInput("").KeySchema[0].AttributeName
	s.items(t, table, func(client *dynamodb.Client, name *string, key map[string]types.AttributeValue) error {
		if !strings.HasPrefix(key[hash].(*types.AttributeValueMemberS).Value, prefix) {
			return nil
		}
		_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: name, Key: key, UpdateExpression: new("SET #f = #f - :by"), ConditionExpression: new("attribute_exists(#f)"),
			ExpressionAttributeNames:  map[string]string{"#f": field},
			ExpressionAttributeValues: map[string]types.AttributeValue{":by": &types.AttributeValueMemberN{Value: fmt.Sprint(by)}},
		})
		return err
	})
}

// empty deletes every item of a table.
func (s *stack) empty(t *testing.T, table string) {
	t.Helper()
	s.items(t, table, func(client *dynamodb.Client, name *string, key map[string]types.AttributeValue) error {
		_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: name, Key: key})
		return err
	})
}

// request is one request of a user, with the headers that the tests need.
type request struct {
	method, path string
	cookie       string // the whole Cookie header
	accept       string
	contentType  string
	body         string
	headers      http.Header
}

type reply struct {
	status int
	header http.Header
	body   string
	calls  []dynamotest.Call // made for the request
}

func (s *stack) do(t testing.TB, in request) reply {
	t.Helper()
	s.proxy.Take()
	return s.send(t, in)
}

func (s *stack) send(t testing.TB, in request) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), in.method, s.url+in.path, strings.NewReader(in.body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, in.headers)
	r.Host = in.headers.Get("Host") // if it is empty, that of the URL
	for name, value := range map[string]string{"Cookie": in.cookie, "Accept": in.accept, "Content-Type": in.contentType} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	keepsContract(t, r, response, body)
	return reply{response.StatusCode, response.Header, string(body), s.proxy.Take()}
}

var contract = sync.OnceValues(func() (*openapi.Document, error) { return openapi.Read("../docs/openapi.yaml") })

// keepsContract fails the test unless docs/openapi.yaml has the answer of a function. The API
// has answers of its own, by which no Cache-Control comes. A path whose function is not in the
// stack is an unknown one, and its answer is 404.
func keepsContract(t testing.TB, r *http.Request, response *http.Response, body []byte) {
	t.Helper()
	d, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	op, err := d.Find(r.Method, r.URL.Path)
	if err != nil || response.Header.Get("Cache-Control") == "" || response.StatusCode == http.StatusNotFound {
		return
	}
	header := response.Header.Clone()
	const renamed = "X-Amzn-Remapped-Www-Authenticate" // by a REST API
	if challenge, ok := header[renamed]; ok {
		delete(header, renamed)
		header["Www-Authenticate"] = challenge
	}
	if err := op.CheckAnswer(response.StatusCode, header, body, r.Method == http.MethodHead); err != nil {
		t.Errorf("docs/openapi.yaml: %v", err)
	}
}

// cookie returns the Cookie header that a browser would send after this reply.
func (r reply) cookie() string {
	for _, line := range r.header.Values("Set-Cookie") {
		if pair, _, _ := strings.Cut(line, ";"); strings.HasPrefix(pair, "__Host-SESSIONID=") {
			return pair
		}
	}
	return ""
}

// device returns the device cookie in this reply, as a browser would send it.
func (r reply) device() string {
	for _, line := range r.header.Values("Set-Cookie") {
		if pair, _, _ := strings.Cut(line, ";"); strings.HasPrefix(pair, "__Host-DEVICE=") {
			return pair
		}
	}
	return ""
}

// signIn returns the Cookie header of a new session.
func (s *stack) signIn(t testing.TB) string {
	t.Helper()
	return s.signInWith(t, password)
}

func (s *stack) signInWith(t testing.TB, password string) string {
	t.Helper()
	r := s.do(t, login(password))
	if r.status != http.StatusOK {
		t.Fatalf("sign-in: %d %s", r.status, r.body)
	}
	return r.cookie()
}

func login(password string) request { return loginAs(username, password) }

func loginAs(username, password string) request {
	return request{method: "POST", path: "/login", contentType: "application/json",
		body: fmt.Sprintf(`{"username": %q, "password": %q}`, username, password)}
}
