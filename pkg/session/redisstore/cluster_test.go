package redisstore_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/session"
)

// While the slot of an owner moves to another node, key by key, each call succeeds or is
// an outage. It never returns ErrNoSession or an incomplete list. After the move all
// calls succeed.
//
// This test is not parallel, because parallel tests use the same slots.
func TestMovingSlot(t *testing.T) {
	r := newClusterFixture(t)
	s := r.Created()
	sibling := s.Clone()
	sibling.ID = faults.ID()
	want(t, r.Direct.Create(t.Context(), sibling), nil)
	m := r.newMove(r.index(s))

	right := func(when string) {
		t.Helper()
		for _, sess := range []*session.Session{s, sibling} {
			want(t, get.Do(t.Context(), r.Store, sess), nil) // a single key is always on exactly one node
		}
		all, err := r.Store.List(t.Context(), s.Key().Owner)
		if err == nil && len(all) != 2 {
			t.Errorf("%s, List returned %d sessions of 2", when, len(all))
		}
		for _, err := range []error{
			err,
			r.Store.Update(t.Context(), faults.Write(s, s.Version), now, s.Version),
			r.Store.Touch(t.Context(), s.Key(), s.LastSeenAt, s.ExpiresAt, "", ""),
			r.Store.Create(t.Context(), s),
		} {
			if err != nil && !errors.Is(err, session.ErrConflict) {
				want(t, err, errOutage)
			}
		}
		created := s.Clone()
		created.ID = faults.ID()
		all, err = r.Store.(session.CreateLister).CreateAndList(t.Context(), created)
		if err == nil && len(all) != 3 || err != nil && len(all) > 0 {
			t.Errorf("%s, CreateAndList beside two sessions returned %d and %v", when, len(all), err)
		}
		if err != nil {
			want(t, err, errOutage)
			_, err = r.Store.Get(t.Context(), created.Key())
			want(t, err, session.ErrNoSession)
			return
		}
		want(t, revoke.Do(t.Context(), r.Store, created), nil)
	}
	m.begin()
	for _, key := range []string{r.key(s), r.index(s), r.key(sibling)} {
		right("before " + key + " moved")
		m.key(key)
	}
	right("with every key moved")
	m.end()
	right("with the slot moved")

	r.Holds(s)
	r.Holds(sibling)
	for _, c := range faults.Repeatable[2:] {
		fresh := s.Clone()
		fresh.ID = faults.ID()
		want(t, r.Store.Create(t.Context(), fresh), nil)
		want(t, c.Do(t.Context(), r.Store, fresh), nil)
		r.Left(c, fresh)
	}
}

// move moves one slot from one node to another.
type move struct {
	t            testing.TB
	slot         int64
	nodes        []*redis.Client
	from, to     *redis.Client
	fromID, toID string
}

// newMove prepares to move the slot of a key.
func (r *fixture) newMove(key string) *move {
	r.Helper()
	m := &move{t: r, slot: r.client.ClusterKeySlot(r.Context(), key).Val()}
	for _, address := range redistest.ClusterOptions(r).Addrs {
		node := redis.NewClient(&redis.Options{Addr: address})
		r.Cleanup(func() { node.Close() })
		m.nodes = append(m.nodes, node)
		id, err := node.Do(r.Context(), "cluster", "myid").Text()
		want(r, err, nil)
		switch n, err := node.ClusterCountKeysInSlot(r.Context(), int(m.slot)).Result(); {
		case err != nil:
			r.Fatal(err)
		case n > 0:
			m.from, m.fromID = node, id
		default:
			m.to, m.toID = node, id
		}
	}
	if m.from == nil {
		r.Fatalf("no node has the slot of %s", key)
	}
	return m
}

func (m *move) begin() {
	m.t.Helper()
	m.set(m.to, "importing", m.fromID)
	m.set(m.from, "migrating", m.toID)
}

func (m *move) key(key string) {
	m.t.Helper()
	host, port, err := net.SplitHostPort(m.to.Options().Addr)
	want(m.t, err, nil)
	want(m.t, m.from.Migrate(m.t.Context(), host, port, key, 0, 10*time.Second).Err(), nil)
}

func (m *move) end() {
	m.t.Helper()
	for _, node := range append([]*redis.Client{m.to, m.from}, m.nodes...) {
		m.set(node, "node", m.toID)
	}
}

func (m *move) set(node *redis.Client, words ...any) {
	m.t.Helper()
	all := append([]any{"cluster", "setslot", m.slot}, words...)
	want(m.t, node.Do(m.t.Context(), all...).Err(), nil)
}
