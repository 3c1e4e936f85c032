package redisbridge

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
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/bridgetest"
	"example.com/coatcheck/pkg/session"
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
	for _, script := range []*redis.Script{putScript, endScript, deleteScript, sealScript, getSealScript, openScript, closeScript} {
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

func newLink() bridge.Link {
	return bridge.Link{ID: rand.Text(), Nonce: rand.Text(), Source: "shop", Session: session.Key{Owner: rand.Text(), ID: rand.Text()}, At: time.UnixMilli(1764230400123).UTC()}
}

func TestStore(t *testing.T) {
	each(t, func(f *fixture) {
		bridgetest.Run(f.T, func(t *testing.T) bridge.Store { return New(f.client, redistest.Prefix(t)) })
	})
}

// The format of the keys is public: programs in other languages read them. Nothing expires.
func TestKeys(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, l := f.Context(), newLink()
		_, err := f.store.PutLink(ctx, l)
		check(f.T, err)
		check(f.T, f.store.PutSeal(ctx, "o1", l.At))
		_, err = f.store.OpenWindow(ctx, l.At)
		check(f.T, err)
		link := map[string]string{"nonce": l.Nonce, "source": "shop", "session_owner": l.Session.Owner, "session_id": l.Session.ID, "written_at": "1764230400123", "ended": "0"}
		for key, want := range map[string]map[string]string{
			"bridge:link:" + l.ID: link, "bridge:window": {"ends_at": "1764230400", "closed": "0"},
		} {
			if got, err := f.client.HGetAll(ctx, f.prefix+key).Result(); err != nil || !maps.Equal(got, want) {
				f.Errorf("%s is %q, %v; want %q", key, got, err, want)
			}
		}
		if got, err := f.client.Get(ctx, f.prefix+"bridge:seal:o1").Result(); err != nil || got != "1764230400123" {
			f.Errorf("the seal is %q, %v", got, err)
		}
		for _, key := range []string{"bridge:link:" + l.ID, "bridge:window", "bridge:seal:o1"} {
			if ttl, err := f.client.TTL(ctx, f.prefix+key).Result(); err != nil || ttl != -1 {
				f.Errorf("%s expires: %v, %v", key, ttl, err)
			}
		}
		end := newLink()
		end.ID = l.ID
		_, err = f.store.EndLink(ctx, end)
		check(f.T, err)
		link["nonce"], link["ended"] = end.Nonce, "1"
		if got, err := f.client.HGetAll(ctx, f.prefix+"bridge:link:"+l.ID).Result(); err != nil || !maps.Equal(got, link) {
			f.Errorf("the ended link is %q, %v; want %q", got, err, link)
		}
	})
}

// calls are the methods that are one script, each with arguments for the link.
var calls = map[string]func(context.Context, *Store, bridge.Link) error{
	"PutLink":    func(ctx context.Context, s *Store, l bridge.Link) error { _, err := s.PutLink(ctx, l); return err },
	"GetLink":    func(ctx context.Context, s *Store, l bridge.Link) error { _, err := s.GetLink(ctx, l.ID); return err },
	"DeleteLink": func(ctx context.Context, s *Store, l bridge.Link) error { return s.DeleteLink(ctx, l.ID, l.Nonce) },
	"EndLink":    func(ctx context.Context, s *Store, l bridge.Link) error { _, err := s.EndLink(ctx, l); return err },
	"PutSeal":    func(ctx context.Context, s *Store, l bridge.Link) error { return s.PutSeal(ctx, l.ID, l.At) },
	"GetSeal":    func(ctx context.Context, s *Store, l bridge.Link) error { _, err := s.GetSeal(ctx, l.ID); return err },
	"OpenWindow": func(ctx context.Context, s *Store, l bridge.Link) error {
		_, err := s.OpenWindow(ctx, l.At)
		return err
	},
	"GetWindow":   func(ctx context.Context, s *Store, _ bridge.Link) error { _, err := s.GetWindow(ctx); return err },
	"CloseWindow": func(ctx context.Context, s *Store, _ bridge.Link) error { return s.CloseWindow(ctx) },
}

