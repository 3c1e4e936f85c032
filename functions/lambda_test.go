package functions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
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
	wake    func() error // starts the process if it does not run, and waits until it is ready
	begun   atomic.Bool
	cmd     *exec.Cmd
	log     testenv.LogFile
	name    string // of the function's folder: "login"
}

// testTimeout is long enough to be sure that a function hangs, even on a very busy
// machine. The tests in pkg/lambdahttp, which have a fake clock, test that functions
// answer before their own timeout.
const testTimeout = 3 * time.Minute

type answer struct{ path, body string }

// start runs the binary with the given environment and the variables of Lambda itself.
func start(t testing.TB, binary string, environment map[string]string) *lambda {
	t.Helper()
	l := prepare(t, binary, environment)
	if err := l.begin(); err != nil {
		t.Fatal(err)
	}
	return l
}

// prepare does the same, but does not start the process. The first event starts it, as on Lambda.
func prepare(t testing.TB, binary string, environment map[string]string) *lambda {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &lambda{
		events: make(chan string), answers: make(chan answer, 1),
		ready: make(chan struct{}), exited: make(chan struct{}), log: testenv.NewLogFile(t),
		name: filepath.Base(filepath.Dir(binary)), cmd: exec.CommandContext(ctx, binary),
	}
	l.timeout.Store(int64(testTimeout))
	l.wake = sync.OnceValue(func() error { return errors.Join(l.begin(), l.untilReady()) })
	server := httptest.NewServer(l)
	l.cmd.Stdout, l.cmd.Stderr = l.log.File, l.log.File
	l.cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_LAMBDA_LOG_FORMAT=JSON"}
	for name, value := range environment {
		l.cmd.Env = append(l.cmd.Env, name+"="+value)
	}
	t.Cleanup(func() {
		cancel()
		if l.begun.Load() {
			<-l.exited
		}
		server.Close()
		l.log.Close()
		checkLog(t, l.log.String())
		if t.Failed() {
			t.Logf("log of %s:\n%s", binary, l.log.String())
		}
	})
	return l
}

// begin starts the process, unless it has begun.
func (l *lambda) begin() error {
	if l.begun.Swap(true) {
		return nil
	}
	if err := l.cmd.Start(); err != nil {
		close(l.exited)
		return err
	}
	go func() {
		l.cmd.Wait()
		close(l.exited)
	}()
	return nil
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
	if err := l.wake(); err != nil {
		t.Fatal(err)
	}
}

// untilReady waits until the function asks for an event.
func (l *lambda) untilReady() error {
	select {
	case <-l.ready:
		return nil
	case <-l.exited:
		select {
		case <-l.ready: // it has ended since
			return nil
		default:
		}
		return fmt.Errorf("the function ended at its start:\n%s", l.log.String())
	case <-time.After(testTimeout):
		return fmt.Errorf("the function did not ask for an event in %v:\n%s", testTimeout, l.log.String())
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

// call sends one event and decodes the answer. It also returns the answer unchanged.
func (l *lambda) call(event string, response any) (string, error) {
	body, err := l.send(event)
	if err != nil {
		return body, err
	}
	return body, decode(body, response)
}

// decode decodes an answer. A part that the response does not have is an error.
func decode(body string, response any) error {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(response)
}

// send sends one event and returns the answer. If the invocation fails, this is the error
// and its text.
func (l *lambda) send(event string) (string, error) {
	if err := l.wake(); err != nil {
		return "", err
	}
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
		return a.body, nil
	case <-l.exited:
		return "", fmt.Errorf("the function ended instead of answering:\n%s", l.log.String())
	case <-time.After(testTimeout):
		return "", fmt.Errorf("the function does not answer in %v", testTimeout)
	}
}
