package dynamostore

import (
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"
)

// The limits of one DynamoDB call, which usually takes milliseconds.
const (
	tries      = 3
	tryTimeout = 2 * time.Second
	firstPause = 25 * time.Millisecond // the SDK's default is up to a second
)

// ClientOptions sets the options that the Lambda functions of this module use. It is an
// argument of [dynamodb.NewFromConfig] and [dynamodb.New]:
//
//   - A call is tried three times at most, and each try takes two seconds at most, so
//     that it ends in under seven seconds. An HTTP client that is not the SDK's own keeps
//     its timeout.
//   - The pause before the second try is under 50 milliseconds, and that before the third
//     under 100. Both are random.
//   - The SDK logs nothing. It would log only one kind of line: a warning for each error
//     answer that has no checksum (https://github.com/aws/aws-sdk-go-v2/issues/3545).
//     Errors are returned anyway.
func ClientOptions(o *dynamodb.Options) {
	o.Logger = logging.Nop{}
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = tries
		o.Backoff = retry.BackoffDelayerFunc(backoff)
	})
	if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
		o.HTTPClient = client.WithTimeout(tryTimeout)
	}
}

// backoff returns the pause after an attempt. The SDK counts attempts from 0 or from 1, and
// its environment variables may allow many.
func backoff(attempt int, _ error) (time.Duration, error) {
	most := firstPause << min(attempt, 5)
	return most/2 + rand.N(most/2), nil
}