// A call whose answer is lost, once or twice, has the result of a call that was sent once.
// If every answer is lost, the call is an outage. So it is if no server answers at all.
func TestLostAnswers(t *testing.T) {
	each(t, func(f *fixture) {
		ctx := f.Context()
		_, err := f.store.OpenWindow(ctx, time.Now())
		check(f.T, err)
		for name, call := range calls {
			for _, fault := range []redistest.Fault{redistest.LoseAnswer, redistest.Refuse} {
				for n := 1; n <= 3; n++ {
					l := newLink()
					if name != "PutLink" {
						_, err := f.direct.PutLink(ctx, l)
						check(f.T, err)
					}
					_, err := f.store.GetWindow(ctx) // opens a connection: go-redis has retries of its own for that
					check(f.T, err)
					_, err = f.store.GetLink(ctx, l.ID)
					if err != bridge.ErrNotFound {
						check(f.T, err)
					}
					_, err = f.store.GetSeal(ctx, l.ID)
					check(f.T, err)
					f.proxy.Take()
					for range n {
						f.proxy.Fail(fault)
					}
					err = call(ctx, f.store, l)
					if sent := len(f.proxy.Take()); sent != min(n+1, 3) {
						f.Errorf("%s, fault %d, %d times: sent %d times, want %d", name, fault, n, sent, min(n+1, 3))
					}
					if n == 3 && (err == nil || errors.Is(err, bridge.ErrExists) || errors.Is(err, bridge.ErrNotFound) || !strings.Contains(err.Error(), f.prefix)) {
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

// The end of a link, sent twice, does not lose the session. A put that is sent again after
// the end of its link finds that.
func TestWritesBetweenTries(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, l, end := f.Context(), newLink(), newLink()
		end.ID = l.ID
		_, err := f.store.GetLink(ctx, l.ID)
		if err != bridge.ErrNotFound {
			f.Fatal(err)
		}
		f.proxy.Fail(redistest.LoseAnswer)
		done := make(chan error, 1)
		f.proxy.Between(func() {
			_, err := f.direct.EndLink(ctx, end)
			done <- err
		})
		stored, err := f.store.PutLink(ctx, l)
		check(f.T, <-done)
		if err != bridge.ErrExists || !stored.Ended || stored.Nonce != end.Nonce || stored.Session != l.Session {
			f.Errorf("PutLink, ended between two tries: %+v, %v", stored, err)
		}
		f.proxy.Fail(redistest.LoseAnswer)
		before, err := f.store.EndLink(ctx, end)
		if err != nil || before.Session != l.Session {
			f.Errorf("EndLink, sent twice: %+v, %v; want the session %v", before, err, l.Session)
		}
	})
}

// A damaged record is an outage that says where the damage is: neither a link that is not
// there nor a user without a seal. Links goes on behind it.
func TestDamage(t *testing.T) {
	each(t, func(f *fixture) {
		ctx, good := f.Context(), newLink()
		_, err := f.store.PutLink(ctx, good)
		check(f.T, err)
		link, seal, window := f.prefix+"bridge:link:a", f.prefix+"bridge:seal:b", f.prefix+"bridge:window"
		check(f.T, f.client.HSet(ctx, link, "nonce", "n", "written_at", "1", "ended", "0").Err())
		check(f.T, f.client.Set(ctx, seal, "today", 0).Err())
		check(f.T, f.client.HSet(ctx, window, "ends_at", "1").Err())
		check(f.T, f.client.Set(ctx, f.prefix+"bridge:link:c", "x", 0).Err())
		for name, test := range map[string]struct {
			call func() error
			says string
		}{
			"GetLink":            {func() error { _, err := f.store.GetLink(ctx, "a"); return err }, link + `": field "source" is missing`},
			"PutLink":            {func() error { _, err := f.store.PutLink(ctx, bridge.Link{ID: "a"}); return err }, link + `": field "source" is missing`},
			"GetLink of no hash": {func() error { _, err := f.store.GetLink(ctx, "c"); return err }, f.prefix + "bridge:link:c"},
			"GetSeal":            {func() error { _, err := f.store.GetSeal(ctx, "b"); return err }, seal + `": it is not a whole number`},
			"PutSeal":            {func() error { return f.store.PutSeal(ctx, "b", time.Now()) }, seal},
			"GetWindow":          {func() error { _, err := f.store.GetWindow(ctx); return err }, window + `": field "closed" is missing`},
		} {
			if err := test.call(); err == nil || !strings.Contains(err.Error(), test.says) || errors.Is(err, bridge.ErrExists) || errors.Is(err, bridge.ErrNotFound) {
				f.Errorf("%s: %v, want %s", name, err, test.says)
			}
		}
		found, damaged := 0, 0
		for l, err := range f.store.Links(ctx) {
			if err != nil {
				damaged++
			} else if l == good {
				found++
			}
		}
		if found != 1 || damaged != 2 {
			f.Errorf("%d good links and %d damaged ones, want 1 and 2", found, damaged)
		}
	})
}
