package redisaccounts

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/redistest"
)

// CheckConfiguration accepts one configuration, and says for every other one what to
// set. It needs no CONFIG.
func TestCheckConfiguration(t *testing.T) {
	t.Parallel()
	f, server := newOwnServer(t)
	check(t, f.client.ACLSetUser(t.Context(), "informed", "on", ">test", "-@all", "+info").Err())
	options := server.Options()
	options.Username, options.Password = "informed", "test"
	client := redis.NewClient(options)
	defer client.Close()
	for _, test := range []struct {
		policy, appendonly string
		says               []string // nil: it is accepted
	}{
		{"noeviction", "yes", nil},
		{"noeviction", "no", []string{"appendonly yes", "aof_enabled:0"}},
		{"allkeys-lru", "yes", []string{"maxmemory-policy noeviction", "allkeys-lru"}},
		{"volatile-ttl", "yes", []string{"maxmemory-policy noeviction", "volatile-ttl"}},
		{"allkeys-random", "no", []string{"maxmemory-policy noeviction", "allkeys-random", "appendonly yes"}},
	} {
		check(t, f.client.ConfigSet(t.Context(), "maxmemory-policy", test.policy).Err())
		check(t, f.client.ConfigSet(t.Context(), "appendonly", test.appendonly).Err())
		err := CheckConfiguration(t.Context(), client)
		if (err == nil) != (test.says == nil) {
			t.Errorf("%s, %s: %v", test.policy, test.appendonly, err)
			continue
		}
		for _, part := range test.says {
			wantOneLine(t, err, part)
		}
		if test.appendonly == "yes" && err != nil && strings.Contains(err.Error(), "appendonly") {
			t.Errorf("%v: it also says to set what is set", err)
		}
	}
}

func wantOneLine(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line with %q", err, part)
	}
}

// A server that does not tell its settings is refused.
func TestCheckConfigurationUntold(t *testing.T) {
	t.Parallel()
	f, server := newOwnServer(t)
	check(t, f.client.ACLSetUser(t.Context(), "uninformed", "on", ">test", "-@all", "+ping").Err())
	options := server.Options()
	options.Username, options.Password = "uninformed", "test"
	client := redis.NewClient(options)
	defer client.Close()
	wantOneLine(t, CheckConfiguration(t.Context(), client), "+info")
	wantOneLine(t, checkSettings("# Memory\r\nused_memory:1\r\n"), "INFO does not tell maxmemory_policy")
	wantOneLine(t, checkSettings("# Memory\r\nmaxmemory_policy:noeviction\r\n"), "INFO does not tell aof_enabled")
}

// A replica is refused, and what has become a primary is not.
func TestCheckConfigurationOfAReplica(t *testing.T) {
	t.Parallel()
	f, _ := newOwnServer(t)
	check(t, f.client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
	check(t, f.client.ReplicaOf(t.Context(), "127.0.0.1", "1").Err())
	wantOneLine(t, CheckConfiguration(t.Context(), f.client), "is a replica")
	check(t, f.client.ReplicaOf(t.Context(), "no", "one").Err())
	check(t, CheckConfiguration(t.Context(), f.client))
}

// One primary of a Redis Cluster with other settings is enough for a refusal.
//
// This test is not parallel, because the tests share the cluster.
func TestCheckConfigurationOfACluster(t *testing.T) {
	options := redistest.ClusterOptions(t)
	cluster := redis.NewClusterClient(options)
	defer cluster.Close()
	var nodes []*redis.Client
	for _, address := range options.Addrs {
		node := redis.NewClient(&redis.Options{Addr: address})
		defer node.Close()
		nodes = append(nodes, node)
		check(t, node.ConfigSet(t.Context(), "appendonly", "yes").Err())
	}
	check(t, CheckConfiguration(t.Context(), cluster))
	for _, node := range nodes {
		check(t, node.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lfu").Err())
		wantOneLine(t, CheckConfiguration(t.Context(), cluster), "allkeys-lfu")
		check(t, node.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
	}
	check(t, CheckConfiguration(t.Context(), cluster))
}

// held is a hook of go-redis that holds every command until the test ends.
type held struct{ arrived, release chan struct{} }

func (held) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h held) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return h.hold() }
}

func (h held) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { return h.hold() }
}

func (h held) hold() error {
	h.arrived <- struct{}{}
	<-h.release
	return redis.ErrClosed
}

// CheckConfiguration and All end with their context, and without a server they say so.
func TestOperatorsCallsEnd(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", DialerRetries: 1})
	defer client.Close()
	ends := map[string]func(context.Context) error{
		"CheckConfiguration": func(ctx context.Context) error { return CheckConfiguration(ctx, client) },
		"All": func(ctx context.Context) (last error) {
			for _, err := range New(client, "p:").All(ctx) {
				last = err
			}
			return last
		},
	}
	for name, call := range ends {
		if err := call(t.Context()); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s without a server: %v", name, err)
		}
	}
	hook := held{make(chan struct{}), make(chan struct{})}
	defer close(hook.release)
	client.AddHook(hook)
	for name, call := range ends {
		ctx, pass := faults.Deadline(t.Context())
		go func() {
			<-hook.arrived
			pass()
		}()
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s on a server that hangs: %v, want the context's error", name, err)
		}
	}
}
