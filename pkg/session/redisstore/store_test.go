package redisstore_test

import (
	"context"
	"iter"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
	"example.com/coatcheck/pkg/session/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		storetest.Run(t, func(*testing.T) session.Store { return r.Direct })
	})
}

// The allocations are those of go-redis and ours. Most of the time is the round trip.
func BenchmarkStore(b *testing.B) {
	client := redis.NewClient(redistest.Options(b))
	defer client.Close()
	storetest.Benchmark(b, redisstore.New(client, redistest.Prefix(b)))
}

func TestAll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *fixture) {
		storetest.RunAll(t, func(*testing.T) (session.Store, func(context.Context) iter.Seq2[*session.Session, error]) {
			return r.Direct, r.Direct.(*redisstore.Store).All
		})
	})
}
