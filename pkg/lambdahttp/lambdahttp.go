// Package lambdahttp serves a [net/http.Handler] from AWS Lambda, behind an
// API Gateway HTTP API with payload format 2.0: Lambda as one more HTTP server.
// Function URLs and sam local send events of the same format and work as well;
// REST APIs and load balancers do not.
//
// A function's main puts its handler together and ends with
//
//	slog.SetDefault(lambdacontext.NewLogger())
//	lambdahttp.Start(handler)
//
// The context of each request descends from the invocation's, so the logger of
// aws-lambda-go adds the request ID to every line logged with it:
// slog.InfoContext(r.Context(), …). It writes JSON if AWS_LAMBDA_LOG_FORMAT is
// JSON, which Lambda sets for functions whose LoggingConfig says so, else text.
//
// # What the handler sees
//
// What net/http would have shown it. RemoteAddr is the client's address as the
// gateway saw it, with port 0, never one from a forwarding header. Cookies are
// in the Cookie header, wherever the event has them. A header sent twice arrives
// comma-joined, since the gateway joins it, or as two values if the event spells
// its name in two ways; where that matters the handler must refuse both.
//
// The gateway decodes the path, so rawPath is taken as it is: decoding it again
// would let %252e pass the gateway as one path and the handler as another. Hence
// %2F is a slash here, and a function URL, which does not decode, shows the
// handler the escapes themselves. A named stage is part of the path; use $default.
//
// [Authorized] has what the API's authorizer said of the caller, if the route has one.
//
// # Deadlines
//
// The request's context ends a second before the function's time is up, or when
// three quarters of it are gone if that is later, so that a handler whose store
// hangs can still answer 503. It runs in the goroutine of the invocation: one that
// does not heed its context is not interrupted, Lambda kills it, and the client
// gets the gateway's answer instead of ours.
//
// # What is not promised
//
// Bodies are whole, never streamed: there is no Flush, Hijack or ReadFrom. A
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
	"github.com/go-json-experiment/json"
)

// Start serves h to Lambda. It never returns; outside Lambda it ends the program.
func Start(h http.Handler) { lambda.Start(Handler(h)) }

// Handler returns h as a Lambda handler, safe for concurrent invocations if h
// is. Its Invoke never returns an error, because the gateway would turn that into
// an answer without our headers: an event that is no HTTP request is answered
// 400, and a panic in h, [http.ErrAbortHandler] too, is logged and answered 500
// in place of whatever h had written.
func Handler(h http.Handler) lambda.Handler { return adapter{h} }

type adapter struct{ handler http.Handler }

func (a adapter) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := withMargin(ctx)
	defer cancel()
	return json.Marshal(a.answer(ctx, payload))
}

// withMargin ends ctx early enough to still answer the request.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Second, time.Until(deadline)/4)))
}

func (a adapter) answer(ctx context.Context, payload []byte) response {
	r, err := newRequest(ctx, payload)
	if err != nil {
		slog.WarnContext(ctx, "bad event", "error", err)
		w := newResponseWriter(http.MethodGet)
		problem(w, http.StatusBadRequest, err.Error())
		return w.response(ctx)
	}
	w := newResponseWriter(r.Method)
	if !a.serve(w, r) {
		w = newResponseWriter(r.Method)
		problem(w, http.StatusInternalServerError, "Something went wrong on our side. Try again later.")
	}
	return w.response(ctx)
}

// serve reports whether the handler came to its end without a panic.
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
