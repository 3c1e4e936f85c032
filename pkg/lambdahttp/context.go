package lambdahttp

import (
	"context"
	"maps"

	"github.com/go-json-experiment/json/jsontext"
)

type eventKey struct{}

func eventOf(ctx context.Context) *event {
	e, _ := ctx.Value(eventKey{}).(*event)
	if e == nil {
		e = &event{}
	}
	return e
}

// Event returns the event of a request as it came, given the request's context. It is nil
// outside of Lambda. It must not be changed, nor used after the handler has returned.
func Event(ctx context.Context) jsontext.Value { return eventOf(ctx).payload }

// StageVariables returns the variables of the API's stage, given the request's context.
// Only events of API Gateway have them.
func StageVariables(ctx context.Context) map[string]string {
	return maps.Clone(eventOf(ctx).StageVariables)
}
