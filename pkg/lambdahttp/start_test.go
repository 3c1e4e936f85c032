package lambdahttp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/lambdahttp"
)

// TestMain is the Lambda function under test if the test binary was started as one.
func TestMain(m *testing.M) {
	kind := os.Getenv("LAMBDAHTTP_TEST_FUNCTION")
	if kind == "" {
		os.Exit(m.Run())
	}
	slog.SetDefault(lambdacontext.NewLogger())
	switch kind {
	case "streams":
		startStreams()
	case "at once":
		lambdahttp.Start(answerAtOnce())
	case "authorizer":
		lambdahttp.StartAuthorizer(byCookie)
	}
	lambdahttp.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slog.InfoContext(r.Context(), "called")
		if r.Method == "BOOM" {
			panic("boom")
		}
		deadline, _ := r.Context().Deadline()
		fmt.Fprint(w, deadline.UnixMilli())
	}))
}

// TestStart imitates Lambda's runtime API for two invocations of a real process.
func TestStart(t *testing.T) {
	deadline := time.Now().Add(5 * time.Minute).Truncate(time.Millisecond)
	runtime := &runtimeAPI{
		deadline: deadline,
		events:   make(chan []byte, 2),
		answers:  make(chan string, 2),
	}
	runtime.events <- event("BOOM")
	runtime.events <- event("GET")
	server := httptest.NewServer(runtime)
	defer server.Close() // waits for the function's end
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()

	var log bytes.Buffer
	function := exec.CommandContext(ctx, os.Args[0])
	function.Env = append(os.Environ(), "LAMBDAHTTP_TEST_FUNCTION=1", "AWS_LAMBDA_LOG_FORMAT=JSON",
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	function.Stdout, function.Stderr = &log, &log
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`/2018-06-01/runtime/invocation/BOOM/response {"statusCode":500,`,
		fmt.Sprintf(`/2018-06-01/runtime/invocation/GET/response {"statusCode":200,"headers":{"Content-Type":"text/plain; charset=utf-8"},"cookies":[],"body":"%d",`,
			deadline.Add(-time.Second).UnixMilli()),
	} {
		select {
		case got := <-runtime.answers:
			if !strings.HasPrefix(got, want) {
				t.Errorf("got  %s\nwant %s…", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("no answer in time, want %s…", want)
		}
	}
	cancel()
	function.Wait() // always an error: it was killed
	for _, want := range []string{
		`"level":"INFO","message":"sys_startup","init_ms":\d+}`,
		`"message":"called","requestId":"BOOM"}`,
		`"message":"sys_crash",.*"requestId":"BOOM"}`,
		`"message":"called","requestId":"GET"}`,
	} {
		if !regexp.MustCompile(want).Match(log.Bytes()) { // the pattern's . does not match a line break
			t.Errorf("the log has no line %s:\n%s", want, &log)
		}
	}
	if n := strings.Count(log.String(), "sys_startup"); n != 1 {
		t.Errorf("the log has sys_startup %d times for one process", n)
	}
}

// runtimeAPI serves events and keeps the answers. The request ID of an event is its
// method. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtimeAPI struct {
	deadline time.Time
	events   chan []byte
	answers  chan string
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		select {
		case e := <-a.events:
			id := "GET"
			if bytes.Contains(e, []byte("BOOM")) {
				id = "BOOM"
			}
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(a.deadline.UnixMilli()))
			w.Write(e)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	a.answers <- r.URL.Path + " " + string(body)
	w.WriteHeader(http.StatusAccepted)
}
