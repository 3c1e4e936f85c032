// Package lambdahttp serves a [net/http.Handler] from AWS Lambda, behind an API
// Gateway HTTP API with payload format 2.0. Function URLs and sam local send events
// of the same format and work as well; REST APIs and load balancers do not.
//
// A function's main builds its handler and ends with
//
//	slog.SetDefault(lambdacontext.NewLogger())
//	lambdahttp.Start(handler)
//
// The context of each request is derived from the invocation's. So the logger of
// aws-lambda-go adds the request ID to every line that is logged with it:
// slog.InfoContext(r.Context(), …). The logger writes JSON if AWS_LAMBDA_LOG_FORMAT
// is JSON, else text. Lambda sets this variable from the function's LoggingConfig.
//
// # What the handler sees
//
// The handler sees what net/http would have shown it. RemoteAddr is the client's
// address as the gateway saw it, in one spelling and with port 0, whether or not the
// event has a port; it is "unknown:0" if the event has no address. It is never an
// address from a forwarding header. Cookies are in the Cookie header, wherever the event has them.
// If a client sends a header twice, its values arrive as one, joined with a comma,
// because the gateway joins them. They arrive as two values if the event spells the
// name in two ways. Where that matters, the handler must refuse both.
//
// The gateway decodes the path, so rawPath is taken as it is. If it were decoded
// again, the gateway and the handler would see %252e as different paths. So the
// handler sees %2F as a slash. A function URL does not decode the path, so its
// handler sees the escapes themselves. A named stage is part of the path; use
// $default.
//
// [Authorized] returns what the API's authorizer said about the caller, if the route
// has an authorizer.
//
// # Deadlines
//
// The request's context ends one second before the function's timeout, or when three
// quarters of the time have passed if that is later. So a handler whose store hangs
// can still answer 503. The handler runs in the goroutine of the invocation. If it
// ignores its context, it is not interrupted: Lambda kills it, and the client gets
// the gateway's answer instead of ours.
//
// # What is not promised
//
// Bodies are sent whole, never streamed: there is no Flush, Hijack or ReadFrom. A
// missing Content-Type is not guessed. Informational responses are dropped.
//
// This package may still change in ways that break programs.
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
