package lambdahttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// Options changes what this package does by itself.
type Options struct {
	// Problem writes the answer to a request that the handler could not answer: 400 for a
	// malformed event, 500 for a panic and for a response that is too large. The detail
	// says what is wrong and quotes nothing secret. By default the answer is a problem
	// document (RFC 9457).
	Problem func(w http.ResponseWriter, status int, detail string)

	// HealthPath is the path of a load balancer's health checks, by default /healthz. GET
	// requests to it from a load balancer are answered 200 without the handler. If it is
	// empty, the handler gets them.
	HealthPath string
}

// Start serves h to Lambda. It never returns; outside Lambda it ends the program.
func Start(h http.Handler, options ...func(*Options)) { lambda.Start(Handler(h, options...)) }

// Handler returns h as a Lambda handler. It is safe for concurrent invocations if h
// is. Its Invoke returns an error only for an event that is no HTTP request. If h panics,
// even with [http.ErrAbortHandler], the panic is logged and answered with 500, and
// everything that h had written is dropped.
func Handler(h http.Handler, options ...func(*Options)) lambda.Handler {
	a := adapter{h, Options{Problem: problem, HealthPath: "/healthz"}}
	for _, option := range options {
		option(&a.options)
	}
	return a
}

type adapter struct {
	handler http.Handler
	options Options
}

func (a adapter) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := withEarlierDeadline(ctx)
	defer cancel()
	e, err := parseRequest(payload)
	if err != nil {
		slog.ErrorContext(ctx, "no HTTP request", "error", err)
		return nil, err
	}
	return a.answer(ctx, e).encode(ctx, e.kind)
}

// withEarlierDeadline returns a context that ends early enough to still answer the
// request.
func withEarlierDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Second, time.Until(deadline)/4)))
}

func (a adapter) answer(ctx context.Context, e *event) *responseWriter {
	r, err := e.request(ctx)
	if err != nil {
		slog.WarnContext(ctx, "bad event", "error", err)
		w := newResponseWriter(http.MethodGet)
		a.options.Problem(w, http.StatusBadRequest, err.Error())
		return w
	}
	w := newResponseWriter(r.Method)
	if !a.serve(w, r) {
		w = newResponseWriter(r.Method)
		a.options.Problem(w, http.StatusInternalServerError, "Something went wrong on our side. Try again later.")
	}
	return w
}

// serve reports whether the handler returned without a panic.
func (a adapter) serve(w http.ResponseWriter, r *http.Request) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			slog.ErrorContext(r.Context(), "panic", "panic", fmt.Sprint(v),
				"method", r.Method, "path", r.URL.Path, "stack", string(debug.Stack()))
		}
	}()
	a.handler.ServeHTTP(w, r)
	return true
}
