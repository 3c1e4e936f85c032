package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// CountAttempts returns an option for one call of the DynamoDB client, and a counter
// of how often the SDK tried to send that call. Read the counter after the call has
// returned:
//
//	attempts, count := dynamo.CountAttempts()
//	_, err := client.PutItem(ctx, input, count)
//	retried := *attempts > 1
//
// The SDK sends a call again when the answer is lost. If a conditional write was
// sent twice, its condition may have failed only because its own first try was
// applied. So only a failure at the first attempt proves that the write was not
// applied. An attempt that never left this machine is counted too; this only makes
// the caller more careful than necessary.
func CountAttempts() (attempts *int, option func(*dynamodb.Options)) {
	attempts = new(int)
	counter := middleware.FinalizeMiddlewareFunc("CountAttempts", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		*attempts++
		return next.HandleFinalize(ctx, in)
	})
	return attempts, func(o *dynamodb.Options) {
		// Middleware after "Retry" runs once for each attempt. Middleware before it
		// runs once for the call.
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(counter, "Retry", middleware.After)
		})
	}
}
