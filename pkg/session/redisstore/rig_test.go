package redisstore_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

func TestMain(m *testing.M) { redistest.Main(m) }

const (
	none    = redistest.None
	refused = redistest.Refuse
	hanging = redistest.Hang
	lost    = redistest.LoseAnswer
	late    = redistest.Hold
)

// tries is how often a call is sent, the first time included.
const tries = 3

// rig is a Store with a prefix of its own, behind a proxy.
type rig struct {
	t      *testing.T
	proxy  *redistest.Proxy
	store  *redisstore.Store     // through the proxy
	direct *redisstore.Store     // past the proxy
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
	return &rig{t, proxy, redisstore.New(through, prefix), redisstore.New(direct, prefix), direct, prefix}
}

// on returns the rig for a subtest.
func (r *rig) on(t *testing.T) *rig {
	sub := *r
	sub.t = t
	return &sub
}

// now is the time of the tests that do not need the real one: no Store reads a clock.
var now = time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)

// newSession returns a session of a new user that is alive at now.
func newSession() *session.Session {
	return &session.Session{
		ID:              random(16),
		UserID:          rand.Text(),
		Roles:           []string{"reader"},
		Values:          map[string]string{"count": "1"},
		CreatedAt:       now.Add(-time.Hour + 678*time.Millisecond),
		AuthenticatedAt: now.Add(-time.Hour),
		LastSeenAt:      now.Add(-time.Minute),
		ExpiresAt:       now.Add(29 * time.Minute),
		Version:         1,
		IP:              "192.0.2.1",
		UserAgent:       "test/1.0",
		Secret:          [32]byte{1},
		PreviousSecret:  [32]byte{2},
	}
}

func random(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// created returns a new session that is in the store.
func (r *rig) created() *session.Session {
	r.t.Helper()
	s := newSession()
	want(r.t, r.direct.Create(r.t.Context(), s), nil)
	return s
}

// index and key are where the documentation says that things are.
func (r *rig) index(s *session.Session) string { return r.prefix + "{" + s.Key().Owner + "}" }

func (r *rig) key(s *session.Session) string { return r.index(s) + ":" + s.ID }

// holds demands that Get and List return the session just as it is in s.
func (r *rig) holds(s *session.Session) {
	r.t.Helper()
	got, err := r.direct.Get(r.t.Context(), s.Key())
	want(r.t, err, nil)
	if !reflect.DeepEqual(got, s) {
		r.t.Errorf("stored is\n\t%+v\nwant\n\t%+v", got, s)
	}
	if listed := r.listed(s); listed == nil || !reflect.DeepEqual(listed, got) {
		r.t.Errorf("listed is\n\t%+v\nwant\n\t%+v", listed, got)
	}
}

// gone demands that neither Get nor List finds the session.
func (r *rig) gone(s *session.Session) {
	r.t.Helper()
	_, err := r.direct.Get(r.t.Context(), s.Key())
	want(r.t, err, session.ErrNoSession)
	if listed := r.listed(s); listed != nil {
		r.t.Errorf("still listed: %+v", listed)
	}
}

// listed returns the session as List does, or nil.
func (r *rig) listed(s *session.Session) *session.Session {
	r.t.Helper()
	all, err := r.direct.List(r.t.Context(), s.Key().Owner)
	want(r.t, err, nil)
	for _, other := range all {
		if other.ID == s.ID {
			return other
		}
	}
	return nil
}

// errOutage stands for any error that is an outage.
var errOutage = errors.New("an outage")

// want demands the error that is wanted. It may be called from any goroutine.
func want(tb testing.TB, got, want error) {
	tb.Helper()
	switch {
	case want != errOutage && errors.Is(got, want):
	case want == errOutage && got != nil && !errors.Is(got, session.ErrNoSession) && !errors.Is(got, session.ErrConflict):
	default:
		tb.Errorf("error %v, want %v", got, want)
	}
}
