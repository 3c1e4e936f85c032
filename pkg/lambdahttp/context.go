package lambdahttp

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"
)

// requestCtx is the context of the request of an event.
type requestCtx struct {
	context.Context
	event *event
}

// eventKey is the key of the *event in a request's context.
type eventKey struct{}

// server is in each request's context, where net/http has its server. To a handler it says
// that somebody catches its panic. [httputil.ReverseProxy] panics only then if the answer of
// its target breaks off. Else it would present the half of it as the whole. It is no
// [http.Server], because that would make every function's binary half a megabyte larger.
type server struct{}

func (c requestCtx) Value(key any) any {
	switch key {
	case eventKey{}:
		return c.event
	case http.ServerContextKey:
		return server{}
	}
	return c.Context.Value(key)
}

func eventOf(ctx context.Context) *event {
	e, _ := ctx.Value(eventKey{}).(*event)
	if e == nil {
		e = &event{}
	}
	return e
}

// Event returns the event of a request as it came, in JSON, given the request's context. It
// is nil outside of Lambda. It must not be changed, nor used after the handler has returned.
// The types of aws-lambda-go's package events fit it.
func Event(ctx context.Context) []byte { return eventOf(ctx).payload }

// StageVariables returns the variables of the API's stage, given the request's context. Only
// events of API Gateway have them; it is nil without any.
func StageVariables(ctx context.Context) map[string]string {
	var e struct {
		StageVariables map[string]string `json:"stageVariables"`
	}
	if json.Unmarshal(Event(ctx), &e) != nil {
		return nil
	}
	return e.StageVariables
}

// Scheme returns "https" or "http": how the client has sent the request. In Lambda that is
// what the front door says in X-Forwarded-Proto, which it writes itself, and "https" if it
// says nothing. Elsewhere it is "https" for a request over TLS, whatever the request says.
func Scheme(r *http.Request) string {
	https := r.TLS != nil
	if eventOf(r.Context()).kind != 0 {
		https = last(r.Header["X-Forwarded-Proto"]) != "http"
	}
	if https {
		return "https"
	}
	return "http"
}
