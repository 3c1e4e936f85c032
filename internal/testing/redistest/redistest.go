// Package redistest gives tests a real Redis: one server and one Redis Cluster
// for each package under test, servers of their own that can be killed and
// started again, and a [Proxy] that makes calls fail.
//
// COATCHECK_TEST_REDIS, a URL as in redis://user:password@host:6379/0, names a
// server to use for [Options]. Everything else is redis-server or valkey-server from
// the PATH, at least version 7.0, or a Valkey that is fetched, on free ports of this
// machine.
package redistest

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

const variable = "COATCHECK_TEST_REDIS"

// shared is what the tests of this process have in common. Only Main can know
// when the last of them is done.
var shared struct {
	sync.Mutex
	server  *Server
	cluster cluster
	err     error // of either
}

// Main runs the tests of a package and stops what they started. Call it from
// TestMain and return. It also silences go-redis, which logs every connection
// that is refused.
func Main(m interface{ Run() int }) {
	logging.Disable()
	m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.discard()
	}
	if shared.cluster != nil {
		shared.cluster.discard()
	}
}

// Options returns options for a client of the server that all tests share.
func Options(tb testing.TB) *redis.Options {
	tb.Helper()
	if url := os.Getenv(variable); url != "" {
		options, err := redis.ParseURL(url)
		if err != nil {
			tb.Fatalf("%s: %v", variable, err)
		}
		return options
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start()
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server.Options()
}

// ClusterOptions returns options for a client of the Redis Cluster that all tests
// share: three primaries without replicas.
func ClusterOptions(tb testing.TB) *redis.ClusterOptions {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = startCluster()
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.cluster.options()
}

// Start starts a server for this test alone, which ends with it. What it has
// answered is on disk.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := start("--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.discard)
	return s
}

// Prefix returns a prefix for keys that no other test has. On the server of
// [Options] all keys with it are deleted when the test is done.
func Prefix(tb testing.TB) string {
	tb.Helper()
	prefix := "test-" + rand.Text() + ":"
	client := redis.NewClient(Options(tb))
	tb.Cleanup(func() {
		defer client.Close()
		ctx := context.Background()
		keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			client.Unlink(ctx, keys.Val())
		}
		if err := keys.Err(); err != nil {
			tb.Errorf("deleting the keys of this test: %v", err)
		}
	})
	return prefix
}
