package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/lambdahttp"
)

// atOnce is how many invocations one process has at the same time in these tests.
const atOnce = 8

// barrier returns a function that returns when it has been called atOnce times.
func barrier() (wait func()) {
	var arrived atomic.Int32
	all := make(chan struct{})
	return func() {
		if arrived.Add(1) == atOnce {
			close(all)
		}
		<-all
	}
}

// seen is what a request sees of its own invocation.
type seen struct {
	RequestID, Cookie, Body, RemoteAddr string
	User                                map[string]string
	Deadline                            int64 // milliseconds
}

// answerAtOnce returns a handler that waits until atOnce requests are in it, and then
// answers each with what it has seen. A request with the method BOOM panics.
func answerAtOnce() http.Handler {
	wait := barrier()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait()
		slog.InfoContext(r.Context(), "called")
		if r.Method == "BOOM" {
			panic("boom")
		}
		body, _ := io.ReadAll(r.Body)
		e := seen{Cookie: r.Header.Get("Cookie"), Body: string(body), RemoteAddr: r.RemoteAddr, User: lambdahttp.Authorized(r.Context())}
		if deadline, ok := r.Context().Deadline(); ok {
			e.Deadline = deadline.UnixMilli()
		}
		if invocation, ok := lambdacontext.FromContext(r.Context()); ok {
			e.RequestID = invocation.AwsRequestID
		}
		w.Header().Set("X-Request", e.RequestID)
		http.SetCookie(w, &http.Cookie{Name: "answer", Value: e.Cookie[len("token="):]})
		json.NewEncoder(w).Encode(e)
	})
}

// invocation is one event, with what Lambda says beside it.
type invocation struct {
	id, payload string
	deadline    time.Time
}

// invocations returns events that differ in everything. The first is a BOOM.
func invocations() (all []invocation) {
	start := time.Now().Add(5 * time.Minute).Truncate(time.Millisecond)
	for i := range atOnce {
		method := "POST"
		if i == 0 {
			method = "BOOM"
		}
		all = append(all, invocation{
			id: fmt.Sprintf("request-%d", i),
			payload: fmt.Sprintf(`{"version": "2.0", "rawPath": "/", "headers": {"host": "app.example.com"},
				"cookies": ["token=t%d"], "body": "body %d", "requestContext": {"authorizer": {"lambda": {"user_id": "u%d"}},
				"http": {"method": %q, "sourceIp": "192.0.2.%d"}}}`, i, i, i, method, i),
			deadline: start.Add(time.Duration(i) * time.Minute),
		})
	}
	return all
}

// check compares an answer with what the invocation with this number must get.
func (in invocation) check(t *testing.T, i int, answer []byte) {
	t.Helper()
	var got response
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	if i == 0 {
		if got.StatusCode != 500 || len(got.Cookies) != 0 {
			t.Errorf("the panic was answered %s", answer)
		}
		return
	}
	var e seen
	if err := json.Unmarshal([]byte(got.Body), &e); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	want := seen{
		RequestID: in.id, Cookie: fmt.Sprintf("token=t%d", i), Body: fmt.Sprintf("body %d", i), RemoteAddr: fmt.Sprintf("192.0.2.%d:0", i),
		User: map[string]string{"user_id": fmt.Sprintf("u%d", i)}, Deadline: in.deadline.Add(-time.Second).UnixMilli(),
	}
	if !reflect.DeepEqual(e, want) || got.Headers["X-Request"] != in.id || !reflect.DeepEqual(got.Cookies, []string{fmt.Sprintf("answer=t%d", i)}) {
		t.Errorf("invocation %d was answered %s\nwant %+v", i, answer, want)
	}
}

// TestInvocationsAtOnce: of invocations at once in one process, each gets its own answer,
// deadline, caller and request ID, also when another one panics. The race detector
// watches.
func TestInvocationsAtOnce(t *testing.T) {
	logTo(t, io.Discard)
	h := lambdahttp.Handler(answerAtOnce())
	var wg sync.WaitGroup
	for i, in := range invocations() {
		wg.Go(func() {
			ctx, cancel := context.WithDeadline(t.Context(), in.deadline)
			defer cancel()
			payload := []byte(in.payload)
			out, err := h.Invoke(lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: in.id}), payload)
			clear(payload) // aws-lambda-go uses the memory again for the next event
			if err != nil {
				t.Error(err)
			}
			in.check(t, i, out)
		})
	}
	wg.Wait()
}

