package lambdahttp_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"example.com/coatcheck/pkg/lambdahttp"
)

// TestLogger: what goes wrong is told to the logger that was passed, and to no other.
func TestLogger(t *testing.T) {
	var own, elsewhere bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&elsewhere, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	logged := func(o *lambdahttp.Options) { o.Logger = slog.New(slog.NewTextHandler(&own, nil)) }
	broken := func(o *lambdahttp.Options) {
		logged(o)
		o.Problem = func(http.ResponseWriter, int, string) { panic("no problem") }
	}
	const (
		good = `{"version": "2.0", "rawPath": "/", "headers": {"host": "app.example.com"}, "requestContext": {"http": {"method": "GET", "sourceIp": "192.0.2.7"}}}`
		asks = `{"version": "2.0", "type": "REQUEST", "routeArn": "arn:aws:execute-api:eu-west-1:123456789012:r3pmxmplak/$default/GET/orders", "rawPath": "/orders",
			"headers": {"host": "app.example.com"}, "requestContext": {"http": {"method": "GET", "sourceIp": "192.0.2.7"}}}`
	)
	bad := strings.Replace(good, `"GET"`, `"GET /"`, 1)
	answer := func(f http.HandlerFunc, o func(*lambdahttp.Options)) lambda.Handler { return lambdahttp.Handler(f, o) }
	panics := func(http.ResponseWriter, *http.Request) { panic("no answer") }
	for name, test := range map[string]struct {
		handler       lambda.Handler
		payload, says string
	}{
		"no event":      {answer(panics, logged), `{}`, "lambda_event_unknown"},
		"a bad event":   {answer(panics, logged), bad, "input_validation_fail"},
		"a panic":       {answer(panics, logged), good, "sys_crash"},
		"two panics":    {answer(panics, broken), good, "no problem"},
		"too large":     {answer(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 7<<20)) }, logged), good, "response_too_large"},
		"too short":     {answer(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5") }, logged), good, "response_incomplete"},
		"a header":      {answer(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "a\x00") }, logged), good, "response_header_dropped"},
		"a stream":      {lambdahttp.StreamingHandler(http.HandlerFunc(panics), logged), good, "no answer"},
		"no question":   {lambdahttp.AuthorizerHandler(nil, logged), good, "authorizer failed"},
		"a failed yes":  {lambdahttp.AuthorizerHandler(func(*http.Request) (map[string]string, error) { return nil, errors.New("outage") }, logged), asks, "outage"},
		"a panicked no": {lambdahttp.AuthorizerHandler(func(*http.Request) (map[string]string, error) { panic("nobody") }, logged), asks, "nobody"},
	} {
		own.Reset()
		test.handler.Invoke(t.Context(), []byte(test.payload))
		if !strings.Contains(own.String(), test.says) || elsewhere.Len() > 0 {
			t.Errorf("%s: the logger got %.300q, and another %.300q; want %q", name, own.String(), elsewhere.String(), test.says)
			elsewhere.Reset()
		}
	}
}
