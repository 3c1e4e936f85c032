package rediscall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
)

// pair is a primary with a replica that has what the primary has.
type pair struct {
	primary, replica *redis.Client
}

func newPair(t *testing.T) pair {
	t.Helper()
	var p pair
	for _, c := range []**redis.Client{&p.primary, &p.replica} {
		*c = redis.NewClient(redistest.Start(t).Options())
		t.Cleanup(func() { (*c).Close() })
	}
	host, port, _ := strings.Cut(p.primary.Options().Addr, ":")
	if err := errors.Join(p.replica.ReplicaOf(t.Context(), host, port).Err(), p.primary.HSet(t.Context(), "key", "field", "value").Err()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Minute); p.replica.HGet(t.Context(), "key", "field").Val() != "value"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the replica does not get what the primary has")
		}
	}
	p.replica.ConfigResetStat(t.Context())
	return p
}

// cluster returns a client that knows both servers as nodes of one Redis Cluster.
func (p pair) cluster(t *testing.T, change func(*redis.ClusterOptions)) *redis.ClusterClient {
	options := &redis.ClusterOptions{ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
		return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: p.primary.Options().Addr}, {Addr: p.replica.Options().Addr}}}}, nil
	}}
	change(options)
	client := redis.NewClusterClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// reads returns how many HGETALL the replica has had.
func (p pair) reads(t *testing.T) int {
	t.Helper()
	info, err := p.replica.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, count, _ := strings.Cut(info, "cmdstat_hgetall:calls=")
	var n int
	fmt.Sscan(strings.SplitN(count, ",", 2)[0], &n)
	return n
}

// A client that reads from replicas is refused, for each kind of call, and one that does not
// never sends a read to a replica.
func TestReplicasAreNotRead(t *testing.T) {
	t.Parallel()
	const reads = 50
	p := newPair(t)
	for name, change := range map[string]func(*redis.ClusterOptions){
		"ReadOnly":       func(o *redis.ClusterOptions) { o.ReadOnly = true },
		"RouteByLatency": func(o *redis.ClusterOptions) { o.RouteByLatency = true },
		"RouteRandomly":  func(o *redis.ClusterOptions) { o.RouteRandomly = true },
	} {
		client := p.cluster(t, change)
		for range reads {
			if _, err := ReadHash(t.Context(), client, "key"); !errors.Is(err, errStale) || !strings.Contains(err.Error(), name) {
				t.Fatalf("%s: error %v, want that the client is refused", name, err)
			}
		}
	}
	client := p.cluster(t, func(*redis.ClusterOptions) {})
	for range reads {
		if h, err := ReadHash(t.Context(), client, "key"); err != nil || h.Text("field") != "value" {
			t.Fatalf("%+v, %v", h, err)
		}
	}
	if n := p.reads(t); n != 0 {
		t.Errorf("the replica had %d reads", n)
	}
	client = p.cluster(t, func(o *redis.ClusterOptions) { o.RouteRandomly = true })
	for end := time.Now().Add(3 * time.Minute); p.reads(t) == 0; client.HGetAll(t.Context(), "key") {
		if time.Now().After(end) {
			t.Fatal("this test cannot tell: go-redis itself reads from no replica")
		}
	}
}

// Every function refuses every kind of such a client, and sends nothing.
func TestRefusedClients(t *testing.T) {
	t.Parallel()
	client, ctx := redis.NewClient(&redis.Options{}), t.Context()
	defer client.Close()
	if err := Refuse(client); err != nil {
		t.Error(err)
	}
	for says, client := range map[string]redis.UniversalClient{
		"RouteRandomly":   redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}, RouteRandomly: true}),
		"ReplicaOnly":     redis.NewFailoverClusterClient(&redis.FailoverOptions{MasterName: "x", SentinelAddrs: []string{"127.0.0.1:1"}, ReplicaOnly: true}),
		"redis.Ring":      redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"x": "127.0.0.1:1"}}),
		"ClientSideCache": redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", Protocol: 3, ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}),
	} {
		defer client.Close()
		_, _, errRun := Run(ctx, client, exists, []string{"key"})
		_, errOnce := RunOnce(ctx, client, exists, []string{"key"})
		_, errRead := ReadHash(ctx, client, "key")
		_, errNodes := Nodes(ctx, client)
		var errKeys error
		for _, err := range Keys(ctx, client, "key") {
			errKeys = err
		}
		for call, err := range map[string]error{"Run": errRun, "RunOnce": errOnce, "ReadHash": errRead, "Nodes": errNodes, "Keys": errKeys} {
			if !errors.Is(err, errStale) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: error %v, want that the client is refused because of %s", call, err, says)
			}
		}
	}
}

// A context that never ends is not waited for, and every other one is.
func TestContextWithoutEnd(t *testing.T) {
	t.Parallel()
	for _, ctx := range []context.Context{context.Background(), t.Context()} {
		if got, err := Await(ctx, func() (int, error) { return 7, nil }); got != 7 || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	_, err := Await(ctx, func() (int, error) { cancel(); <-never; return 0, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
