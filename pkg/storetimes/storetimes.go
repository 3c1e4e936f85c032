// Package storetimes tells CloudWatch how long the calls of a DynamoDB client take: one line a
// request, in CloudWatch's embedded metric format, from which CloudWatch makes the metric
// StoreTime. The log of a Lambda function is all that it needs, and no call.
//
// A program measures by giving the client [Measure], and its requests by [Times.Handler] or
// [Times.Begin]. What it calls outside of these is not measured.
//
// This package may still change in ways that break programs.
package storetimes

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// most is how many values a metric may have in one line, as the format's specification says.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
const most = 100

// Times writes the times of the calls of each request.
type Times struct {
	namespace string
	logger    *slog.Logger
}

// New returns a Times whose metric is in that namespace of CloudWatch. The logger has to write
// JSON, with attributes at the top level, as lambdacontext.NewLogger does on Lambda; nil means
// slog.Default(). If the namespace is empty, nothing is measured and nothing is written.
func New(namespace string, logger *slog.Logger) *Times {
	return &Times{namespace, cmp.Or(logger, slog.Default())}
}

// Handler returns a handler that writes one line when next has returned, if next has made calls.
func (t *Times) Handler(next http.Handler) http.Handler {
	if t.namespace == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := t.Begin(r.Context())
		defer end()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Authorizer does what Handler does, for a Lambda authorizer.
func (t *Times) Authorizer(next func(*http.Request) (map[string]string, error)) func(*http.Request) (map[string]string, error) {
	return func(r *http.Request) (map[string]string, error) {
		ctx, end := t.Begin(r.Context())
		defer end()
		return next(r.WithContext(ctx))
	}
}

// Begin returns a context whose calls are measured, and a function that writes their times, if
// there are any. Call it once, when the request is over.
func (t *Times) Begin(ctx context.Context) (measured context.Context, end func()) {
	if t.namespace == "" {
		return ctx, func() {}
	}
	calls := &calls{}
	return context.WithValue(ctx, key{}, calls), func() { t.write(ctx, calls) }
}

type key struct{}

// calls are the calls of one request, which may be made at the same time.
type calls struct {
	mu    sync.Mutex
	times []float64 // in milliseconds
	names []string
	count int
}

func (c *calls) add(name string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count++; len(c.times) == most {
		return
	}
	c.times = append(c.times, float64(took.Microseconds())/1000)
	c.names = append(c.names, name)
}

// Measure makes an AWS client measure its calls, with all their tries: append it to the
// APIOptions of the client's Options.
func Measure(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("StoreTimes", measure), middleware.After)
}

func measure(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	calls, ok := ctx.Value(key{}).(*calls)
	if !ok {
		return next.HandleInitialize(ctx, in)
	}
	began := time.Now()
	out, metadata, err := next.HandleInitialize(ctx, in)
	calls.add(awsmiddleware.GetOperationName(ctx), time.Since(began))
	return out, metadata, err
}

// The format's own words. A line may have other members beside them.
type (
	aws struct {
		Timestamp         int64 // Unix milliseconds
		CloudWatchMetrics []directive
	}
	directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []metric
	}
	metric struct{ Name, Unit string }
)

// Each further dimension would be a metric more for each of its values, and CloudWatch bills by
// the metric. The format wants one.
var (
	dimensions = [][]string{{"Store"}}
	metrics    = []metric{{"StoreTime", "Milliseconds"}}
)

func (t *Times) write(ctx context.Context, c *calls) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == 0 {
		return
	}
	t.logger.LogAttrs(ctx, slog.LevelInfo, "store_times",
		slog.Any("_aws", aws{time.Now().UnixMilli(), []directive{{t.namespace, dimensions, metrics}}}),
		slog.String("Store", "DynamoDB"), slog.Any("StoreTime", c.times),
		slog.Int("calls", c.count), slog.Any("operations", c.names))
}
