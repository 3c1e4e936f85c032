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

// The tests speak of these so often that they have short names here.
var (
	now, newSession = faults.Now, faults.NewSession
	want, errOutage = faults.Want, faults.ErrOutage

	create, get, list             = faults.Create, faults.Get, faults.List
	update, touch, logout, revoke = faults.Update, faults.Touch, faults.Logout, faults.Revoke
)

// tries is how often a call is sent, the first time included.
const tries = 3

// rig is a Store with a prefix of its own, behind a proxy.
type rig struct {
	*faults.Bench
	proxy  *redistest.Proxy
	client redis.UniversalClient // past the proxy
	prefix string
}

// each runs a test on a single server and on a Redis Cluster.
func each(t *testing.T, test func(*testing.T, *rig)) {
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		test(t, newRig(t))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		test(t, newClusterRig(t))
	})
}

// onBoth runs a test that all stores have in common on both.
func onBoth(t *testing.T, test func(*testing.T, faults.Open)) {
	t.Parallel()
	t.Run("server", func(t *testing.T) {
		test(t, func(t *testing.T) *faults.Bench { return newRig(t).Bench })
	})
	t.Run("cluster", func(t *testing.T) {
		test(t, func(t *testing.T) *faults.Bench { return newClusterRig(t).Bench })
	})
}

// newRig returns a rig on the server that tests share. Clients have the default
// retries of go-redis, to show that they do no harm.
func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, redistest.Options)
}

// newRigOn returns a rig on the server that the options lead to.
func newRigOn(t *testing.T, options func(testing.TB) *redis.Options) *rig {
	t.Helper()
	through, proxy := options(t), redistest.NewProxy(t)
	through.Dialer = proxy.Dial
	return assemble(t, proxy, redis.NewClient(through), redis.NewClient(options(t)))
}

// newOwnRig returns a rig on a server of its own.
func newOwnRig(t *testing.T) (*rig, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	return newRigOn(t, func(testing.TB) *redis.Options { return server.Options() }), server
}

func newClusterRig(t *testing.T) *rig {
	t.Helper()
	through, proxy := redistest.ClusterOptions(t), redistest.NewProxy(t)
	through.Dialer = proxy.Dial
	return assemble(t, proxy, redis.NewClusterClient(through), redis.NewClusterClient(redistest.ClusterOptions(t)))
}

func assemble(t *testing.T, proxy *redistest.Proxy, through, direct redis.UniversalClient) *rig {
	t.Helper()
	t.Cleanup(func() {
		through.Close()
		direct.Close()
	})
	for _, script := range redisstore.Scripts { // so that each call is one EVALSHA
		want(t, script.Load(t.Context(), direct).Err(), nil)
	}
	prefix := redistest.Prefix(t)
	r := &rig{proxy: proxy, client: direct, prefix: prefix}
	r.Bench = &faults.Bench{
		TB: t, Proxy: r, Store: redisstore.New(through, prefix), Direct: redisstore.New(direct, prefix), Tries: tries, Pages: 2,
	}
	return r
}

var proxyFaults = map[faults.Fault]redistest.Fault{
	faults.None: redistest.None, faults.Refused: redistest.Refuse, faults.Hanging: redistest.Hang,
	faults.Lost: redistest.LoseAnswer, faults.Late: redistest.Hold,
}

// Spoil and what follows are the rig as a [faults.Proxy], which does not tell one
// script from another.
func (r *rig) Spoil(_ faults.Call, next ...faults.Fault) {
	for _, fault := range next {
		r.proxy.Fail(proxyFaults[fault])
	}
}

func (r *rig) SpoilAll(fault faults.Fault) { r.proxy.FailAll(proxyFaults[fault]) }

func (r *rig) Between(f func()) { r.proxy.Between(f) }

func (r *rig) Sent(faults.Call) int { return len(r.proxy.Take()) }

func (r *rig) Forget() { r.proxy.Take() }

func (r *rig) Deliver() []bool {
	r.Helper()
	r.proxy.Deliver()
	return nil
}

// index and key are where the documentation says that things are.
func (r *rig) index(s *session.Session) string { return r.prefix + "{" + s.Key().Owner + "}" }

func (r *rig) key(s *session.Session) string { return r.index(s) + ":" + s.ID }
