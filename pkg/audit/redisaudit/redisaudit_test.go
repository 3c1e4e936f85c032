package redisaudit

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/audittest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

// fixture has a store with its own prefix, behind a proxy.
type fixture struct {
	*testing.T
	proxy  *redistest.Proxy
	client redis.UniversalClient // not through the proxy
	prefix string
	store  *Store
}

// each runs a test on a single server and on a Redis Cluster.
func each(t *testing.T, test func(*fixture)) {
	t.Parallel()
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		options, proxy := redistest.Options(t), redistest.NewProxy(t)
		through := *options
		through.Dialer = proxy.Dial
		test(newFixture(t, proxy, redis.NewClient(&through), redis.NewClient(options)))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		options, proxy := redistest.ClusterOptions(t), redistest.NewProxy(t)
		options.Dialer = proxy.Dial
		test(newFixture(t, proxy, redis.NewClusterClient(options), redis.NewClusterClient(redistest.ClusterOptions(t))))
	})
}

func newFixture(t *testing.T, proxy *redistest.Proxy, through, direct redis.UniversalClient) *fixture {
	t.Helper()
	t.Cleanup(func() {
		through.Close()
		direct.Close()
	})
	for _, script := range []*redis.Script{appendScript, listScript} {
		check(t, script.Load(t.Context(), direct).Err()) // so that each call is one EVALSHA
	}
	prefix := redistest.Prefix(t)
	return &fixture{t, proxy, direct, prefix, New(through, prefix)}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	at     = time.Date(2026, 11, 26, 12, 30, 45, 678e6, time.UTC)
	past   = time.Date(1999, 2, 3, 4, 5, 6, 0, time.UTC)
	future = time.Unix(7258118398, 0).UTC()
)

// newEntry returns an entry that does not expire.
func newEntry(userID string) audit.Entry {
	return audit.Entry{UserID: userID, At: at, ID: rand.Text()[:22], Event: "session_ended", Reason: "logout", ExpiresAt: future}
}

func TestStore(t *testing.T) {
	each(t, func(f *fixture) {
		audittest.Run(f.T, func(t *testing.T) audit.Store { return New(f.client, redistest.Prefix(t)) })
	})
}

// The format of the keys is public: programs in other languages read them. A key expires
// with the last of its entries.
func TestKeys(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, key := f.Context(), f.prefix+"audit:u"
		full := audit.Entry{
			UserID: "u", At: at, ID: "n4bQgYhMfWWaL-qgxVrQFa", Event: "session_ended", SessionID: "s", IP: "192.0.2.1", UserAgent: "a b",
			Reason: "revoked", Actor: "root@host", Details: map[string]string{"x": "y"}, ExpiresAt: future,
		}
		bare := audit.Entry{UserID: "u", At: at.Add(-time.Second), ID: "n4bQgYhMfWWaL-qgxVrQFb", Event: "user_created", ExpiresAt: future.Add(-time.Hour)}
		want := []string{`2026-11-26T12:30:44.678Z#n4bQgYhMfWWaL-qgxVrQFb 7258114798 {"event":"user_created"}`}
		for _, e := range []audit.Entry{bare, full, bare} {
			check(f.T, f.store.Append(ctx, e))
			if e.ID == full.ID {
				want = append(want, `2026-11-26T12:30:45.678Z#n4bQgYhMfWWaL-qgxVrQFa 7258118398 {"event":"session_ended","session_id":"s","ip":"192.0.2.1",`+
					`"user_agent":"a b","reason":"revoked","actor":"root@host","details":{"x":"y"}}`)
			}
			if got, err := f.client.ZRange(ctx, key, 0, -1).Result(); err != nil || !slices.Equal(got, want) {
				f.Errorf("the key is %q, %v; want %q", got, err, want)
			}
			last := bare.ExpiresAt
			if len(want) == 2 {
				last = full.ExpiresAt
			}
			if got, err := f.client.ExpireTime(ctx, key).Result(); err != nil || int64(got/time.Second) != last.Unix() {
				f.Errorf("the key expires at %d, %v; want %d", int64(got/time.Second), err, last.Unix())
			}
		}
		early := newEntry("u")
		early.ExpiresAt = future.Add(-2 * time.Hour)
		check(f.T, f.store.Append(ctx, early))
		if got, err := f.client.ExpireTime(ctx, key).Result(); err != nil || int64(got/time.Second) != future.Unix() {
			f.Errorf("after an entry that expires earlier the key expires at %d, %v; want %d", int64(got/time.Second), err, future.Unix())
		}
	})
}

// Expired entries are removed by Append for the same user, and no others. What has expired
// leaves no key.
func TestExpiredEntriesAreRemoved(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.Context()
		old := newEntry("gone")
		old.ExpiresAt = past
		check(f.T, f.store.Append(ctx, old))
		if n, err := f.client.Exists(ctx, f.prefix+"audit:gone").Result(); err != nil || n != 0 {
			f.Errorf("an expired entry left %d keys, %v", n, err)
		}
		soon := time.Now().Add(time.Hour)
		for i := range 10 { // by a store that counts them as living
			e := newEntry("u")
			e.At, e.ExpiresAt = at.Add(time.Duration(i)*time.Second), past
			member, err := encode(e)
			check(f.T, err)
			check(f.T, f.client.ZAdd(ctx, f.prefix+"audit:u", redis.Z{Member: member}).Err())
			check(f.T, f.client.ExpireAt(ctx, f.prefix+"audit:u", soon).Err())
		}
		for i := range 4 {
			e := newEntry("u")
			e.At = at.Add(time.Duration(i+20) * time.Second)
			check(f.T, f.store.Append(ctx, e))
		}
		if n, err := f.client.ZCard(ctx, f.prefix+"audit:u").Result(); err != nil || n != 4 {
			f.Errorf("after 10 expired entries and 4 others the key has %d, %v", n, err)
		}
	})
}

