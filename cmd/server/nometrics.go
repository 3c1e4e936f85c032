//go:build nometrics

package main

import "errors"

// newMeter returns what counts nothing, because this program was built without what counts.
func newMeter(addr string) (meter, error) {
	if addr == "" {
		return unmeasured{}, nil
	}
	return nil, errors.New("METRICS_ADDR or -metrics is set, and the metrics were left out of this program by the build tag nometrics; build it with: go build ./cmd/server")
}
