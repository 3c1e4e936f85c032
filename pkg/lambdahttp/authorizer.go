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

// ErrNotAuthorized is an authorizer's answer to a request that comes from nobody
// it knows.
var ErrNotAuthorized = errors.New("not authorized")

// Authorizer decides who a request comes from. What it returns is told to the
// function behind the gateway, which has it from [Authorized]. ErrNotAuthorized
// means that the request must not get there; any other error, that nobody knows.
type Authorizer func(*http.Request) (who map[string]string, err error)

// StartAuthorizer serves a to Lambda as the authorizer of an HTTP API, with payload
// format 2.0 and simple responses. It never returns; outside Lambda it ends the
// program.
//
// The request has a URL and headers, cookies among them wherever the event has
// them, and no body. A says yes only by returning somebody and no error. An event
// that is no request, a panic, a deadline and an outage are errors of the
// invocation, which the gateway answers with 500: they are no verdict on the
// session, and the function behind is not called.
func StartAuthorizer(a Authorizer) { lambda.Start(a) }

// authorization is a simple response.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
type authorization struct {
	IsAuthorized bool              `json:"isAuthorized"`
	Context      map[string]string `json:"context,omitempty"`
}

// Invoke implements [lambda.Handler].
func (a Authorizer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := withMargin(ctx)
	defer cancel()
	who, err := a.decide(ctx, payload)
	switch {
	case errors.Is(err, ErrNotAuthorized):
		return json.Marshal(authorization{})
	case err != nil:
		slog.ErrorContext(ctx, "authorizer failed", "error", err)
		return nil, err
	}
	return json.Marshal(authorization{IsAuthorized: true, Context: who})
}

func (a Authorizer) decide(ctx context.Context, payload []byte) (who map[string]string, err error) {
	defer func() {
		if v := recover(); v != nil {
			slog.ErrorContext(ctx, "panic", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			who, err = nil, errors.New("the authorizer panicked")
		}
	}()
	r, err := newRequest(ctx, payload)
	if err != nil {
		return nil, err
	}
	who, err = a(r)
	if err == nil && len(who) == 0 {
		err = errors.New("the authorizer said yes to nobody")
	}
	return who, err
}

type authorizedKey struct{}

// Authorized returns what the API's authorizer said of who a request comes from,
// given the request's context; nil if there was none. It is what the gateway put
// into the event, and nothing that a client can send.
func Authorized(ctx context.Context) map[string]string {
	who, _ := ctx.Value(authorizedKey{}).(map[string]string)
	return who
}

// authorized returns the strings among what an authorizer said.
func (e *event) authorized() map[string]string {
	who := map[string]string{}
	for name, value := range e.RequestContext.Authorizer.Lambda {
		if text, ok := value.(string); ok {
			who[name] = text
		}
	}
	return who
}
