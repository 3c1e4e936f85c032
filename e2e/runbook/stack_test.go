package runbook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/lambdahttp/lambdahttptest"
)

// stack is the deployed product as far as this machine has it: moto holds the stack, its
// secrets and the functions' variables; the functions' own binaries run with these
// variables; their tables are in DynamoDB Local.
type stack struct {
	testing.TB
	name     string            // of the stack
	url      string            // where the functions answer
	moto     string            // the URL of the emulator
	database string            // the URL of the tables
	proxy    *dynamotest.Proxy // in front of DynamoDB Local; nil if the tables are moto's
	tools    string            // the folder of aws
	programs string            // the folder of the programs that stand in for others
	hook     string            // where the program that stands in for sam asks

	mu         sync.Mutex
	parameters map[string]string                            // of the last deployment
	made       map[string]string                            // the stack's resources: physical IDs by logical ID; nil before the first deployment
	secrets    map[string]string                            // the ARNs by logical ID
	tables     map[string]string                            // the names by logical ID
	removed    map[string]string                            // what the emulator does not make, with the reason
	retained   map[string]resource                          // what CloudFormation would keep when the stack lets go of it
	saved      map[string][]map[string]types.AttributeValue // items by the name of the table
	running    []*process
	handler    http.Handler
}

type process struct {
	id  string // of the function
	cmd *exec.Cmd
	*lambdahttptest.Function
}

// newStack starts moto and what stands in for sam. Nothing is deployed yet.
func newStack(t testing.TB) *stack {
	t.Helper()
	s := &stack{
		TB: t, name: strings.ToLower(t.Name()), moto: startMoto(t), programs: t.TempDir(),
		parameters: map[string]string{}, secrets: map[string]string{}, tables: map[string]string{},
		retained: map[string]resource{}, saved: map[string][]map[string]types.AttributeValue{},
	}
	s.proxy = dynamotest.NewProxy(t)
	s.database = s.proxy.URL
	var err error
	if s.tools, err = tools(); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err == nil {
		err = errors.Join(os.Symlink(self, filepath.Join(s.programs, "sam")), os.Symlink(self, filepath.Join(s.programs, "aws")))
	}
	if err != nil {
		t.Fatal(err)
	}
	hook := httptest.NewServer(http.HandlerFunc(s.standIn))
	t.Cleanup(hook.Close)
	s.hook = hook.URL
	door := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(door.Close)
	s.url = strings.Replace(door.URL, "127.0.0.1", "localhost", 1) // browsers and the smoke test send Secure cookies there
	return s
}

func (s *stack) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	handler := s.handler
	s.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// deploy does what sam deploy does with these parameters, beside those of the last time.
func (s *stack) deploy(parameters map[string]string) error {
	merged := maps.Clone(s.parameters)
	maps.Copy(merged, parameters)
	t, err := readTemplate()
	if err != nil {
		return err
	}
	if err := s.prepare(&t, merged); err != nil {
		return err
	}
	routes, err := t.routes()
	if err != nil {
		return err
	}
	declared := maps.Clone(t.Resources)
	if err := s.put(t, merged); err != nil {
		return err
	}
	s.parameters = merged
	if err := s.makeTables(declared); err != nil {
		return err
	}
	return s.start(routes)
}

// prepare leaves of the template what CloudFormation would make with the parameters.
func (s *stack) prepare(t *template, parameters map[string]string) error {
	return errors.Join(t.check(parameters), t.resolve(parameters))
}

// check reports a parameter that CloudFormation would refuse.
func (t *template) check(parameters map[string]string) error {
	for name, value := range parameters {
		declared := t.Parameters[name]
		if pattern, ok := declared["AllowedPattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(value) {
			return fmt.Errorf("the parameter %s is %q: %v", name, value, declared["ConstraintDescription"])
		}
		if values, ok := declared["AllowedValues"].([]any); ok && !slices.ContainsFunc(values, func(v any) bool { return fmt.Sprint(v) == value }) {
			return fmt.Errorf("the parameter %s is %q and may be %v", name, value, values)
		}
	}
	return nil
}

// routes returns the logical IDs of the functions by the patterns of their routes.
func (t *template) routes() (map[string]string, error) {
	routes := map[string]string{}
	for id, r := range t.Resources {
		if r.Type != "AWS::ApiGatewayV2::Route" || r.Properties["AuthorizationType"] == "CUSTOM" {
			continue
		}
		var target, uri struct {
			Sub    string   `json:"Fn::Sub"`
			GetAtt []string `json:"Fn::GetAtt"`
		}
		err := decode(r.Properties["Target"], &target)
		integration := strings.TrimSuffix(strings.TrimPrefix(target.Sub, "integrations/${"), "}")
		err = errors.Join(err, decode(t.Resources[integration].Properties["IntegrationUri"], &uri))
		if err != nil || len(uri.GetAtt) != 2 {
			return nil, fmt.Errorf("%s leads to %v: %w", id, r.Properties["Target"], err)
		}
		key, _ := r.Properties["RouteKey"].(string)
		routes[pattern(key)] = uri.GetAtt[0]
	}
	return routes, nil
}

