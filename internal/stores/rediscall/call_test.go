package rediscall

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

var exists = redis.NewScript(`return redis.call('EXISTS', KEYS[1])`)

func run(ctx context.Context, client redis.UniversalClient) error {
	_, _, err := Run(ctx, client, exists, []string{"key"})
	return err
}

// client is a client with one connection and no timeouts of its own. It counts what it
// writes.
type client struct {
	*redis.Client
	writes atomic.Int32
}

func newClient(t *testing.T, server *redistest.Server) *client {
	c := &client{}
	options := server.Options()
	options.PoolSize, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = 1, -1, -1, time.Hour
	options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return countingConn{conn, &c.writes}, err
	}
	c.Client = redis.NewClient(options)
	t.Cleanup(func() { c.Close() })
	return c
}

type countingConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// While a server hangs, a call ends with its context: on the open connection, on a new
// one, and when it waits because the only connection is in use. When the server answers
// again, so do calls.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	connected, fresh := newClient(t, server), newClient(t, server)
	if err := run(t.Context(), connected); err != nil {
		t.Fatal(err)
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	connected.writes.Store(0)
	ctx, pass := faults.Deadline(t.Context())
	answers := make(chan error)
	for _, c := range []*client{connected, connected, fresh, fresh} {
		go func() { answers <- run(ctx, c) }()
	}
	for _, c := range []*client{connected, fresh} {
		for end := time.Now().Add(3 * time.Minute); c.writes.Load() == 0 || c.PoolStats().PendingRequests == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("no call waits for the server, or none for the connection")
			}
		}
	}
	pass()
	for range 4 {
		if err := <-answers; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{connected, fresh} {
		if err := run(t.Context(), c); err != nil {
			t.Errorf("after the server hung: %v", err)
		}
	}
}
