package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
)

// startStreams is the function of TestStartStreaming. Its path says what it does.
func startStreams() {
	lambdahttp.StartStreaming(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		w.Header()["Content-Type"] = nil
		w.Header().Set("Allow", "GET")
		io.WriteString(w, "first")
		if r.URL.Path == "/whole" {
			return
		}
		w.(http.Flusher).Flush()
		answer, err := http.Get(os.Getenv("LAMBDAHTTP_TEST_BARRIER")) // until the test has seen the first part
		if err != nil {
			panic(err)
		}
		answer.Body.Close()
		switch r.URL.Path {
		case "/panic":
			panic("boom")
		case "/gone":
			for err == nil {
				_, err = w.Write(make([]byte, 1<<16))
			}
			slog.Info("gone", "error", err, "context", r.Context().Err())
		}
		io.WriteString(w, " second")
	}))
}

// streamingRuntime is Lambda's runtime API, and reads answers as they come.
type streamingRuntime struct {
	events  chan []byte
	posts   chan *post
	barrier chan struct{}
}

// post is a request with an answer. The test reads its body, and then says whether it is
// accepted, or the connection breaks.
type post struct {
	*http.Request
	accept chan bool
}

func (l *streamingRuntime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/barrier":
		<-l.barrier
	case strings.HasSuffix(r.URL.Path, "/invocation/next"):
		select {
		case event := <-l.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(5*time.Minute).UnixMilli()))
			w.Write(event)
		case <-r.Context().Done():
		}
	default:
		p := &post{r, make(chan bool)}
		l.posts <- p
		if !<-p.accept {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusAccepted)
	}
}

// TestStartStreaming imitates Lambda's runtime API for a real process: the first part of an
// answer arrives while the handler still runs, since the handler waits at a barrier until the
// test has read it. A broken answer says so in its trailer.
func TestStartStreaming(t *testing.T) {
	lambda := &streamingRuntime{events: make(chan []byte, 1), posts: make(chan *post), barrier: make(chan struct{})}
	server := httptest.NewServer(lambda)
	defer server.Close() // waits for the function's end
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var log bytes.Buffer
	function := exec.CommandContext(ctx, os.Args[0])
	function.Env = append(os.Environ(), "LAMBDAHTTP_TEST_FUNCTION=streams", "AWS_LAMBDA_LOG_FORMAT=JSON",
		"LAMBDAHTTP_TEST_BARRIER="+server.URL+"/barrier", "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	function.Stdout, function.Stderr = &log, &log
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	send := func(event []byte) *post {
		lambda.events <- event
		select {
		case p := <-lambda.posts:
			return p
		case <-ctx.Done():
			t.Fatalf("no answer in time:\n%s", &log)
			return nil
		}
	}
	const head = "{\"statusCode\":200,\"headers\":{\"Allow\":\"GET\"},\"cookies\":[\"a=1\"]}\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, door := range streams {
		for _, path := range []string{"/second", "/panic", "/whole"} {
			p := send(at(door, "GET", path))
			if got := p.Header.Get("Content-Type"); got != "application/vnd.awslambda.http-integration-response" {
				t.Errorf("the content type is %q", got)
			}
			first := make([]byte, len(head+"first"))
			if _, err := io.ReadFull(p.Body, first); err != nil || string(first) != head+"first" {
				t.Fatalf("%s%s: first %q, %v", door, path, first, err)
			}
			if path != "/whole" {
				lambda.barrier <- struct{}{} // the handler is there
			}
			rest, err := io.ReadAll(p.Body)
			failed := p.Trailer.Get("Lambda-Runtime-Function-Error-Type")
			want := map[string]string{"/second": " second"}[path]
			if err != nil || string(rest) != want || (failed == "Function.AnswerBroken") != (path == "/panic") {
				t.Errorf("%s%s: then %q, %v, %q", door, path, rest, err, failed)
			}
			detail, err := base64.StdEncoding.DecodeString(p.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
			if err != nil || strings.Contains(string(detail), "boom") {
				t.Errorf("%s%s: the error is %s, %v", door, path, detail, err)
			}
			p.accept <- true
		}
	}

	p := send(at("load-balancer", "GET", "/whole"))
	if body, err := io.ReadAll(p.Body); err != nil || status(t, body) != 200 {
		t.Errorf("the load balancer is answered %s, %v", body, err)
	}
	p.accept <- true
	p = send([]byte(`{"Records": []}`))
	if body, err := io.ReadAll(p.Body); err != nil || !strings.HasSuffix(p.URL.Path, "/error") || !bytes.Contains(body, []byte("errorMessage")) {
		t.Errorf("what is no HTTP request is answered %s: %s, %v", p.URL.Path, body, err)
	}
	p.accept <- true

	p = send(at("function-url", "GET", "/gone"))
	if _, err := io.ReadFull(p.Body, make([]byte, len(head))); err != nil {
		t.Error(err)
	}
	lambda.barrier <- struct{}{}
	p.accept <- false
	function.Wait() // aws-lambda-go ends the process if it cannot answer
	for _, want := range []string{`"panic":"boom"`, `"message":"gone","error":"io: read/write on closed pipe","context":"context canceled"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &log)
		}
	}
}
