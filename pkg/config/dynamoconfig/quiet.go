package dynamoconfig

import (
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// quietClient is a client whose errors do not quote the address of DynamoDB. They end in
// the log.
type quietClient struct{ dynamodb.HTTPClient }

// Do implements [dynamodb.HTTPClient].
func (c quietClient) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.HTTPClient.Do(r)
	if err != nil {
		err = quietError{withoutAddress(err), err}
	}
	return resp, err
}

// quietError is an error with another text. The SDK still sees the error itself, because
// it decides by it whether to send a call again.
type quietError struct {
	text string
	err  error
}

func (e quietError) Error() string { return e.text }
func (e quietError) Unwrap() error { return e.err }

// withoutAddress returns the text of an error of net/http without the URL, the host and
// the addresses of both ends.
func withoutAddress(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "looking up the host: " + dns.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return (&net.OpError{Op: op.Op, Net: op.Net, Err: op.Err}).Error()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err.Error()
	}
	return err.Error()
}
