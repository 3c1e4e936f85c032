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

// TestReplicaOptionInAPassword: only an option is refused, not a password that reads like one.
func TestReplicaOptionInAPassword(t *testing.T) {
	for address, option := range map[string]string{
		"redis://user:read_only=true@127.0.0.1:1/0":                   "",
		"redis://user:p%3Fread_only=true@127.0.0.1:1/0":               "",
		"redis://user:p%3Fread_only=true@127.0.0.1:1/0?pool_size=2":   "",
		"redis://user:p@127.0.0.1:1/0?client_name=route_randomly=":    "",
		"redis://user:p@127.0.0.1:1/0?pool_size=2&route_randomly=1":   "route_randomly",
		"redis://user:p@127.0.0.1:1/0?read%5Fonly":                    "read_only",
		"redis://user:replica_only=1@127.0.0.1:1/0?route_by_latency=": "route_by_latency",
	} {
		stores, err := Open(t.Context(), address)
		switch {
		case option == "" && err != nil:
			t.Errorf("%s: %v", address, err)
		case option == "":
			stores.Close()
		case err == nil || !strings.Contains(err.Error(), "option "+option):
			t.Errorf("%s: error %v, want that %s is refused", address, err, option)
		}
	}
}
