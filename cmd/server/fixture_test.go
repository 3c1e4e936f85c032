package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/internal/testing/testmain"
	"example.com/coatcheck/pkg/session"
)

const (
	demoUser     = demo.Username
	demoPassword = demo.Password
)

var binary string // the program under test, built by TestMain

func TestMain(m *testing.M) {
	folder, _, err := testenv.Kept("../../.cache/tested/server") // until this process ends
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(folder, "server")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the server: %v\n%s", err, out)
		os.Exit(1)
	}
	testmain.Main(m, dynamotest.Main, postgrestest.Main, redistest.Main)
}

// testTimeout is how long a test waits before it fails. It is much longer than
// anything here takes.
const testTimeout = 3 * time.Minute

// command returns the command that runs the program. The program gets only these
// environment variables, and those that keep the AWS SDK from other configuration.
func command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append([]string{"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true"}, env...)
	return cmd
}

// process is a running server.
type process struct {
	url    string // the URL that the server printed
	cmd    *exec.Cmd
	stdout *output
	stderr testenv.LogFile
	exited chan struct{}
}

// start runs the server on a free port and waits until it prints its URL. At the end of
// the test, it checks the server's log.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	cmd := command(context.Background(), append([]string{"ADDR=localhost:0"}, env...), args...)
	p := &process{cmd: cmd, stdout: newOutput(), stderr: testenv.NewLogFile(t), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr.File
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.exited
		p.stderr.Close()
		checkLog(t, p.stderr.String())
	})
	select {
	case <-p.stdout.line:
	case <-p.exited:
		t.Fatalf("the server ended: %s", p.stderr)
	case <-time.After(testTimeout):
		t.Fatal("the server does not say where it is")
	}
	p.url = regexp.MustCompile(`http://\S+`).FindString(p.stdout.String())
	return p
}

// stop sends the signal and returns the exit code.
func (p *process) stop(t *testing.T, signal os.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	return p.wait(t)
}

func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(testTimeout):
		t.Fatal("the server does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// output keeps the output of a process. It closes the channel line when the first line
// is complete.
type output struct {
	mu   sync.Mutex
	b    bytes.Buffer
	line chan struct{}
	once sync.Once
}

func newOutput() *output { return &output{line: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.b.Write(p)
	if bytes.Contains(o.b.Bytes(), []byte("\n")) {
		o.once.Do(func() { close(o.line) })
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// token matches a session token. No log may contain one.
var token = regexp.MustCompile(`[\w-]{22}\.[\w-]{22}\.[\w-]{43}`)

func checkLog(t *testing.T, log string) {
	t.Helper()
	testenv.CheckEvents(t, log)
	for line := range strings.Lines(log) {
		if strings.Contains(line, demoPassword) || strings.Contains(line, "__Host-") || token.MatchString(line) {
			t.Errorf("the log holds a secret: %q", line)
		}
	}
}

// browser is a client that acts like a browser: it keeps cookies, follows redirects and
// Refresh, and requests HTML pages.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, Timeout: testTimeout}}
}

// answer is the last response to a request, after all redirects.
type answer struct {
	status int
	path   string // of that response
	header http.Header
	body   string
}

func (b *browser) get(address string) answer {
	b.t.Helper()
	return b.send("GET", address, nil)
}

func (b *browser) post(address string, form url.Values) answer {
	b.t.Helper()
	return b.send("POST", address, form)
}

func (b *browser) send(method, address string, form url.Values) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,*/*;q=0.8")
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if to, ok := strings.CutPrefix(resp.Header.Get("Refresh"), "0; url="); ok {
		next, err := resp.Request.URL.Parse(to)
		if err != nil {
			b.t.Fatal(err)
		}
		return b.get(next.String())
	}
	return answer{resp.StatusCode, resp.Request.URL.Path, resp.Header, string(body)}
}

// cookie returns the Cookie header that the browser would send.
func (b *browser) cookie(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	var pairs []string
	for _, c := range b.client.Jar.Cookies(u) {
		pairs = append(pairs, c.String())
	}
	return strings.Join(pairs, "; ")
}

// statusWith requests the profile with the cookie and returns the status.
func statusWith(t *testing.T, address, cookie string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", address+"/profile", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") != session.Challenge {
		t.Errorf("a 401 with WWW-Authenticate %q", resp.Header.Get("WWW-Authenticate"))
	}
	return resp.StatusCode
}

// runFailing runs the program, which must fail, and returns its exit code and its error
// message. The program must not print a URL.
func runFailing(t *testing.T, env []string, args ...string) (code int, message string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	cmd := command(ctx, append([]string{"ADDR=localhost:0"}, env...), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("it did not fail: %v, %s%s", err, &stdout, &stderr)
	}
	if stdout.Len() > 0 {
		t.Errorf("it announced itself: %s", &stdout)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}
