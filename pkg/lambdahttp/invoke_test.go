package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
)

func TestPanicIsLoggedAndAnswered(t *testing.T) {
	want := response{StatusCode: 500, Headers: map[string]string{
		"Cache-Control":                "no-store",
		"Content-Security-Policy":      "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"Content-Type":                 "application/problem+json",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "same-origin",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	}, Body: `{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"Something went wrong on our side. Try again later."}` + "\n"}
	for _, value := range []any{"some string", errors.New("some error"), http.ErrAbortHandler, 42} {
		t.Run(fmt.Sprint(value), func(t *testing.T) {
			var log bytes.Buffer
			logTo(t, &log)
			got := respondTo(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "a", Value: "half"})
				w.Header().Set("X-Half", "1")
				w.WriteHeader(200)
				io.WriteString(w, "half a page")
				panic(value)
			})
			equal(t, "lambdahttp", got, want)

			var line struct{ Level, Msg, Panic, Method, Path, Stack string }
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatalf("not one line of JSON: %v\n%s", err, &log)
			}
			if line.Level != "ERROR" || line.Panic != fmt.Sprint(value) || line.Method != "GET" || line.Path != "/profile" ||
				!strings.Contains(line.Stack, "TestPanicIsLoggedAndAnswered") {
				t.Errorf("logged %+v", line)
			}
		})
	}
}

func TestNextInvocationAfterPanic(t *testing.T) {
	logTo(t, io.Discard)
	calls := 0
	h := lambdahttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			panic("first call")
		}
		w.WriteHeader(204)
	}))
	for i, want := range []string{`"statusCode":500`, `"statusCode":204`} {
		out, err := h.Invoke(t.Context(), event("GET"))
		if err != nil || !bytes.Contains(out, []byte(want)) {
			t.Errorf("invocation %d: %v, %s, want %s", i+1, err, out, want)
		}
	}
}

func TestInvalidStatus(t *testing.T) {
	logTo(t, io.Discard)
	for _, status := range []int{-1, 0, 99, 600, 1000} {
		got := respondTo(t, "GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if got.StatusCode != 500 {
			t.Errorf("WriteHeader(%d) was answered %d, want 500", status, got.StatusCode)
		}
	}
}

// TestDeadline uses a handler that waits until its context ends, as if its store
// hung. The answer must still come in time for the gateway.
func TestDeadline(t *testing.T) {
	for _, test := range []struct{ function, handler time.Duration }{
		{30 * time.Second, 29 * time.Second},
		{5 * time.Second, 4 * time.Second},
		{4 * time.Second, 3 * time.Second},
		{2 * time.Second, 1500 * time.Millisecond},
		{100 * time.Millisecond, 75 * time.Millisecond},
		{0, 0},
	} {
		t.Run(test.function.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), test.function)
				defer cancel()
				out := invoke(t, ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					if took := time.Since(start); took != test.handler || r.Context().Err() != context.DeadlineExceeded {
						t.Errorf("the request's context ended after %v (%v), want %v", took, r.Context().Err(), test.handler)
					}
					w.WriteHeader(503)
				}), event("GET"))
				if !bytes.Contains(out, []byte(`"statusCode":503`)) {
					t.Errorf("answered %s, want a 503", out)
				}
			})
		})
	}
}

func TestNoDeadline(t *testing.T) {
	var request context.Context
	respondTo(t, "GET", func(_ http.ResponseWriter, r *http.Request) {
		request = r.Context()
		if _, ok := request.Deadline(); ok || request.Err() != nil {
			t.Errorf("a deadline or an error (%v) where the invocation has none", request.Err())
		}
	})
	if request.Err() == nil {
		t.Error("the request's context outlived the request")
	}
}

// TestConcurrentInvocations finds data races, and requests that get the data of
// others.
func TestConcurrentInvocations(t *testing.T) {
	h := lambdahttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Method) }))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			method := fmt.Sprintf("M%d", i)
			out, err := h.Invoke(t.Context(), event(method))
			if err != nil || !bytes.Contains(out, []byte(`"body":"`+method+`"`)) {
				t.Errorf("%s was answered %s, %v", method, out, err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkInvoke(b *testing.B) {
	benchmarkInvoke(b, read(b, "testdata/get-cookies.event.json"))
}

// BenchmarkKinds is the same for an event of each kind.
func BenchmarkKinds(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind, func(b *testing.B) { benchmarkInvoke(b, read(b, "testdata/requests/"+kind+"-cookies.event.json")) })
	}
}

func benchmarkInvoke(b *testing.B, payload []byte) {
	h := lambdahttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"user_id":"u1"}`)
	}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
}