// TestAuthorizersAtOnce is the same for authorizers.
func TestAuthorizersAtOnce(t *testing.T) {
	logTo(t, io.Discard)
	wait := barrier()
	a := lambdahttp.Authorizer(func(r *http.Request) (map[string]string, error) {
		wait()
		if r.Method == "BOOM" {
			panic("boom")
		}
		deadline, _ := r.Context().Deadline()
		return map[string]string{"cookie": r.Header.Get("Cookie"), "deadline": fmt.Sprint(deadline.UnixMilli())}, nil
	})
	var wg sync.WaitGroup
	for i, in := range invocations() {
		wg.Go(func() {
			ctx, cancel := context.WithDeadline(t.Context(), in.deadline)
			defer cancel()
			out, err := a.Invoke(ctx, []byte(strings.Replace(in.payload, `"version"`, `"type": "REQUEST", "version"`, 1)))
			if i == 0 {
				if err == nil {
					t.Errorf("the panic was answered %s", out)
				}
				return
			}
			var got struct {
				IsAuthorized bool
				Context      map[string]string
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Errorf("%v in %s", err, out)
			}
			want := map[string]string{"cookie": fmt.Sprintf("token=t%d", i), "deadline": fmt.Sprint(in.deadline.Add(-time.Second).UnixMilli())}
			if err != nil || !got.IsAuthorized || !reflect.DeepEqual(got.Context, want) {
				t.Errorf("invocation %d was answered %s, %v; want %v", i, out, err, want)
			}
		})
	}
	wg.Wait()
}

// TestStartAtOnce imitates Lambda with Managed Instances: a real process is told how many
// requests it gets at the same time, asks for as many, and answers each.
func TestStartAtOnce(t *testing.T) {
	all := invocations()
	lambda := &concurrentRuntime{events: make(chan invocation, atOnce), answers: make(chan answer, atOnce)}
	server := httptest.NewServer(lambda)
	defer server.Close() // waits for the function's end
	ctx, cancel := context.WithDeadline(t.Context(), all[0].deadline)
	defer cancel()

	var log bytes.Buffer
	function := exec.CommandContext(ctx, os.Args[0])
	function.Env = append(os.Environ(), "LAMBDAHTTP_TEST_FUNCTION=at once", "AWS_LAMBDA_LOG_FORMAT=JSON",
		fmt.Sprint("AWS_LAMBDA_MAX_CONCURRENCY=", atOnce), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	function.Stdout, function.Stderr = &log, &log
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	for _, in := range all {
		lambda.events <- in
	}
	answers := map[string][]byte{}
	for range all {
		select {
		case a := <-lambda.answers:
			answers[a.path] = a.body
		case <-ctx.Done():
			t.Fatalf("%d answers in time, want %d", len(answers), atOnce)
		}
	}
	cancel()
	function.Wait() // always an error: it was killed
	for i, in := range all {
		in.check(t, i, answers["/2018-06-01/runtime/invocation/"+in.id+"/response"])
		if called := `"message":"called","requestId":"` + in.id + `"}`; strings.Count(log.String(), called) != 1 {
			t.Errorf("the log does not have one line %s:\n%s", called, &log)
		}
	}
}

// concurrentRuntime is Lambda's runtime API for a function that asks for several events
// at the same time.
type concurrentRuntime struct {
	events  chan invocation
	answers chan answer
}

type answer struct {
	path string
	body []byte
}

func (l *concurrentRuntime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		select {
		case in := <-l.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", in.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(in.deadline.UnixMilli()))
			io.WriteString(w, in.payload)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	l.answers <- answer{r.URL.Path, body}
	w.WriteHeader(http.StatusAccepted)
}