func decode(from, to any) error {
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	return err
}

// pattern returns the pattern of http.ServeMux for a route key of an HTTP API.
func pattern(key string) string {
	if key == "$default" {
		return "/"
	}
	method, path, _ := strings.Cut(key, " ")
	if path == "/" {
		path = "/{$}"
	}
	if method == "ANY" {
		return path
	}
	return method + " " + path
}

// put creates or updates the stack in the emulator, without what that does not make.
func (s *stack) put(t template, parameters map[string]string) error {
	given := []map[string]string{}
	for name, value := range parameters {
		given = append(given, map[string]string{"ParameterKey": name, "ParameterValue": value})
	}
	for _, id := range t.secrets() {
		if s.secrets[id] == "" {
			arn, err := s.aws("secretsmanager", "create-secret", "--name", s.name+"-"+id, "--secret-string", randomKey(), "--query", "ARN", "--output", "text")
			if err != nil {
				return err
			}
			s.secrets[id] = arn
		}
		given = append(given, map[string]string{"ParameterKey": id, "ParameterValue": s.secrets[id]})
	}
	kinds, err := notEmulated()
	if err != nil {
		return err
	}
	s.removed = t.leaveOut(kinds)
	released := s.retain(t)
	command := "create-stack"
	if s.made != nil {
		command = "update-stack"
	} else if err := s.upload(); err != nil {
		return err
	}
	folder := s.TempDir()
	text, err := json.Marshal(t)
	values, valuesErr := json.Marshal(given)
	err = errors.Join(err, valuesErr, os.WriteFile(filepath.Join(folder, "template"), text, 0o600), os.WriteFile(filepath.Join(folder, "parameters"), values, 0o600))
	if err != nil {
		return err
	}
	if _, err = s.aws("cloudformation", command, "--stack-name", s.name, "--capabilities", "CAPABILITY_IAM",
		"--template-body", "file://"+filepath.Join(folder, "template"), "--parameters", "file://"+filepath.Join(folder, "parameters")); err != nil {
		return err
	}
	return s.checkMade(t, released)
}

// retain puts what the stack lets go of and CloudFormation would keep back into the template:
// the emulator would delete it. It returns the logical IDs of that.
func (s *stack) retain(t template) (released []string) {
	for id, r := range s.retained {
		if _, ok := t.Resources[id]; !ok {
			t.Resources[id] = r
			released = append(released, id)
		}
	}
	for id, r := range t.Resources {
		if r.DeletionPolicy == "Retain" {
			s.retained[id] = r
		}
	}
	return released
}

// upload puts a package where the translation says that the functions' code is.
func (s *stack) upload() error {
	file := filepath.Join(s.TempDir(), "code.zip")
	empty := append([]byte("PK\x05\x06"), make([]byte, 18)...) // an archive without files
	if err := os.WriteFile(file, empty, 0o600); err != nil {
		return err
	}
	if _, err := s.aws("s3", "ls", "s3://bucket/code.zip"); err == nil {
		return nil // another test has put it there
	}
	_, err := s.aws("s3", "mb", "s3://bucket")
	if err == nil {
		_, err = s.aws("s3", "cp", file, "s3://bucket/code.zip")
	}
	return err
}

// resources returns the physical IDs of the stack's resources by logical ID.
func (s *stack) resources() (map[string]string, error) {
	var list struct {
		StackResourceSummaries []struct{ LogicalResourceId, PhysicalResourceId string }
	}
	if err := s.query(&list, "cloudformation", "list-stack-resources", "--stack-name", s.name); err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, r := range list.StackResourceSummaries {
		ids[r.LogicalResourceId] = r.PhysicalResourceId
	}
	return ids, nil
}

// checkMade reports a resource that the emulator was given and did not make. Those that the
// stack has let go of are no longer its own.
func (s *stack) checkMade(t template, released []string) error {
	made, err := s.resources()
	if err != nil {
		return err
	}
	s.made = made
	for id, r := range t.Resources {
		if _, ok := made[id]; !ok && s.removed[id] == "" {
			err = errors.Join(err, fmt.Errorf("the emulator did not make %s, a %s", id, r.Type))
		}
	}
	for _, id := range released {
		delete(s.made, id)
	}
	return err
}

