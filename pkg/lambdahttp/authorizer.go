package lambdahttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/coatcheck/pkg/events"
)

// ErrNotAuthorized is what an Authorizer returns for a request whose caller it does
// not know.
var ErrNotAuthorized = errors.New("not authorized")

// Authorizer decides who a request comes from. The gateway passes the result to the
// function behind it, which gets it from [Authorized]. ErrNotAuthorized means that
// the request must not reach that function. Any other error means that the
// Authorizer could not decide.
//
// A value named principalId says what a REST API, and an HTTP API with payload format
// 1.0, shall call the caller in logs and mapping templates. If there is none, it is
// "caller". An HTTP API with payload format 2.0 has no such name and does not get it.
type Authorizer func(*http.Request) (caller map[string]string, err error)

// StartAuthorizer serves a to Lambda as the authorizer of any of these APIs. It need not
// be told of which one, since the event says so. It never returns; outside Lambda it ends
// the program. This is what is answered, and what the client gets from the gateway:
//
//	API                                              a says yes     a says no                   a fails
//	HTTP API, payload format 2.0, simple responses   isAuthorized   not isAuthorized: 403       error: 500
//	HTTP API, payload format 1.0                     Allow policy   Deny policy: 403            error: 500
//	REST API, type REQUEST                           Allow policy   error "Unauthorized": 401   error: 500
//
// Without the header that the API names as the authorizer's identity source, such as Cookie,
// the gateway answers 401 and invokes nothing. The statuses are from AWS's documentation; they
// were not tried on AWS.
//
// The request has a URL and headers, with cookies in the Cookie header wherever the
// event has them, and no body. A request is allowed only if a returns a result that
// is not empty, and no error. An event that is not an authorizer's, a panic, a deadline
// and an outage are errors of the invocation. They say nothing about the session, and the
// gateway does not call the function behind it.
//
// An HTTP API that uses payload format 2.0 must enable simple responses
// (EnableSimpleResponses). If it does not, it wants a policy, but its events are the same,
// and it answers every request with 500.
//
// An authorizer of type TOKEN cannot work with cookies, because its events have no
// headers. Its events are errors, which say so.
//
// # Policies and caches
//
// A policy is for the method and path that the client has asked for, and for no other:
// what IAM would read as a wildcard in them is escaped. API Gateway accepts 512 characters
// for both and what stands before them, so it answers longer paths with an error.
//
// Let the gateway cache no answer: set the time to live (authorizerResultTtlInSeconds, or
// ReauthorizeEvery in SAM) to 0. REST APIs cache for 5 minutes if nothing is set. A cached
// yes outlives a logout. A cached policy refuses every other path to the same caller, unless
// the path and the method are identity sources as well. A cached simple response allows
// every route, also those for which a would have said no.
//
// In the metrics of Lambda the error "Unauthorized" counts as an error of the function.
// Only other errors are logged, as sys_failure.
//
// Of the options only [Options.Logger] has an effect.
func StartAuthorizer(a Authorizer, options ...func(*Options)) {
	logStartup(newAdapter(nil, options).log)
	lambda.Start(AuthorizerHandler(a, options...))
}

// AuthorizerHandler returns what [StartAuthorizer] starts, for tests.
func AuthorizerHandler(a Authorizer, options ...func(*Options)) lambda.Handler {
	return authorizerAdapter{a, newAdapter(nil, options).log}
}

type authorizerAdapter struct {
	authorize Authorizer
	log       *slog.Logger
}

// errUnauthorized has the one text that a REST API answers with 401. It answers any other
// with 500. AWS documents this for REST APIs alone.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
var errUnauthorized = errors.New("Unauthorized")

// Invoke implements [lambda.Handler], with the default options.
func (a Authorizer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return AuthorizerHandler(a).Invoke(ctx, payload)
}

func (a authorizerAdapter) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := withEarlierDeadline(ctx)
	defer cancel()
	answer, err := a.answer(ctx, payload)
	switch {
	case err == nil:
		return answer, nil
	case err == errUnauthorized:
		return nil, err
	}
	err = fmt.Errorf("authorizer failed: %w", err) // an outage whose text happens to be "Unauthorized" must not become a 401
	events.Log(ctx, a.log, "sys_failure", "error", err)
	return nil, err
}

