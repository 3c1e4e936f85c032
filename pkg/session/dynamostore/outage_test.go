package dynamostore_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/faults"
)

// throttled answers the first requests like DynamoDB above a table's limits. DynamoDB
// Local has no such limits.
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

// A throttled call is sent again, except Create. If it is throttled every time, it is an
// outage.
func TestThrottling(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	for _, c := range faults.All {
		t.Run(c.Method, func(t *testing.T) {
			client := &throttled{Client: http.DefaultClient}
			store := r.proxiedStore(func(o *dynamodb.Options) { o.HTTPClient = client })

			s := r.Created()
			client.answers = tries
			want(t, c.Do(t.Context(), store, s), errOutage)
			r.Holds(s)

			s, client.answers = r.Created(), 1
			if c.Method == faults.Create.Method {
				want(t, c.Do(t.Context(), store, s), errOutage)
				return
			}
			want(t, c.Do(t.Context(), store, s), nil)
			r.Left(c, s)
		})
	}
}
