package lambdahttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/go-json-experiment/json"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// streams are the front doors that can take an answer as a stream.
var streams = []string{"function-url", "rest-api"}

// prelude is what a stream begins with.
type prelude struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Cookies    []string          `json:"cookies"`
}

// split returns the parts of a stream.
func split(t *testing.T, stream []byte) (p prelude, body string) {
	t.Helper()
	head, rest, found := bytes.Cut(stream, make([]byte, 8))
	if err := json.Unmarshal(head, &p, json.RejectUnknownMembers(true)); err != nil || !found {
		t.Fatalf("%v in %q", err, stream)
	}
	return p, string(rest)
}

// whole returns all of a stream.
func whole(t *testing.T, h http.HandlerFunc, event []byte) (p prelude, body string) {
	t.Helper()
	out, err := lambdahttp.StreamingHandler(h).Invoke(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return split(t, out)
}

// open returns a stream that the test reads.
func open(t *testing.T, ctx context.Context, h http.HandlerFunc, event []byte) io.ReadCloser {
	t.Helper()
	r, err := lambdahttp.Stream(ctx, h, event)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStream compares whole streams with net/http's answers.
func TestStream(t *testing.T) {
	for name, tt := range map[string]struct {
		method  string
		handler http.HandlerFunc
	}{
		"nothing": {"GET", func(http.ResponseWriter, *http.Request) {}},
		"text":    {"GET", answers["headers"]},
		"bytes":   {"GET", answers["bytes"]},
		"304":     {"GET", answers["nothing"]},
		"204, flushed": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			w.(http.Flusher).Flush()
			if _, err := io.WriteString(w, "body"); !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		}},
		"HEAD, flushed": {"HEAD", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "body")
			w.(http.Flusher).Flush()
			io.WriteString(w, "body")
		}},
		"no type":             {"GET", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html>") }},
		"no type of an empty": {"GET", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
		"HEAD, no type":       {"HEAD", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html>") }},
		"only a flush": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			w.Header().Set("X-Late", "1")
		}},
		"headers after a write": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "a")
			w.Header().Set("Content-Type", "text/html")
			http.SetCookie(w, &http.Cookie{Name: "late", Value: "1"})
			http.NewResponseController(w).Flush()
			io.WriteString(w, "b")
		}},
		"much": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/x")
			for range 300 {
				io.WriteString(w, strings.Repeat("\xff", 100))
			}
			w.Write(bytes.Repeat([]byte{'\xfe'}, 1<<20))
		}},
	} {
		want := overHTTP(t, tt.method, tt.handler)
		for _, door := range streams {
			p, body := whole(t, tt.handler, at(door, tt.method, "/"))
			got := response{StatusCode: p.StatusCode, Headers: p.Headers, Cookies: p.Cookies, Body: body}
			if want.IsBase64Encoded {
				got.Body, got.IsBase64Encoded = base64Of(body), true
			}
			t.Run(door+", "+name, func(t *testing.T) { equal(t, "lambdahttp", got, want) })
		}
	}
}

// TestNoStream: what cannot be streamed is answered whole, and what is no HTTP request is an
// error.
func TestNoStream(t *testing.T) {
	logTo(t, io.Discard)
	for _, door := range []string{"http-api", "http-api-1", "load-balancer", "load-balancer-multi"} {
		out, err := lambdahttp.StreamingHandler(answers["headers"]).Invoke(t.Context(), at(door, "GET", "/"))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "response-"+door+"-headers", out)
	}
	for _, event := range []string{`{"Records": [{"eventSource": "aws:sqs"}]}`, `"text"`, `{`, ``} {
		if out, err := lambdahttp.StreamingHandler(answers["headers"]).Invoke(t.Context(), []byte(event)); err == nil {
			t.Errorf("%s was answered %s", event, out)
		}
	}
	for _, door := range streams {
		bad := bytes.Replace(at(door, "GET", "/"), []byte("{"), []byte(`{"isBase64Encoded": true, "body": "!", `), 1)
		if p, body := whole(t, answers["headers"], bad); p.StatusCode != 400 || !strings.Contains(body, "about:blank") {
			t.Errorf("%s: a bad event was answered %+v %s", door, p, body)
		}
	}
}

