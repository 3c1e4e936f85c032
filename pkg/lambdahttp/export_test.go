package lambdahttp

import (
	"context"
	"io"
	"net/http"
)

// Stream returns what [StartStreaming] hands to aws-lambda-go.
func Stream(ctx context.Context, h http.Handler, payload []byte) (io.ReadCloser, error) {
	r, err := newAdapter(h, nil).stream(ctx, payload)
	if err != nil {
		return nil, err
	}
	return r.(*stream), nil
}
