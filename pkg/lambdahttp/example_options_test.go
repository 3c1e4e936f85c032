package lambdahttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/coatcheck/pkg/lambdahttp"
)

// A program shows its own page where the handler has no answer: after a panic, and for a
// request that is malformed. It lets a load balancer check another path, for which the handler
// is not called. Its main passes the same options to [Start].
func ExampleOptions() {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })
	h := lambdahttp.Handler(handler, func(o *lambdahttp.Options) {
		o.HealthPath = "/up"
		o.Problem = func(w http.ResponseWriter, status int, detail string) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			fmt.Fprintf(w, "<!doctype html><title>%s</title><p>We are sorry.\n", http.StatusText(status))
		}
	})

	for _, request := range []string{
		`"path": "/profile", "headers": {"host": "app.example.com"}`,
		`"path": "/%", "headers": {"host": "app.example.com"}`,
		`"path": "/up", "headers": {"user-agent": "ELB-HealthChecker/2.0"}`,
	} {
		answer, err := h.Invoke(context.Background(), []byte(`{"httpMethod": "GET", `+request+`, "requestContext": {"elb": {}}}`))
		var a events.ALBTargetGroupResponse
		if err != nil || json.Unmarshal(answer, &a) != nil {
			log.Fatal(string(answer), err)
		}
		fmt.Print(a.StatusDescription, ": ", a.Body)
	}
	// Output:
	// 500 Internal Server Error: <!doctype html><title>Internal Server Error</title><p>We are sorry.
	// 400 Bad Request: <!doctype html><title>Bad Request</title><p>We are sorry.
	// 200 OK: ok
}

// A handler tells the time, ten times, and each time the client sees it at once. It is
// compiled and not run, because it runs in Lambda.
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
