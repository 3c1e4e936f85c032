// Package redistest provides Redis for tests. Each package under test has one server
// and one Redis Cluster. A test can also start its own server, kill it and start it
// again. A [Proxy] makes calls fail.
//
// The environment variable COATCHECK_TEST_REDIS names a server for [Options]. It is a
// URL such as redis://user:password@host:6379/0. All other servers run on free ports of
// this machine. Their program is redis-server or valkey-server from the PATH, at least
// version 7.0, or a Valkey that is fetched.
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

// shared has the servers that the tests of this process share. Only Main can know when
// the last test is done.
var shared struct {
	sync.Mutex
	server  *Server
	cluster cluster
	err     error // from the start of the server or the cluster
}

// Main runs the tests of a package and stops the servers that they share. Call it from
// TestMain and return. Main also turns off the log of go-redis, which would have a line
// for every refused connection.
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

// Start starts a server for this test alone. The server ends with the test. It has
// written to disk every write that it has answered.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := start("--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.discard)
	return s
}

// Prefix returns a prefix for keys that no other test uses. When the test is done, all
// keys with this prefix are deleted on the server of [Options].
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
