package redisaccounts

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
)

func TestMain(m *testing.M) { redistest.Main(m) }

// scripts has all scripts, so that a fixture can load them and each call is one EVALSHA.
var scripts = []*redis.Script{
	createScript, updateScript, setScript, deleteScript, claimScript, passScript,
	countScript, withdrawScript, keepScript, clearScript,
}

// fixture has the stores with their own prefix, behind a proxy and directly.
type fixture struct {
	*testing.T
	proxy          *redistest.Proxy
	client         redis.UniversalClient // not through the proxy
	through        redis.UniversalClient
	prefix         string
	users          *Store    // through the proxy
	attempts       *Attempts // through the proxy
	direct         *Store
	directAttempts *Attempts
}

// each runs a test on a single server and on a Redis Cluster.
func each(t *testing.T, test func(*fixture)) {
	t.Parallel()
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		test(newFixture(t, redistest.Options(t)))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		options, proxy := redistest.ClusterOptions(t), redistest.NewProxy(t)
		options.Dialer = proxy.Dial
		test(assemble(t, proxy, redis.NewClusterClient(options), redis.NewClusterClient(redistest.ClusterOptions(t))))
	})
}

func newFixture(t *testing.T, options *redis.Options) *fixture {
	t.Helper()
	through, proxy := *options, redistest.NewProxy(t)
	through.Dialer = proxy.Dial
	return assemble(t, proxy, redis.NewClient(&through), redis.NewClient(options))
}

// newOwnServer returns a fixture on a server that no other test uses.
func newOwnServer(t *testing.T) (*fixture, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	return newFixture(t, server.Options()), server
}

func assemble(t *testing.T, proxy *redistest.Proxy, through, direct redis.UniversalClient) *fixture {
	t.Helper()
	t.Cleanup(func() {
		through.Close()
		direct.Close()
	})
	for _, script := range scripts {
		check(t, script.Load(t.Context(), direct).Err())
	}
	prefix := redistest.Prefix(t)
	return &fixture{
		T: t, proxy: proxy, client: direct, through: through, prefix: prefix,
		users: New(through, prefix), attempts: NewAttempts(through, prefix),
		direct: New(direct, prefix), directAttempts: NewAttempts(direct, prefix),
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// errOutage stands for any error that says nothing about the account.
var errOutage = errors.New("an outage")

// want ends the test unless got is target: nil, an error, or errOutage.
func want(t *testing.T, got, target error) {
	t.Helper()
	ok := errors.Is(got, target)
	if target == errOutage {
		ok = got != nil && !errors.Is(got, accounts.ErrNotFound) && !errors.Is(got, accounts.ErrExists) && !errors.Is(got, accounts.ErrChanged)
	}
	if !ok {
		t.Fatalf("error is %v, want %v", got, target)
	}
}

// now is far in the future, because Redis uses its own clock to remove counters that
// expired long ago.
var now = time.Date(2100, 1, 2, 3, 4, 5, 678e6, time.UTC)

// attempt returns an attempt with two free failures, and then a wait of ten seconds
// after each.
func attempt(id string, after time.Duration) throttle.Count {
	at := now.Add(after)
	ladder := throttle.Ladder{Free: 2, First: 10 * time.Second, Longest: 10 * time.Second, Lock: 100}
	return throttle.Count{Key: "name/x", ID: id, At: at, Steps: ladder.Steps(), Expires: at.Truncate(time.Second).Add(time.Hour)}
}
