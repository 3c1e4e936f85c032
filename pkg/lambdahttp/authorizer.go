package lambdahttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/go-json-experiment/json"
)

// ErrNotAuthorized is what an Authorizer returns for a request whose caller it does
// not know.
var ErrNotAuthorized = errors.New("not authorized")

// Authorizer decides who a request comes from. The gateway passes the result to the
// function behind it, which gets it from [Authorized]. ErrNotAuthorized means that
// the request must not reach that function. Any other error means that the
// Authorizer could not decide.
type Authorizer func(*http.Request) (caller map[string]string, err error)

// StartAuthorizer serves a to Lambda as the authorizer of an HTTP API, with payload
// format 2.0 and simple responses. It never returns; outside Lambda it ends the
// program.
//
// The request has a URL and headers, with cookies in the Cookie header wherever the
// event has them, and no body. A request is allowed only if a returns a result that
// is not empty, and no error. An event that is not a request, a panic, a deadline
// and an outage are errors of the invocation. They say nothing about the session.
// The gateway answers them with 500 and does not call the function behind it.
func StartAuthorizer(a Authorizer) { lambda.Start(a) }

// authorization is what API Gateway calls a simple response.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
type authorization struct {
	IsAuthorized bool              `json:"isAuthorized"`
	Context      map[string]string `json:"context,omitempty"`
}

// Invoke implements [lambda.Handler].
func (a Authorizer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := withEarlierDeadline(ctx)
	defer cancel()
	caller, err := a.decide(ctx, payload)
	switch {
	case errors.Is(err, ErrNotAuthorized):
		return json.Marshal(authorization{})
	case err != nil:
		slog.ErrorContext(ctx, "authorizer failed", "error", err)
		return nil, err
	}
	return json.Marshal(authorization{IsAuthorized: true, Context: caller})
}

func (a Authorizer) decide(ctx context.Context, payload []byte) (caller map[string]string, err error) {
	defer func() {
		if v := recover(); v != nil {
			slog.ErrorContext(ctx, "panic", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			caller, err = nil, errors.New("the authorizer panicked")
		}
	}()
	e, err := parse(payload)
	if err != nil {
		return nil, err
	}
	r, err := e.request(ctx)
	if err != nil {
		return nil, err
	}
	caller, err = a(r)
	if err == nil && len(caller) == 0 {
		err = errors.New("the authorizer said yes to nobody")
	}
	return caller, err
}

// Authorized returns what the API's authorizer said about the caller, given the
// request's context. It is empty if there was no authorizer. The gateway puts this
// into the event, and a client cannot send it.
func Authorized(ctx context.Context) map[string]string {
	e := eventOf(ctx)
	if len(e.RequestContext.Authorizer) == 0 {
		return nil
	}
	var said struct {
		Lambda map[string]any `json:"lambda"`
	}
	if e.kind == httpAPI {
		json.Unmarshal(e.RequestContext.Authorizer, &said)
	} else {
		json.Unmarshal(e.RequestContext.Authorizer, &said.Lambda)
	}
	caller := map[string]string{}
	for name, value := range said.Lambda {
		if text, ok := value.(string); ok {
			caller[name] = text
		}
	}
	return caller
}