// makeTables makes those of the stack's tables in DynamoDB Local that are not there yet.
func (s *stack) makeTables(declared map[string]resource) error {
	var conditions []string
	for _, r := range declared {
		if r.Type == "AWS::DynamoDB::Table" && r.Condition != "" && !slices.Contains(conditions, r.Condition) {
			conditions = append(conditions, r.Condition)
		}
	}
	local, err := samtemplate.Read(root("template.yaml"), conditions...)
	if err != nil {
		return err
	}
	s.tables = map[string]string{}
	for id, table := range local.Tables {
		if s.made[id] == "" {
			continue
		}
		s.tables[id] = s.made[id]
		if s.proxy == nil {
			continue
		}
		if _, err := table.Create(s.Context(), dynamotest.Client(s, s.database), s.made[id]); err != nil {
			return err
		}
	}
	return nil
}

var dynamicReference = regexp.MustCompile(`^\{\{resolve:secretsmanager:(arn:.+):SecretString:::(.*)\}\}$`)

// variables returns the variables of each function, as the emulator has worked them out.
// The emulator leaves references to secrets as they are; so this puts the values there, as
// CloudFormation does when it updates a function.
func (s *stack) variables() (map[string]map[string]string, error) {
	var list struct {
		Functions []struct {
			FunctionName string
			Environment  struct{ Variables map[string]any } // moto leaves a parameter of the type Number a number
		}
	}
	if err := s.query(&list, "lambda", "list-functions"); err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	for id, name := range s.made {
		for _, f := range list.Functions {
			if f.FunctionName != name {
				continue
			}
			all[id] = map[string]string{}
			for variable, value := range f.Environment.Variables {
				all[id][variable] = fmt.Sprint(value)
			}
		}
	}
	values := map[string]string{}
	for _, variables := range all {
		for name, value := range variables {
			match := dynamicReference.FindStringSubmatch(value)
			if match == nil {
				continue
			}
			if _, ok := values[value]; !ok {
				var err error
				args := []string{"secretsmanager", "get-secret-value", "--secret-id", match[1], "--query", "SecretString", "--output", "text"}
				if match[2] != "" {
					args = append(args, "--version-id", match[2])
				}
				if values[value], err = s.aws(args...); err != nil {
					return nil, err
				}
			}
			variables[name] = values[value]
		}
		variables["AWS_ENDPOINT_URL_DYNAMODB"] = s.database
	}
	return all, nil
}

// start starts the functions with the variables of the stack, and ends those before them.
func (s *stack) start(routes map[string]string) error {
	variables, err := s.variables()
	if err != nil {
		return err
	}
	var started []*process
	functions := map[string]*lambdahttptest.Function{}
	for id, own := range variables {
		p := &process{id: id, cmd: exec.Command(binary(id))}
		p.cmd.Env = lambdaEnvironment(own)
		p.Function = lambdahttptest.Start(s, p.cmd)
		started, functions[id] = append(started, p), p.Function
	}
	mux := http.NewServeMux()
	for pattern, id := range routes {
		if functions[id] == nil {
			return fmt.Errorf("a route leads to %s, which the stack has not", id)
		}
		mux.Handle(pattern, door{functions[id]})
	}
	s.mu.Lock()
	s.handler = mux
	s.mu.Unlock()
	for _, p := range s.running {
		p.cmd.Process.Kill()
	}
	s.running = started
	return nil
}

// lambdaEnvironment returns a function's variables with those that Lambda itself sets.
func lambdaEnvironment(own map[string]string) []string {
	all := []string{"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	for name, value := range own {
		all = append(all, name+"="+value)
	}
	return all
}

// log returns what the running functions have logged.
func (s *stack) log() (all string) {
	for _, p := range s.running {
		all += p.Log()
	}
	return all
}

// door is an HTTP API in front of one function.
type door struct{ *lambdahttptest.Function }

func (d door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, err := lambdahttptest.HTTPAPI.Transport(d.Invoke).RoundTrip(r)
	if err != nil {
		http.Error(w, `{"message":"Internal Server Error"}`, http.StatusInternalServerError)
		return
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

// binary returns the path of a function's program.
func binary(id string) string {
	return filepath.Join(binaries, strings.ToLower(strings.TrimSuffix(id, "Function")), "bootstrap")
}

// build builds the functions for this machine, by the rule that sam build calls, in the
// folder of a checkout.
func build(checkout, target string, ids ...string) error {
	errs := make(chan error, len(ids))
	for _, id := range ids {
		folder := strings.ToLower(strings.TrimSuffix(id, "Function"))
		go func() {
			cmd := exec.Command("make", "-C", checkout, "build-"+id, "GOOS="+runtime.GOOS, "ARCHITECTURE="+runtime.GOARCH,
				"ARTIFACTS_DIR="+filepath.Join(target, folder))
			if out, err := cmd.CombinedOutput(); err != nil {
				errs <- fmt.Errorf("building %s in %s: %w\n%s", id, checkout, err, out)
				return
			}
			errs <- nil
		}()
	}
	var err error
	for range ids {
		err = errors.Join(err, <-errs)
	}
	return err
}
