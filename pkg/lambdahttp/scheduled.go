package lambdahttp

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

// StartScheduled runs a function that a schedule invokes: f does the work, whatever the event
// says. If f returns an error, the invocation fails, which Lambda counts. Then the text of
// the error is in the log, so it must have no secret. StartScheduled does not return.
func StartScheduled(f func(ctx context.Context) error) { lambda.Start(f) }