// All returns every entry of many users once, also of a user with more than one page.
func TestAllPages(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.Context()
		const users, entries = 1500, pageSize + 1
		_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range users + entries {
				user := fmt.Sprint("u", max(0, i-entries))
				member, err := encode(newEntry(user))
				check(f.T, err)
				p.ZAdd(ctx, f.prefix+"audit:"+user, redis.Z{Member: member})
			}
			return nil
		})
		check(f.T, err)
		check(f.T, f.client.Set(ctx, f.prefix+"audi", "another key", 0).Err())
		seen := map[string]bool{}
		for e, err := range New(f.client, f.prefix).All(ctx) {
			check(f.T, err)
			seen[e.UserID+" "+e.ID] = true
		}
		if len(seen) != users+entries {
			f.Errorf("All returned %d of %d entries", len(seen), users+entries)
		}
	})
}

// An entry whose append had no answer, once or twice, is there once. If no answer comes at
// all, the call is an outage.
func TestLostAnswers(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.Context()
		for _, fault := range []redistest.Fault{redistest.LoseAnswer, redistest.Refuse} {
			for n := 1; n <= 3; n++ {
				e := newEntry(rand.Text())
				_, err := f.store.List(ctx, e.UserID, "", 1) // opens a connection: go-redis has retries of its own for that
				check(f.T, err)
				f.proxy.Take()
				for range n {
					f.proxy.Fail(fault)
				}
				err = f.store.Append(ctx, e)
				if sent := len(f.proxy.Take()); sent != min(n+1, 3) {
					f.Errorf("fault %d, %d times: sent %d times, want %d", fault, n, sent, min(n+1, 3))
				}
				if n == 3 && (err == nil || !strings.Contains(err.Error(), f.prefix)) {
					f.Errorf("Append without an answer: %v; want an outage that names the key", err)
				}
				if n < 3 && err != nil {
					f.Errorf("fault %d, %d times: %v", fault, n, err)
				}
				check(f.T, f.store.Append(ctx, e))
				if list, err := f.store.List(ctx, e.UserID, "", 10); err != nil || len(list) != 1 {
					f.Errorf("fault %d, %d times: the trail has %d entries, %v", fault, n, len(list), err)
				}
			}
		}
	})
}

// Append is one round trip, and so is a List of entries that have not expired.
func TestRoundTrips(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.Context()
		_, err := f.store.List(ctx, "u", "", 1)
		check(f.T, err)
		for name, call := range map[string]func() error{
			"Append": func() error { return f.store.Append(ctx, newEntry("u")) },
			"List":   func() error { _, err := f.store.List(ctx, "u", "", 5); return err },
		} {
			f.proxy.Take()
			check(f.T, call())
			if calls := f.proxy.Take(); len(calls) != 1 {
				f.Errorf("%s sent %v, want one command", name, calls)
			}
		}
	})
}

// A damaged entry is an error that says where the damage is and quotes nothing of it. All
// goes on after it, and Append takes no notice.
func TestDamage(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, key, good := f.Context(), f.prefix+"audit:u", newEntry("u")
		for _, member := range []string{"c4nary", good.Key(), "2026#x 7258118398 {}", strings.Replace(good.Key(), "2026", "2025", 1) + " c4nary {}", strings.Replace(good.Key(), "2026", "2024", 1) + " 7258118398 c4nary"} {
			check(f.T, f.client.ZAdd(ctx, key, redis.Z{Member: member}).Err())
			if _, err := f.store.List(ctx, "u", "", 10); err == nil || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "c4nary") {
				f.Errorf("%q: %v", member, err)
			}
			other := newEntry("u")
			check(f.T, f.store.Append(ctx, other))
			got, damaged := 0, 0
			for e, err := range f.store.All(ctx) {
				if err != nil {
					damaged++
				} else if e.ID == other.ID {
					got++
				}
			}
			if got != 1 || damaged != 1 {
				f.Errorf("%q: All returned the other entry %d times, and %d errors", member, got, damaged)
			}
			check(f.T, f.client.Del(ctx, key).Err())
		}
		check(f.T, f.client.Set(ctx, key, "x", 0).Err())
		for name, call := range map[string]func(context.Context) error{
			"Append": func(ctx context.Context) error { return f.store.Append(ctx, good) },
			"List":   func(ctx context.Context) error { _, err := f.store.List(ctx, "u", "", 10); return err },
		} {
			if err := call(ctx); err == nil || !strings.Contains(err.Error(), key) {
				f.Errorf("%s of a key of another type: %v", name, err)
			}
		}
	})
}
