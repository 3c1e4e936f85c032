package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// CountAttempts returns an option for one call of the DynamoDB client and a
// counter of how often the SDK set out to send that call. Read it when the call
// has returned:
//
//	attempts, count := dynamo.CountAttempts()
//	_, err := client.PutItem(ctx, input, count)
//	retried := *attempts > 1
//
// The SDK sends a call again when the answer is lost. A conditional write that
// was sent twice may have failed its condition on its own first try, so only a
// failure at the first attempt proves that the write was not applied. An attempt
// that never left this machine is counted too, which errs on the safe side.
func CountAttempts() (attempts *int, option func(*dynamodb.Options)) {
	attempts = new(int)
	counter := middleware.FinalizeMiddlewareFunc("CountAttempts", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		*attempts++
		return next.HandleFinalize(ctx, in)
	})
	return attempts, func(o *dynamodb.Options) {
		// What stands after "Retry" runs once for each attempt, what stands before it once for the call.
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(counter, "Retry", middleware.After)
		})
	}
}
