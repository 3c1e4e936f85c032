package lambdahttp_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
)

// A program shows its own page where the handler has no answer, and lets a load balancer
// check another path.
func ExampleOptions() {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })
	lambdahttp.Start(handler, func(o *lambdahttp.Options) {
		o.HealthPath = "/up"
		o.Problem = func(w http.ResponseWriter, status int, detail string) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			fmt.Fprintf(w, "<!doctype html><title>%s</title><p>We are sorry.", http.StatusText(status))
		}
	})
}

// A handler tells the time, ten times, and each time the client sees it at once.
func ExampleStartStreaming() {
	lambdahttp.StartStreaming(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w).Flush
		for range 10 {
			fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.TimeOnly))
			if flush() != nil {
				return // nobody reads any more
			}
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done(): // one second before the function's timeout
				return
			}
		}
	}))
}

// A test of a program's handler needs no server and no Lambda.
func ExampleHandler() {
	h := lambdahttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		w.WriteHeader(http.StatusNoContent)
	}))
	answer, err := h.Invoke(context.Background(), []byte(`{"version": "2.0", "rawPath": "/theme", "requestContext": {"http": {"method": "POST"}}}`))
	fmt.Println(string(answer), err)
	// Output: {"statusCode":204,"headers":{},"cookies":["theme=dark"],"body":"","isBase64Encoded":false} <nil>
}
