//go:build !noredis

package storeconfig

import (
	"strings"
	"testing"
)

// TestReplicasOfRedis: an address by which reads would come from replicas is refused, by a
// line that names the option and not the password.
func TestReplicasOfRedis(t *testing.T) {
	for _, option := range []string{"read_only", "replica_only", "route_by_latency", "route_randomly"} {
		_, err := Open(t.Context(), "redis://user:canary@127.0.0.1:1/0?"+option+"=true")
		if err == nil || !strings.Contains(err.Error(), option) || !strings.Contains(err.Error(), "replica") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", option, err)
		}
	}
}