// TestStreamFlush: nothing is sent before a flush or a full buffer, and a flush sends all of
// it while the handler runs.
func TestStreamFlush(t *testing.T) {
	for _, door := range streams {
		synctest.Test(t, func(t *testing.T) {
			next := make(chan func(http.ResponseWriter))
			r := open(t, t.Context(), func(w http.ResponseWriter, _ *http.Request) {
				for step := range next {
					step(w)
				}
			}, at(door, "GET", "/"))
			got := make(chan string, 100)
			go func() {
				defer close(got)
				part := make([]byte, 32<<10)
				for {
					n, err := r.Read(part)
					if err != nil {
						return
					}
					got <- string(part[:n])
				}
			}()
			head := "{\"statusCode\":200,\"headers\":{\"Content-Type\":\"text/plain; charset=utf-8\"},\"cookies\":[]}" + strings.Repeat("\x00", 8)
			for _, step := range []struct {
				do   func(http.ResponseWriter)
				want string
			}{
				{func(w http.ResponseWriter) { io.WriteString(w, "a") }, ""},
				{func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, head + "a"},
				{func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, ""},
				{func(w http.ResponseWriter) { io.WriteString(w, "b") }, ""},
				{func(w http.ResponseWriter) { io.WriteString(w, "c"); http.NewResponseController(w).Flush() }, "bc"},
				{func(w http.ResponseWriter) { io.WriteString(w, strings.Repeat("d", 4096)) }, ""},
				{func(w http.ResponseWriter) { io.WriteString(w, "e") }, strings.Repeat("d", 4096)},
			} {
				next <- step.do
				synctest.Wait()
				all := ""
				for len(got) > 0 {
					all += <-got
				}
				if all != step.want {
					t.Errorf("sent %q, want %q", all, step.want)
				}
			}
			close(next)
			synctest.Wait()
			if last := <-got; last != "e" {
				t.Errorf("at the end %q was sent", last)
			}
			if part, more := <-got; more {
				t.Errorf("after the end %q was sent", part)
			}
			r.Close()
		})
	}
}

// TestStreamPanic: before anything is sent, a panic is a 500 without what the handler wrote.
// After that the stream is broken, and not even what is in the buffer is sent.
func TestStreamPanic(t *testing.T) {
	logTo(t, io.Discard)
	for _, door := range streams {
		for name, fail := range map[string]func(){
			"panic": func() { panic("boom") }, "abort": func() { panic(http.ErrAbortHandler) },
		} {
			p, body := whole(t, func(w http.ResponseWriter, _ *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "a", Value: "half"})
				io.WriteString(w, "half a page")
				fail()
			}, at(door, "GET", "/"))
			if p.StatusCode != 500 || len(p.Cookies) != 0 || !strings.HasPrefix(body, `{"type":"about:blank"`) {
				t.Errorf("%s, %s: answered %+v %s", door, name, p, body)
			}
		}
		for name, fail := range map[string]func(){
			"panic": func() { panic("boom") }, "abort": func() { panic(http.ErrAbortHandler) }, "exit": runtime.Goexit,
		} {
			r := open(t, t.Context(), func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "half")
				w.(http.Flusher).Flush()
				io.WriteString(w, " a page")
				fail()
			}, at(door, "GET", "/"))
			out, err := io.ReadAll(r)
			var broken messages.InvokeResponse_Error
			if _, body := split(t, out); body != "half" || !errors.As(err, &broken) || broken.Type != "Function.AnswerBroken" {
				t.Errorf("%s, %s: the stream is %s, %v", door, name, out, err)
			}
			r.Close()
		}
	}
}

// TestStreamDeadline: the request's context ends one second before the function's time, and
// the handler can still write. One that ignores it is neither interrupted nor cut off.
func TestStreamDeadline(t *testing.T) {
	for _, door := range streams {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			r := open(t, ctx, func(w http.ResponseWriter, r *http.Request) {
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				fmt.Fprint(w, time.Since(start), r.Context().Err())
				w.(http.Flusher).Flush()
				time.Sleep(time.Minute)
				fmt.Fprint(w, ", late")
			}, at(door, "GET", "/"))
			out, err := io.ReadAll(r)
			if _, body := split(t, out); err != nil || body != "29s context deadline exceeded, late" {
				t.Errorf("the stream is %s, %v", out, err)
			}
			r.Close()
		})
	}
}

