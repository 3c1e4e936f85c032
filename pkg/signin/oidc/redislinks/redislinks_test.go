package redislinks

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

func TestMain(m *testing.M) { redistest.Main(m) }

// fixture has a store with its own prefix, behind a proxy and directly.
type fixture struct {
	*testing.T
	proxy  *redistest.Proxy
	client redis.UniversalClient // not through the proxy
	prefix string
	store  *Store // through the proxy
	direct *Store
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
	for _, script := range []*redis.Script{linkScript, endScript} {
		check(t, script.Load(t.Context(), direct).Err()) // so that each call is one EVALSHA
	}
	prefix := redistest.Prefix(t)
	return &fixture{t, proxy, direct, prefix, New(through, prefix), New(direct, prefix)}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	at     = time.Unix(1764230400, 0).UTC()
	future = time.Unix(7258118398, 0).UTC()
)

func newLink(id string) oidc.Link {
	return oidc.Link{ID: id, Session: session.Key{Owner: rand.Text(), ID: rand.Text()}, ExpiresAt: future}
}

func TestStore(t *testing.T) {
	each(t, func(f *fixture) {
		oidctest.Run(f.T, func(t *testing.T) oidc.Store { return New(f.client, redistest.Prefix(t)) })
	})
}

// The format of the keys is public: programs in other languages read them. A key expires
// with the last of what it has.
func TestKeys(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, first, second := f.Context(), newLink("a"), newLink("a")
		want := func(what string, fields map[string]string, expires time.Time) {
			f.Helper()
			if got, err := f.client.HGetAll(ctx, f.prefix+"oidc:a").Result(); err != nil || !maps.Equal(got, fields) {
				f.Errorf("%s: the key is %q, %v; want %q", what, got, err, fields)
			}
			if got, err := f.client.ExpireTime(ctx, f.prefix+"oidc:a").Result(); err != nil || int64(got/time.Second) != expires.Unix() {
				f.Errorf("%s: the key expires at %d, %v; want %d", what, int64(got/time.Second), err, expires.Unix())
			}
		}
		_, err := f.store.Link(ctx, first)
		check(f.T, err)
		fields := map[string]string{"session_owner": first.Session.Owner, "session_id": first.Session.ID, "linked_until": "7258118398"}
		want("Link", fields, future)

		second.ExpiresAt = future.Add(-time.Hour)
		_, err = f.store.Link(ctx, second)
		check(f.T, err)
		fields["before_owner"], fields["before_id"], fields["before_until"] = first.Session.Owner, first.Session.ID, "7258118398"
		fields["session_owner"], fields["session_id"], fields["linked_until"] = second.Session.Owner, second.Session.ID, "7258114798"
		want("the second Link", fields, second.ExpiresAt)

		_, err = f.store.End(ctx, "a", at, future.Add(-2*time.Hour))
		check(f.T, err)
		fields["ended_at"], fields["ended_until"] = "1764230400", "7258111198"
		want("End", fields, second.ExpiresAt)
		_, err = f.store.End(ctx, "a", at.Add(-time.Hour), future.Add(time.Hour))
		check(f.T, err)
		fields["ended_until"] = "7258121998"
		want("the second End", fields, future.Add(time.Hour))
	})
}

// calls are the methods, each with arguments for a link that is not stored.
var calls = map[string]func(context.Context, *Store, oidc.Link) error{
	"Link": func(ctx context.Context, s *Store, l oidc.Link) error { _, err := s.Link(ctx, l); return err },
	"End": func(ctx context.Context, s *Store, l oidc.Link) error {
		_, err := s.End(ctx, l.ID, at, future)
		return err
	},
	"Ended": func(ctx context.Context, s *Store, l oidc.Link) error { _, _, err := s.Ended(ctx, l.ID); return err },
}

// A call whose answer is lost, once or twice, has the result of a call that was sent once.
// If every answer is lost, the call is an outage. So it is if no server answers at all.
func TestLostAnswers(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.Context()
		for name, call := range calls {
			for _, fault := range []redistest.Fault{redistest.LoseAnswer, redistest.Refuse} {
				for n := 1; n <= 3; n++ {
					l := newLink(rand.Text())
					_, _, err := f.store.Ended(ctx, l.ID) // opens a connection: go-redis has retries of its own for that
					check(f.T, err)
					f.proxy.Take()
					for range n {
						f.proxy.Fail(fault)
					}
					err = call(ctx, f.store, l)
					if sent := len(f.proxy.Take()); sent != min(n+1, 3) {
						f.Errorf("%s, fault %d, %d times: sent %d times, want %d", name, fault, n, sent, min(n+1, 3))
					}
					if n == 3 && (err == nil || errors.Is(err, oidc.ErrEnded) || !strings.Contains(err.Error(), f.prefix)) {
						f.Errorf("%s without an answer: %v; want an outage that names the key", name, err)
					}
					if n < 3 && err != nil {
						f.Errorf("%s, fault %d, %d times: %v", name, fault, n, err)
					}
				}
			}
		}
	})
}

// A Link that is sent twice returns the link that it has replaced, and not itself. One that
// is sent again after an End is refused, and the End has returned what the first try stored.
func TestWritesBetweenTries(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, first, second, third := f.Context(), newLink("a"), newLink("a"), newLink("a")
		_, err := f.store.Link(ctx, first)
		check(f.T, err)
		f.proxy.Fail(redistest.LoseAnswer)
		if before, err := f.store.Link(ctx, second); err != nil || before != first {
			f.Errorf("Link, sent twice: %+v, %v; want %+v", before, err, first)
		}
		f.proxy.Fail(redistest.LoseAnswer)
		ended := make(chan oidc.Link, 1)
		f.proxy.Between(func() {
			l, err := f.direct.End(ctx, "a", at, future)
			if err != nil {
				f.Error(err)
			}
			ended <- l
		})
		_, err = f.store.Link(ctx, third)
		if l := <-ended; !errors.Is(err, oidc.ErrEnded) || l != third {
			f.Errorf("Link, with an End between two tries: %v, and the End returned %+v; want %v and %+v", err, l, oidc.ErrEnded, third)
		}
		f.proxy.Fail(redistest.LoseAnswer)
		if l, err := f.store.End(ctx, "a", at, future); err != nil || l != third {
			f.Errorf("End, sent twice: %+v, %v; want %+v", l, err, third)
		}
	})
}

// A damaged record is an outage that says where the damage is: neither a link that is not
// there nor a session that has not ended.
func TestDamage(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.Context()
		for id, fields := range map[string][]any{
			"no until": {"ended_at", "1"},
			"no time":  {"ended_until", "7258118398"},
			"a text":   {"ended_at", "today", "ended_until", "7258118398"},
			"no owner": {"session_id", "x", "linked_until", "7258118398"},
			"no link":  {"session_owner", "x", "session_id", "x"},
		} {
			key := f.prefix + "oidc:" + id
			check(f.T, f.client.HSet(ctx, key, fields...).Err())
			if _, _, err := f.store.Ended(ctx, id); err == nil || !strings.Contains(err.Error(), key+`": field "`) {
				f.Errorf("%s: %v", id, err)
			}
		}
		check(f.T, f.client.Set(ctx, f.prefix+"oidc:text", "x", 0).Err())
		for name, call := range calls {
			if err := call(ctx, f.store, newLink("text")); err == nil || errors.Is(err, oidc.ErrEnded) || !strings.Contains(err.Error(), f.prefix+"oidc:text") {
				f.Errorf("%s of a key that is no hash: %v", name, err)
			}
		}
	})
}
