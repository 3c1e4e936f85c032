package dynamostore_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// The settings of a client are what their documentation says.
func TestClientOptions(t *testing.T) {
	t.Parallel()
	got := dynamodb.NewFromConfig(aws.Config{Region: "eu-west-1"}, dynamostore.ClientOptions).Options()
	if n := got.Retryer.MaxAttempts(); n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
	client, ok := got.HTTPClient.(*awshttp.BuildableClient)
	if !ok || client.GetTimeout() != 2*time.Second {
		t.Errorf("the HTTP client is %T, want one that waits for two seconds", got.HTTPClient)
	}
	if got.Logger != (logging.Nop{}) {
		t.Errorf("the SDK logs to %v", got.Logger)
	}
	whole := 3 * 2 * time.Second
	for attempt, most := range []time.Duration{25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond} {
		for range 1000 {
			pause, err := got.Retryer.RetryDelay(attempt, nil)
			if err != nil || pause < most/2 || pause >= most {
				t.Fatalf("the pause after attempt %d is %v, %v; want less than %v, and at least half of it", attempt, pause, err, most)
			}
		}
		whole += most
	}
	if whole >= 7*time.Second {
		t.Errorf("a call takes up to %v, want less than seven seconds", whole)
	}
	if _, err := got.Retryer.RetryDelay(1000, nil); err != nil { // AWS_MAX_ATTEMPTS may allow so many
		t.Error(err)
	}
}

// An HTTP client of the caller's own stays as it is.
func TestClientOptionsKeepAnHTTPClient(t *testing.T) {
	t.Parallel()
	own := &http.Client{}
	if got := dynamodb.NewFromConfig(aws.Config{HTTPClient: own}, dynamostore.ClientOptions).Options().HTTPClient; got != own {
		t.Errorf("the HTTP client is %v", got)
	}
}

// A call whose answers are lost is sent three times by such a client.
func TestClientTries(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	s := r.Created()
	r.Store = dynamostore.New(dynamodb.New(dynamotest.Client(t, r.proxy.URL).Options(), dynamostore.ClientOptions), r.table)
	r.proxy.Take()
	r.proxy.Fail("GetItem", dynamotest.LoseAnswer, dynamotest.LoseAnswer, dynamotest.LoseAnswer)
	_, err := r.Store.Get(t.Context(), s.Key())
	want(t, err, errOutage)
	if n := len(r.proxy.Take()); n != 3 {
		t.Errorf("the call was sent %d times, want 3", n)
	}
	r.Holds(s)
}

// Check reads once, and says whether the table can be read.
func TestCheck(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	if err := r.Store.(*dynamostore.Store).Check(t.Context()); err != nil {
		t.Error(err)
	}
	r.wantCalls("GetItem, 1 read")
	if err := dynamostore.New(r.client, r.table+"-missing").Check(t.Context()); err == nil || !strings.Contains(err.Error(), r.table+"-missing") {
		t.Errorf("without a table: %v", err)
	}
	r.proxy.Fail("GetItem", dynamotest.Refuse, dynamotest.Refuse, dynamotest.Refuse)
	if err := r.Store.(*dynamostore.Store).Check(t.Context()); err == nil {
		t.Error("in an outage it succeeds")
	}
}
