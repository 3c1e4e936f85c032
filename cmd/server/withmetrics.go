//go:build !nometrics

package main

import "example.com/coatcheck/cmd/server/metrics"

// newMeter returns what counts, if the server is watched at the address. The build tag
// nometrics leaves it out, and with it the client of Prometheus.
func newMeter(addr string) (meter, error) {
	if addr == "" {
		return unmeasured{}, nil
	}
	return metrics.New(), nil
}
