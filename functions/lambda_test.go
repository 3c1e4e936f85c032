package functions_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lambda serves AWS Lambda's runtime API to one function. The function is a real process
// that asks for events and posts answers, one at a time.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type lambda struct {
	timeout atomic.Int64 // of the function, in nanoseconds
	events  chan string
	answers chan answer
	ready   chan struct{} // closed when the function first asks for an event
	once    sync.Once
	exited  chan struct{}
	cmd     *exec.Cmd
	log     logFile
}

// testTimeout is long enough to be sure that a function hangs, even on a very busy
// machine. The tests in pkg/lambdahttp, which have a fake clock, test that functions
// answer before their own timeout.
const testTimeout = 3 * time.Minute

type answer struct{ path, body string }

// start runs the binary with the given environment and the variables of Lambda itself.
func start(t testing.TB, binary string, environment map[string]string) *lambda {
	t.Helper()
	l := &lambda{
		events: make(chan string), answers: make(chan answer, 1),
		ready: make(chan struct{}), exited: make(chan struct{}), log: newLog(t),
	}
	l.timeout.Store(int64(testTimeout))
	server := httptest.NewServer(l)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary)
	cmd.Stdout, cmd.Stderr = l.log.File, l.log.File
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_LAMBDA_LOG_FORMAT=JSON"}
	for name, value := range environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.cmd = cmd
	go func() {
		cmd.Wait()
		close(l.exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-l.exited
		server.Close()
		l.log.Close()
		checkLog(t, l.log.String())
		if t.Failed() {
			t.Logf("log of %s:\n%s", binary, l.log.String())
		}
	})
	return l
}

// secret matches what no log may contain: a cookie, a token, a hash, a password.
var secret = regexp.MustCompile(`__Host-|[\w-]{22}\.[\w-]{22}\.[\w-]{43}|argon2|pbkdf2_|` + password + `|` + nextPassword + `|` + foreignPassword)

// checkLog searches the whole log of a function for secrets (ASVS 16.2.5).
func checkLog(t testing.TB, log string) {
	t.Helper()
	if found := secret.FindString(log); found != "" {
		t.Errorf("a log holds %q:\n%s", found, log)
	}
}

func (l *lambda) waitUntilReady(t testing.TB) {
	t.Helper()
	select {
	case <-l.ready:
	case <-l.exited:
		t.Fatalf("the function ended at its start:\n%s", l.log.String())
	case <-time.After(testTimeout):
		t.Fatalf("the function did not ask for an event in %v:\n%s", testTimeout, l.log.String())
	}
}

func (l *lambda) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		l.once.Do(func() { close(l.ready) })
		select {
		case event := <-l.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Duration(l.timeout.Load())).UnixMilli()))
			io.WriteString(w, event)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	l.answers <- answer{r.URL.Path, string(body)}
	w.WriteHeader(http.StatusAccepted)
}

// gatewayResponse is a function's answer to an HTTP API with payload 2.0.
type gatewayResponse struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// invoke sends one event and returns the answer. An answer that is not well-formed is an
// error, as it is for the gateway, and so is a 401 without the header that it must have.
func (l *lambda) invoke(event string) (response gatewayResponse, err error) {
	body, err := l.call(event, &response)
	if err == nil && (response.StatusCode == 0 || response.Headers == nil || response.Cookies == nil) {
		err = fmt.Errorf("an answer with a part missing: %s", body)
	}
	if err == nil && response.StatusCode == http.StatusUnauthorized && response.Headers["Www-Authenticate"] != "Cookie" {
		err = fmt.Errorf("a 401 that names no scheme: %s", body)
	}
	return response, err
}

// call sends one event and decodes the answer. It also returns the answer unchanged.
func (l *lambda) call(event string, response any) (string, error) {
	select {
	case l.events <- event:
	case <-l.exited:
		return "", fmt.Errorf("the function has ended:\n%s", l.log.String())
	}
	select {
	case a := <-l.answers:
		if !strings.HasSuffix(a.path, "/response") {
			return a.body, fmt.Errorf("the function posted to %s: %s", a.path, a.body)
		}
		decoder := json.NewDecoder(strings.NewReader(a.body))
		decoder.DisallowUnknownFields()
		return a.body, decoder.Decode(response)
	case <-l.exited:
		return "", fmt.Errorf("the function ended instead of answering:\n%s", l.log.String())
	case <-time.After(testTimeout):
		return "", fmt.Errorf("the function does not answer in %v", testTimeout)
	}
}

