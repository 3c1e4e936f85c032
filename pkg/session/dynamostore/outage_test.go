package dynamostore_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// An outage is no verdict on the session and changes nothing.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, c := range all {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.created()
			r.proxy.FailAll(refused)
			want(t, c.do(t.Context(), r.store, s), errOutage)

			r.proxy.FailAll(hanging)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := c.do(ctx, r.store, s)
			want(t, err, errOutage)
			want(t, err, context.DeadlineExceeded)
			r.holds(s)
		})
	}
}

// throttled answers the first requests as DynamoDB does above a table's limits,
// which DynamoDB Local does not have.
type throttled struct {
	*http.Client
	answers int
}

func (c *throttled) Do(r *http.Request) (*http.Response, error) {
	if c.answers == 0 {
		return c.Client.Do(r)
	}
	c.answers--
	const body = `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate of requests exceeds the allowed throughput."}`
	return &http.Response{
		StatusCode: http.StatusBadRequest,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(bytes.NewReader([]byte(body))),
		Request:    r,
	}, nil
}

// A throttled call is sent again, but Create is not; what stays throttled is an outage.
func TestThrottling(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range all {
		t.Run(c.method, func(t *testing.T) {
			client := &throttled{Client: http.DefaultClient}
			store := r.through(func(o *dynamodb.Options) { o.HTTPClient = client })

			s := r.created()
			client.answers = tries
			want(t, c.do(t.Context(), store, s), errOutage)
			r.holds(s)

			s, client.answers = r.created(), 1
			if c.method == create.method {
				want(t, c.do(t.Context(), store, s), errOutage)
				return
			}
			want(t, c.do(t.Context(), store, s), nil)
			r.left(c, s)
		})
	}
}
