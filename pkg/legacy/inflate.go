package legacy

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
)

// inflate undoes zlib. It stops at maxBytes, which a cookie of a few kilobytes can exceed a
// thousandfold.
func inflate(compressed []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("%w: it is not compressed as it says", ErrRejected)
	}
	content, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil || len(content) > maxBytes {
		return nil, fmt.Errorf("%w: its content is damaged, or too long", ErrRejected)
	}
	return content, nil
}