// gateway does the work of API Gateway. It finds the function by the template's routes,
// and converts requests to events and answers to responses.
type gateway struct {
	t           testing.TB
	mu          sync.Mutex
	routes      map[string]*lambda // by route key: "ANY /login", "$default"
	authorizers map[string]*lambda // by route key, for routes that have one
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock() // each process takes one event at a time
	defer g.mu.Unlock()
	key, function := g.route(r)
	var who map[string]string
	if authorizer := g.authorizers[key]; authorizer != nil {
		var status int
		if who, status = authorizer.authorize(authorizerEvent(g.t, key, r)); status != http.StatusOK {
			http.Error(w, fmt.Sprintf(`{"message":%q}`, http.StatusText(status)), status)
			return
		}
	}
	response, err := function.invoke(event(g.t, key, r, who))
	if err != nil {
		g.t.Error(err)
		http.Error(w, `{"message":"Internal Server Error"}`, http.StatusInternalServerError)
		return
	}
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range response.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(response.StatusCode)
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(response.Body)
	}
	w.Write(body)
}

func (g *gateway) route(r *http.Request) (string, *lambda) {
	for _, key := range []string{r.Method + " " + r.URL.Path, "ANY " + r.URL.Path} {
		if function, ok := g.routes[key]; ok {
			return key, function
		}
	}
	for key, function := range g.routes {
		if method, pattern, ok := strings.Cut(key, " "); ok && method == "ANY" && matchesRoute(r.URL.Path, pattern) {
			return key, function
		}
	}
	if function, ok := g.routes["$default"]; ok {
		return "$default", function
	}
	g.t.Fatalf("no route for %s %s", r.Method, r.URL.Path)
	return "", nil
}

// matchesRoute reports whether the path matches the route, in which {name} matches any
// one segment.
func matchesRoute(path, route string) bool {
	segments, pattern := strings.Split(path, "/"), strings.Split(route, "/")
	for i, p := range pattern {
		if i >= len(segments) || p != segments[i] && !strings.HasPrefix(p, "{") {
			return false
		}
	}
	return len(segments) == len(pattern)
}

// event converts a request to an event as HTTP APIs do: header names are in lower case,
// repeated headers are joined, cookies are separate, and bodies are in base64 unless
// they are text or JSON.
func event(t testing.TB, routeKey string, r *http.Request, who map[string]string) string {
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	var cookies []string
	if line, ok := headers["cookie"]; ok {
		cookies = strings.Split(line, "; ")
		delete(headers, "cookie")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	context := map[string]any{
		"accountId": "123456789012", "apiId": "r3pmxmplak", "domainName": r.Host, "requestId": "JKJaXmPLvHcESHA=",
		"routeKey": routeKey, "stage": "$default", "time": "10/Mar/2020:05:16:23 +0000", "timeEpoch": 1583817383220,
		"http": map[string]any{
			"method": r.Method, "path": r.URL.Path, "protocol": "HTTP/1.1",
			"sourceIp": "192.0.2.7", "userAgent": r.UserAgent(),
		},
	}
	if who != nil {
		context["authorizer"] = map[string]any{"lambda": who}
	}
	text, coded := string(body), false
	if kind := headers["content-type"]; len(body) > 0 && !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "application/json") {
		text, coded = base64.StdEncoding.EncodeToString(body), true
	}
	return encode(t, map[string]any{
		"version":         "2.0",
		"routeKey":        routeKey,
		"rawPath":         r.URL.Path,
		"rawQueryString":  r.URL.RawQuery,
		"cookies":         cookies,
		"headers":         headers,
		"requestContext":  context,
		"body":            text,
		"isBase64Encoded": coded,
	})
}

func encode(t testing.TB, event map[string]any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		t.Error(err)
	}
	return out.String()
}

// logFile is the log of a process. The process writes to a file and not to a pipe. So
// when its answer arrives, everything that it logged before is in the file.
type logFile struct{ *os.File }

func newLog(t testing.TB) logFile {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	return logFile{file}
}

func (f logFile) String() string {
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}
