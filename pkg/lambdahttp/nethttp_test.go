package lambdahttp_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
)

// brokenAnswers are handlers whose answer is not complete, and whose only word for it is what
// a server of net/http understands: it breaks the connection, so that the client sees that
// something is missing.
func brokenAnswers(t *testing.T) map[string]http.HandlerFunc {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(broken.Close)
	target, err := url.Parse(broken.URL)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]http.HandlerFunc{
		"a proxy whose target breaks": httputil.NewSingleHostReverseProxy(target).ServeHTTP,
		"a file that ends too early": func(w http.ResponseWriter, r *http.Request) {
			content := io.NewSectionReader(readerAt{iotest.ErrReader(errors.New("gone"))}, 0, 1<<16)
			http.ServeContent(w, r, "a.txt", time.Time{}, content)
		},
		"less than was said": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "half")
		},
		"nothing of what was said": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5") },
		"more than was said": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "half")
			if n, err := w.Write([]byte("half")); n != 0 || !errors.Is(err, http.ErrContentLength) {
				t.Errorf("wrote %d more bytes, %v", n, err)
			}
		},
	}
}

// TestFraming: how an answer is framed is not the handler's to say, and trailers are not sent.
func TestFraming(t *testing.T) {
	h := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Transfer-Encoding", "chunked")
		w.Header()["trailer"] = []string{"X-Checksum"}
		w.Header().Set("Allow", "GET")
		io.WriteString(w, "body")
		w.Header().Set("X-Checksum", "1")
		w.Header().Set(http.TrailerPrefix+"X-More", "1")
	}
	var log bytes.Buffer
	logTo(t, &log)
	for door := range doors {
		if out := invoke(t, t.Context(), http.HandlerFunc(h), at(door, "GET", "/")); hasFraming(out) || !bytes.Contains(out, []byte(`"Allow"`)) {
			t.Errorf("%s: answered %s", door, out)
		}
	}
	for _, door := range streams {
		if p, body := whole(t, h, at(door, "GET", "/")); len(p.Headers) != 2 || body != "body" {
			t.Errorf("%s: a stream of %+v %s", door, p, body)
		}
	}
	if log.Len() != 0 {
		t.Errorf("logged %s", &log)
	}
}

func hasFraming(answer []byte) bool {
	return bytes.Contains(answer, []byte("ransfer")) || bytes.Contains(answer, []byte("railer")) || bytes.Contains(answer, []byte("X-"))
}

// TestNoBody: an empty body is what net/http has for it, which proxies look for.
func TestNoBody(t *testing.T) {
	for door := range doors {
		invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Body != http.NoBody || r.ContentLength != 0 {
				t.Errorf("%s: the body is %v with a length of %d", door, r.Body, r.ContentLength)
			}
		}), at(door, "GET", "/"))
	}
}

// TestSpellingsOfAHeader: lines of a header that are not beside each other leave what is
// between them alone.
func TestSpellingsOfAHeader(t *testing.T) {
	event := strings.Replace(doors["http-api"], `"headers": {`, `"headers": {"x-a": "1", "x-b": "2", "X-A": "3", "x-c": "4", `, 1)
	invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name, want := range map[string][]string{"X-A": {"1", "3"}, "X-B": {"2"}, "X-C": {"4"}} {
			if got := r.Header[name]; !slices.Equal(got, want) {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	}), []byte(event))
}

// TestNullHeaders: a value that is null is no value, and spoils no request.
func TestNullHeaders(t *testing.T) {
	for _, member := range []string{"headers", "multiValueHeaders"} {
		event := `{"httpMethod": "GET", "path": "/", "requestContext": {"elb": {}},
			"` + member + `": {"x-a": null, "x-b": [null, "1", null], "x-c": []}, "queryStringParameters": {"a": null, "b": "2"}}`
		called := false
		invoke(t, t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			called = len(r.Header) == 1 && slices.Equal(r.Header["X-B"], []string{"1"}) && r.URL.RawQuery == "b=2"
		}), []byte(event))
		if !called {
			t.Errorf("the handler was not called, or not with what is not null in %s", event)
		}
	}
}

