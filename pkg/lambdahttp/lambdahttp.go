package lambdahttp

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"example.com/coatcheck/pkg/events"
)

// Options changes what this package does by itself. A program changes it in a function that
// it passes to [Start], [Handler], [StartStreaming] or [StreamingHandler].
type Options struct {
	// Problem writes the answer where the handler cannot: 400 for an event whose request is
	// malformed, 500 for a handler that panicked, and for an answer that is too large or not
	// complete. It should write the status that it is given. The detail is a sentence for the
	// client and quotes nothing secret. If Problem panics, writes nothing, too much or not all
	// that it has said, or is nil, the answer is the default: a problem document (RFC 9457)
	// with headers that forbid to store, frame and sniff it.
	Problem func(w http.ResponseWriter, status int, detail string)

	// HealthPath is where a load balancer checks the health of its targets, by default
	// /healthz. It has to be the path in the target group's health check. The answer is 200
	// without a call of the handler, so it says that the function runs, and nothing else.
	// Only GET and HEAD requests from a load balancer whose User-Agent begins with
	// ELB-HealthChecker/ are answered so: to everybody else the path belongs to the handler,
	// behind every front door. If HealthPath is empty, the handler gets health checks as
	// well. They have no Host and no client address.
	HealthPath string

	// Logger receives what goes wrong before the handler is called and after it has returned,
	// and its panics. The default is slog.Default().
	Logger *slog.Logger
}

// Start serves h to Lambda. It logs sys_startup once, since the program is ready: that is a cold
// start. It never returns; outside Lambda it ends the program. What [Handler] says holds for it.
func Start(h http.Handler, options ...func(*Options)) {
	a := newAdapter(h, options)
	logStartup(a.log)
	lambda.Start(a)
}

// began is when this package was initialised, which is before the program's main begins. What
// the system needs to load the program comes before it.
var began = time.Now()

// logStartup logs that the program is ready, and how many milliseconds that took.
func logStartup(log *slog.Logger) {
	events.Log(context.Background(), log, "sys_startup", "init_ms", time.Since(began).Milliseconds())
}

// Handler returns h as a Lambda handler. It is safe for concurrent invocations if h
// is. Its Invoke returns an error only for an event that is no HTTP request. If h panics,
// even with [http.ErrAbortHandler], or writes more or less than its Content-Length says, that
// is logged and answered with 500, and everything that h had written is dropped.
//
// The answer has the shape that the event's front door wants:
//
//   - Several values of a header are joined with commas, or stay a list for a REST API, for
//     payload format 1.0 and for a load balancer with multi-value headers. Cookies are always
//     separate. A load balancer without multi-value headers takes one value for each name:
//     the second cookie is spelled set-Cookie, and so on. That works, but AWS does not
//     promise it, so turn multi-value headers on.
//   - The answer to HEAD, and 204 and 304, have no body, whatever h writes.
//   - A body that is not valid UTF-8, such as an image or gzip, is sent in base64, which every
//     front door decodes. A REST API decodes it only if its binaryMediaTypes match the first
//     type in the request's Accept header; without them, the client gets base64. A browser
//     needs */*. This holds whatever Content-Encoding says.
//   - Lambda takes 6,291,556 bytes, and a load balancer 1 MB (1,048,576 bytes) of JSON, with
//     all headers, and with base64 or escapes in the body. An answer that is larger is logged
//     with its size, and replaced by a 500.
//   - A missing Content-Type is guessed from the body's first 512 bytes, as by
//     [http.DetectContentType], unless the header is nil or there is a Content-Encoding.
//   - Line breaks in a header's value become spaces. A value with other control characters
//     than tabs, or that is not UTF-8, and a name that is not valid are logged and left out.
//     Transfer-Encoding and Trailer are left out, too, since the front door frames
//     the answer and sends no trailers. REST APIs and function URLs rename WWW-Authenticate to
//     X-Amzn-Remapped-Www-Authenticate (for HTTP APIs reports differ), and Connection, Date
//     and Server in the same way. A load balancer may change the order of headers.
func Handler(h http.Handler, options ...func(*Options)) lambda.Handler {
	return newAdapter(h, options)
}

type adapter struct {
	handler http.Handler
	options Options
	log     *slog.Logger
}

func newAdapter(h http.Handler, options []func(*Options)) adapter {
	a := adapter{handler: h, options: Options{Problem: problem, HealthPath: "/healthz"}}
	for _, option := range options {
		option(&a.options)
	}
	if a.options.Problem == nil {
		a.options.Problem = problem
	}
	a.log = cmp.Or(a.options.Logger, slog.Default())
	return a
}

func (a adapter) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e, err := a.readEvent(ctx, payload)
	if err != nil {
		return nil, err
	}
	return a.answer(ctx, e), nil
}

func (a adapter) readEvent(ctx context.Context, payload []byte) (*event, error) {
	e, err := parseRequest(payload)
	if err != nil {
		events.Log(ctx, a.log, "lambda_event_unknown", "error", err)
	}
	return e, err
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

// answer returns the whole answer to an event.
func (a adapter) answer(ctx context.Context, e *event) []byte {
	ctx, cancel := withEarlierDeadline(ctx)
	defer cancel()
	w := a.respond(ctx, e)
	out := w.encode(ctx, e.kind)
	if limit := e.kind.limit(); len(out) > limit {
		events.Log(ctx, a.log, "response_too_large", "bytes", len(out), "limit", limit,
			"body", w.body.Len(), "status", w.status, "method", w.method)
		const detail = "The answer is too large to be sent."
		out = a.problem(ctx, w.method, http.StatusInternalServerError, detail).encode(ctx, e.kind)
		if len(out) > limit {
			out = a.defaultProblem(w.method, http.StatusInternalServerError, detail).encode(ctx, e.kind)
		}
	}
	return out
}

func (a adapter) respond(ctx context.Context, e *event) *responseWriter {
	r, err := e.request(ctx)
	if err != nil {
		return a.badEvent(ctx, err)
	}
	w := newResponseWriter(r.Method, a.log)
	if !a.serve(e, w, r) {
		return a.failed(r)
	}
	return w
}

// finisher is what a handler writes its answer to. See [responseWriter.finish].
type finisher interface {
	http.ResponseWriter
	finish() error
}

// serve reports whether the request was answered, without a panic and with all of the answer.
func (a adapter) serve(e *event, w finisher, r *http.Request) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			a.logPanic(r.Context(), v, "method", r.Method, "path", r.URL.Path)
		}
	}()
	if a.isHealthCheck(e, r) {
		writeHealth(w)
	} else {
		a.handler.ServeHTTP(w, r)
	}
	err := w.finish()
	if err != nil {
		events.Log(r.Context(), a.log, "response_incomplete", "error", err, "method", r.Method, "path", r.URL.Path)
	}
	return err == nil
}

func writeHealth(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}

func (a adapter) logPanic(ctx context.Context, v any, args ...any) {
	events.Log(ctx, a.log, "sys_crash", append(args, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))...)
}

// isHealthCheck reports whether a load balancer asks whether the function runs.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html#enable-health-checks-lambda
func (a adapter) isHealthCheck(e *event, r *http.Request) bool {
	return (e.kind == loadBalancer || e.kind == loadBalancerMulti) && r.URL.Path == a.options.HealthPath &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.HasPrefix(r.UserAgent(), "ELB-HealthChecker/")
}