func (a authorizerAdapter) answer(ctx context.Context, payload []byte) ([]byte, error) {
	q, err := parseQuestion(payload)
	if err != nil {
		return nil, err
	}
	caller, err := a.decide(ctx, q.event)
	switch {
	case errors.Is(err, ErrNotAuthorized):
		return q.no()
	case err != nil:
		return nil, err
	}
	return q.yes(caller)
}

func (a authorizerAdapter) decide(ctx context.Context, e *event) (caller map[string]string, err error) {
	defer func() {
		if v := recover(); v != nil {
			events.Log(ctx, a.log, "sys_crash", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			caller, err = nil, errors.New("the authorizer panicked")
		}
	}()
	r, err := e.request(ctx)
	if err != nil {
		return nil, err
	}
	caller, err = a.authorize(r)
	if err == nil && len(caller) == 0 {
		err = errors.New("the authorizer said yes to nobody")
	}
	return caller, err
}

// question is what an API asks its authorizer.
type question struct {
	event *event
	arn   string // the method and path that the client wants, if the answer is a policy
}

// parseQuestion reads the event of an authorizer. Its errors quote nothing secret.
func parseQuestion(payload []byte) (question, error) {
	e, err := parse(payload)
	switch {
	case err != nil && objectOf(payload).text("type") == "TOKEN":
		return question{}, errors.New("the event comes from an authorizer of type TOKEN, which gets no cookies: make it one of type REQUEST")
	case err != nil:
		return question{}, err
	case e.asks != "REQUEST":
		return question{}, errors.New("the event is a request and not the question of an API to its authorizer, whose type is REQUEST: is the authorizer used as the function behind a route?")
	}
	switch e.kind {
	case httpAPI:
		return question{event: e}, nil
	case httpAPI1, restAPI:
		return question{e, e.methodARN}, checkARN(e.methodARN)
	}
	return question{}, errors.New("only API Gateway has authorizers")
}

const principalID = "principalId" // API Gateway's name for whom a policy is about

// yes returns the answer that lets the caller through.
func (q question) yes(caller map[string]string) ([]byte, error) {
	caller = maps.Clone(caller)
	principal := caller[principalID]
	delete(caller, principalID)
	if q.event.kind == httpAPI {
		return json.Marshal(simpleResponse{true, caller})
	}
	if principal == "" {
		principal = "caller"
	}
	return policy(principal, "Allow", q.arn, caller)
}

// no returns the answer that lets nobody through. An HTTP API gets a policy and not the
// error of REST APIs, because AWS does not document what it makes of the error. If that
// were a 500, a caller without a session would look like an outage.
func (q question) no() ([]byte, error) {
	switch q.event.kind {
	case httpAPI:
		return json.Marshal(simpleResponse{})
	case httpAPI1:
		return policy("nobody", "Deny", q.arn, nil)
	}
	return nil, errUnauthorized
}

// simpleResponse is what API Gateway calls a simple response.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
type simpleResponse struct {
	IsAuthorized bool              `json:"isAuthorized"`
	Context      map[string]string `json:"context,omitempty"`
}

// Authorized returns what the API's Lambda authorizer said about the caller, given the
// request's context: the values that are strings, by name. It is nil if there was no
// authorizer, or one of another kind (JWT, Cognito, IAM). It works behind HTTP APIs with
// either payload format and behind REST APIs, which add principalId. Load balancers and
// function URLs have no such authorizer. The gateway puts this into the event, and a client
// cannot send it.
func Authorized(ctx context.Context) (caller map[string]string) {
	e := eventOf(ctx)
	for name, value := range e.said() {
		var text string
		if value.Kind() == '"' && json.Unmarshal(value, &text) == nil {
			if caller == nil {
				caller = map[string]string{}
			}
			caller[name] = text
		}
	}
	return caller
}

// said returns the values of the Lambda authorizer. In events of payload format 1.0 they
// stand beside those of other authorizers, which are objects (claims) and lists (scopes).
func (e *event) said() map[string]jsontext.Value {
	from := []byte(e.context.authorizer)
	switch {
	case len(from) == 0:
		return nil
	case e.kind == httpAPI:
		var said struct {
			Lambda map[string]jsontext.Value `json:"lambda"`
		}
		json.Unmarshal(from, &said)
		return said.Lambda
	case e.kind == httpAPI1, e.kind == restAPI:
		var said map[string]jsontext.Value
		json.Unmarshal(from, &said)
		return said
	}
	return nil
}
