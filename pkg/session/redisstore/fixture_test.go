package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

func TestMain(m *testing.M) { redistest.Main(m) }

// The tests use these names often, so they are short here.
var (
	now, newSession = faults.Now, faults.NewSession
	want, errOutage = faults.Want, faults.ErrOutage

	create, createAndList         = faults.Create, faults.CreateAndList
	get, list                     = faults.Get, faults.List
	update, touch, logout, revoke = faults.Update, faults.Touch, faults.Logout, faults.Revoke
)

// tries is how often a call is sent at most, including the first time.
const tries = 3

// fixture is a Store with its own prefix, behind a proxy.
type fixture struct {
	*faults.Fixture
	proxy  *redistest.Proxy
	client redis.UniversalClient // not through the proxy
	prefix string
}

// each runs a test on a single server and on a Redis Cluster.
func each(t *testing.T, test func(*testing.T, *fixture)) {
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		test(t, newFixture(t))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		test(t, newClusterFixture(t))
	})
}

// onBoth runs a test of package faults on a single server and on a Redis Cluster.
func onBoth(t *testing.T, test func(*testing.T, faults.Open)) {
	t.Parallel()
	t.Run("server", func(t *testing.T) {
		test(t, func(t *testing.T) *faults.Fixture { return newFixture(t).Fixture })
	})
	t.Run("cluster", func(t *testing.T) {
		test(t, func(t *testing.T) *faults.Fixture { return newClusterFixture(t).Fixture })
	})
}

// newFixture returns a fixture on the server that the tests share. The clients have the
// default retries of go-redis, to show that these cause no errors.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureOn(t, redistest.Options)
}

// newFixtureOn returns a fixture on the server of the options.
func newFixtureOn(t *testing.T, options func(testing.TB) *redis.Options) *fixture {
	t.Helper()
	through, proxy := options(t), redistest.NewProxy(t)
	through.Dialer = proxy.Dial
	return assemble(t, proxy, redis.NewClient(through), redis.NewClient(options(t)))
}

// newOwnServerFixture returns a fixture on a server that no other test uses.
func newOwnServerFixture(t *testing.T) (*fixture, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	return newFixtureOn(t, func(testing.TB) *redis.Options { return server.Options() }), server
}

func newClusterFixture(t *testing.T) *fixture {
	t.Helper()
	through, proxy := redistest.ClusterOptions(t), redistest.NewProxy(t)
	through.Dialer = proxy.Dial
	return assemble(t, proxy, redis.NewClusterClient(through), redis.NewClusterClient(redistest.ClusterOptions(t)))
}

func assemble(t *testing.T, proxy *redistest.Proxy, through, direct redis.UniversalClient) *fixture {
	t.Helper()
	t.Cleanup(func() {
		through.Close()
		direct.Close()
	})
	for _, script := range redisstore.Scripts { // so that each call is one EVALSHA
		want(t, script.Load(t.Context(), direct).Err(), nil)
	}
	prefix := redistest.Prefix(t)
	r := &fixture{proxy: proxy, client: direct, prefix: prefix}
	r.Fixture = &faults.Fixture{
		TB: t, Proxy: r, Store: redisstore.New(through, prefix), Direct: redisstore.New(direct, prefix), Tries: tries, Pages: 2,
	}
	return r
}

var proxyFaults = map[faults.Fault]redistest.Fault{
	faults.None: redistest.None, faults.Refused: redistest.Refuse, faults.Hanging: redistest.Hang,
	faults.Lost: redistest.LoseAnswer, faults.Late: redistest.Hold,
}

// Inject and the methods up to Deliver implement [faults.Proxy]. The proxy cannot tell one
// script from another.
func (r *fixture) Inject(_ faults.Call, next ...faults.Fault) {
	for _, fault := range next {
		r.proxy.Fail(proxyFaults[fault])
	}
}

func (r *fixture) InjectAll(fault faults.Fault) { r.proxy.FailAll(proxyFaults[fault]) }

func (r *fixture) Hung() int { return r.proxy.Hung() }

func (r *fixture) Between(f func()) { r.proxy.Between(f) }

func (r *fixture) Sent(faults.Call) int { return len(r.proxy.Take()) }

func (r *fixture) Forget() { r.proxy.Take() }

func (r *fixture) Deliver() []bool {
	r.Helper()
	r.proxy.Deliver()
	return nil
}

// index and key return the keys that the documentation names.
func (r *fixture) index(s *session.Session) string { return r.prefix + "{" + s.Key().Owner + "}" }

func (r *fixture) key(s *session.Session) string { return r.index(s) + ":" + s.ID }