// TestStreamNobodyReads: if aws-lambda-go closes the stream, the handler's writes fail and its
// context ends. Close waits for the handler. synctest finds a goroutine that stays.
func TestStreamNobodyReads(t *testing.T) {
	logTo(t, io.Discard)
	for _, door := range streams {
		for _, flushed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				returned := false
				r := open(t, t.Context(), func(w http.ResponseWriter, r *http.Request) {
					if flushed {
						w.(http.Flusher).Flush()
					}
					var err error
					for err == nil {
						_, err = w.Write(make([]byte, 1000))
					}
					if !errors.Is(err, io.ErrClosedPipe) || r.Context().Err() == nil || http.NewResponseController(w).Flush() == nil {
						t.Errorf("a write ended with %v, the context is %v", err, r.Context().Err())
					}
					time.Sleep(time.Second)
					returned = true
				}, at(door, "GET", "/"))
				if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
					t.Error(err)
				}
				synctest.Wait() // the handler is in a write that nobody reads
				if r.Close(); !returned {
					t.Error("Close did not wait for the handler")
				}
			})
		}
	}
}

// TestStreamContext: the context ends with the handler, also if there is no deadline.
func TestStreamContext(t *testing.T) {
	var request context.Context
	whole(t, func(_ http.ResponseWriter, r *http.Request) {
		if request = r.Context(); request.Err() != nil {
			t.Error(request.Err())
		}
	}, at("function-url", "GET", "/"))
	if request.Err() == nil {
		t.Error("the request's context outlived the request")
	}
}

// TestStreamsAtOnce finds data races, and streams that get the data of others.
func TestStreamsAtOnce(t *testing.T) {
	wait := barrier()
	h := lambdahttp.StreamingHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.Path)
		w.(http.Flusher).Flush()
		wait()
		io.WriteString(w, r.URL.Path)
	}))
	var wg sync.WaitGroup
	for i := range atOnce {
		wg.Go(func() {
			path := fmt.Sprint("/", i)
			out, err := h.Invoke(t.Context(), at(streams[i%2], "GET", path))
			if err != nil || !bytes.HasSuffix(out, []byte("\x00"+path+path)) {
				t.Errorf("%s was answered %q, %v", path, out, err)
			}
		})
	}
	wg.Wait()
}

// TestStreamLargeHeaders: a REST API takes 16 KB before the body. More is answered by a 500,
// whenever it is sent.
func TestStreamLargeHeaders(t *testing.T) {
	logTo(t, io.Discard)
	const most = 16<<10 - len(`{"statusCode":200,"headers":{"X-Large":""},"cookies":[]}`) - 8
	for _, flush := range []bool{false, true} {
		for _, door := range streams {
			for _, size := range []int{1 << 20, most + 1, most} {
				p, body := whole(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Content-Type"] = nil
					w.Header().Set("X-Large", strings.Repeat("x", size))
					io.WriteString(w, "body")
					if flush {
						w.(http.Flusher).Flush()
					}
				}, at(door, "GET", "/"))
				if door == "rest-api" && size > most {
					if p.StatusCode != 500 || p.Headers["X-Large"] != "" || !strings.Contains(body, "about:blank") {
						t.Errorf("%s, %d bytes: answered %.200v %s", door, size, p, body)
					}
				} else if p.StatusCode != 200 || len(p.Headers["X-Large"]) != size || body != "body" {
					t.Errorf("%s, %d bytes: answered %.200v %s", door, size, p, body)
				}
			}
		}
	}
}

// TestLoginInAStream: a login whose cookie would be lost, because the answer has begun, is
// told so.
func TestLoginInAStream(t *testing.T) {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for name, begin := range map[string]func(http.ResponseWriter){
		"write": func(w http.ResponseWriter) { w.Write(nil) },
		"flush": func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"":      func(http.ResponseWriter) {},
	} {
		p, _ := whole(t, func(w http.ResponseWriter, r *http.Request) {
			begin(w)
			if _, err := sessions.Create(w, r, session.User{ID: "u1"}); errors.Is(err, session.ErrTooLate) != (name != "") {
				t.Errorf("after a %s Create returns %v", name, err)
			}
		}, at("function-url", "GET", "/"))
		if len(p.Cookies) == 1 != (name == "") {
			t.Errorf("after a %s the cookies are %v", name, p.Cookies)
		}
	}
}