// TestControlCharactersInAQuery: net/http reads no such request.
func TestControlCharactersInAQuery(t *testing.T) {
	logTo(t, io.Discard)
	for _, query := range []string{"a=\x00", "a=\n", "a=\x1f", "a=\x7f", "\x7f"} {
		for _, kind := range []string{"http-api", "function-url", "load-balancer", "load-balancer-multi"} {
			s := plain
			s.query = query
			if status, _ := statusOf(t, t.Context(), http.NotFoundHandler(), s.encode(kind)); status != 400 {
				t.Errorf("%s, %q: answered %d", kind, query, status)
			}
		}
	}
}

// readerAt reads from wherever it is.
type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

// TestBrokenAnswers: no client is told that half an answer is all of it, as with net/http.
func TestBrokenAnswers(t *testing.T) {
	logTo(t, io.Discard)
	for name, h := range brokenAnswers(t) {
		server := httptest.NewServer(h)
		resp, err := http.Get(server.URL)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: net/http sends it as complete", name)
		}
		server.Close()
		for door := range doors {
			var log bytes.Buffer
			logTo(t, &log)
			if out := invoke(t, t.Context(), h, at(door, "GET", "/")); status(t, out) != 500 || bytes.Contains(out, []byte("half")) || log.Len() == 0 {
				t.Errorf("%s, %s: answered %s, log: %s", door, name, out, &log)
			}
		}
		for _, door := range streams {
			for _, begun := range []bool{false, true} {
				r := open(t, t.Context(), func(w http.ResponseWriter, r *http.Request) {
					if begun {
						w = flushed{w}
					}
					h(w, r)
				}, at(door, "GET", "/"))
				out, err := io.ReadAll(r)
				var broken messages.InvokeResponse_Error
				if p, _ := split(t, out); !errors.As(err, &broken) && p.StatusCode != 500 {
					t.Errorf("%s, %s: the stream is %s, %v", door, name, out, err)
				}
				r.Close()
			}
		}
	}
}

// flushed sends the headers with the status, or before the body.
type flushed struct{ http.ResponseWriter }

func (w flushed) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	w.ResponseWriter.(http.Flusher).Flush()
}

func (w flushed) Write(p []byte) (int, error) {
	w.ResponseWriter.(http.Flusher).Flush()
	return w.ResponseWriter.Write(p)
}

// TestContentLength: what a handler says of its answer's length is sent if it is true, or if
// there is no body to compare, and what is no length is left out, as net/http does.
func TestContentLength(t *testing.T) {
	for name, tt := range map[string]struct {
		method, length string
		status         int
		body, want     string
	}{
		"true":          {"GET", "4", 200, "body", "4"},
		"HEAD":          {"HEAD", "4", 200, "", "4"},
		"HEAD, written": {"HEAD", "4", 200, "body", "4"},
		"304":           {"GET", "4", 304, "", "4"},
		"no number":     {"GET", "four", 200, "body", ""},
		"negative":      {"GET", "-4", 200, "body", ""},
		"too large":     {"GET", "9223372036854775808", 200, "body", ""},
		"nothing":       {"GET", "0", 200, "", "0"},
	} {
		logTo(t, io.Discard)
		h := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", tt.length)
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.body)
		}
		if got := respondTo(t, tt.method, h); got.StatusCode != tt.status || got.Headers["Content-Length"] != tt.want {
			t.Errorf("%s: answered %+v", name, got)
		}
		for _, door := range streams {
			if got, _ := whole(t, h, at(door, tt.method, "/")); got.StatusCode != tt.status || got.Headers["Content-Length"] != tt.want {
				t.Errorf("%s, %s: a stream of %+v", door, name, got)
			}
		}
	}
}
