package lambdahttptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Function is a function's binary that runs as a process, as Lambda runs it.
type Function struct {
	events  chan *invocation // the function takes the next one when it has answered the one before
	current atomic.Pointer[invocation]
	exited  chan struct{} // closed when the process has ended
	log     string        // the file that it writes to
}

type invocation struct {
	event    []byte
	deadline time.Time
	answer   chan reply // has room for one, so that nobody waits with an answer that comes too late
}

type reply struct {
	text []byte
	err  error
}

// Start starts a function, which cmd describes: its path, and its environment, if that is
// not the one of the test. Start adds the address of the runtime API, which it imitates
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). The function is killed
// when the test ends. If the test has failed, what the function has written is in the
// test's log.
func Start(tb testing.TB, cmd *exec.Cmd) *Function {
	tb.Helper()
	f := &Function{
		events: make(chan *invocation), exited: make(chan struct{}), log: filepath.Join(tb.TempDir(), "log"),
	}
	log, err := os.Create(f.log)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(f.serve))
	tb.Cleanup(server.Close)
	cmd.Env = append(cmd.Environ(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		cmd.Wait()
		log.Close()
		close(f.exited)
	}()
	tb.Cleanup(func() {
		cmd.Process.Kill()
		<-f.exited
		if tb.Failed() {
			tb.Logf("%s has written:\n%s", cmd.Path, f.Log())
		}
	})
	return f
}

// Log returns what the function has written to its standard output and error so far.
func (f *Function) Log() string {
	text, err := os.ReadFile(f.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// patience is the function's timeout if the context has no deadline, and how long Invoke
// waits then.
const patience = 5 * time.Minute

// Invoke sends an event to the function and returns its answer. Calls at the same time wait
// for each other, as long as their contexts allow. The error is that of the function's
// invocation, or says that the process has ended. The deadline of ctx is that of the
// invocation; without one it is five minutes away.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(patience)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	i := &invocation{event, deadline, make(chan reply, 1)}
	select {
	case f.events <- i:
	case <-f.exited:
		return nil, f.ended()
	case <-ctx.Done():
		return nil, fmt.Errorf("the function asks for no event: %w", ctx.Err())
	}
	select {
	case r := <-i.answer:
		return r.text, r.err
	case <-f.exited:
		return f.lastWords(i)
	case <-ctx.Done():
		return nil, fmt.Errorf("the function gives no answer: %w", ctx.Err())
	}
}

// lastWords returns what a function has answered before it ended. The runtime of
// aws-lambda-go reports a panic in this way.
func (f *Function) lastWords(i *invocation) ([]byte, error) {
	select {
	case r := <-i.answer:
		return r.text, r.err
	default:
		return nil, f.ended()
	}
}

func (f *Function) ended() error {
	return fmt.Errorf("the function has ended; it has written:\n%s", f.Log())
}

// serve is the runtime API.
func (f *Function) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		select {
		case i := <-f.events:
			f.current.Store(i)
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(i.deadline.UnixMilli()))
			w.Write(i.event)
		case <-r.Context().Done():
		}
		return
	}
	text, err := io.ReadAll(r.Body)
	if err == nil && strings.HasSuffix(r.URL.Path, "/error") {
		err = failure(text)
	}
	if err != nil {
		text = nil
	}
	if i := f.current.Swap(nil); i != nil {
		i.answer <- reply{text, err}
	}
	w.WriteHeader(http.StatusAccepted)
}

// failure returns the error that the function has reported.
func failure(report []byte) error {
	var said struct {
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(report, &said); err != nil || said.Message == "" {
		return fmt.Errorf("the function reports %s", report)
	}
	return errors.New(said.Message)
}
