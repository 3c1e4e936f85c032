package memstore

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, New()) }

// BenchmarkParallel calls a store with 10,000 sessions from all processors at once. It
// also measures naive, for comparison:
//
//	go test -run=^$ -bench=Parallel -cpu=1,2,8 ./pkg/session/memstore
func BenchmarkParallel(b *testing.B) {
	for _, call := range []struct {
		name string
		call func(context.Context, session.Store, *session.Session, session.Key) error
	}{
		{"Get", get}, {"Touch", touch}, {"Update", update}, {"CreateDelete", createDelete},
	} {
		b.Run(call.name+"/memstore", func(b *testing.B) { benchmark(b, New(), call.call) })
		b.Run(call.name+"/naive", func(b *testing.B) { benchmark(b, newNaive(), call.call) })
	}
}

// benchmark gives each goroutine a hundred sessions of its own, in addition to the
// others.
func benchmark(b *testing.B, st session.Store, call func(context.Context, session.Store, *session.Session, session.Key) error) {
	const others, own = 10_000, 100
	for i := range others {
		st.Create(b.Context(), numbered(i, i, start(), time.Hour))
	}
	var users atomic.Int64
	users.Store(others)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var mine [own]*session.Session
		var keys [own]session.Key
		for i := range mine {
			user := int(users.Add(1))
			mine[i] = numbered(user, user, start(), 1000*time.Hour)
			mine[i].Roles = []string{"admin", "auditor"}
			mine[i].Values = map[string]string{"display_name": "Alice", "theme": "dark"}
			keys[i] = mine[i].Key()
			st.Create(b.Context(), mine[i])
		}
		for i := 0; pb.Next(); i = (i + 1) % own {
			if err := call(b.Context(), st, mine[i], keys[i]); err != nil {
				b.Error(err)
			}
		}
	})
}

func get(ctx context.Context, st session.Store, _ *session.Session, key session.Key) error {
	_, err := st.Get(ctx, key)
	return err
}

func touch(ctx context.Context, st session.Store, s *session.Session, key session.Key) error {
	s.LastSeenAt, s.ExpiresAt = s.LastSeenAt.Add(1), s.ExpiresAt.Add(1)
	return st.Touch(ctx, key, s.LastSeenAt, s.ExpiresAt, "", "")
}

func update(ctx context.Context, st session.Store, s *session.Session, _ session.Key) error {
	err := st.Update(ctx, s, s.LastSeenAt, s.Version+1)
	s.Version++
	return err
}

func createDelete(ctx context.Context, st session.Store, s *session.Session, key session.Key) error {
	s.ID = strconv.FormatInt(s.Version, 36)
	s.Version++
	if err := st.Create(ctx, s); err != nil {
		return err
	}
	_, err := st.Delete(ctx, session.Key{Owner: key.Owner, ID: s.ID}, nil, s.LastSeenAt)
	return err
}

// naive is the simplest store: a map, and a mutex that is locked during the whole call.
// It leaves out what a benchmark does not need.
type naive struct {
	session.Store
	mu sync.Mutex
	m  map[session.Key]*session.Session
}

func newNaive() *naive { return &naive{m: make(map[session.Key]*session.Session)} }

func (n *naive) Create(_ context.Context, s *session.Session) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.m[s.Key()] = s.Clone()
	return nil
}

func (n *naive) Get(_ context.Context, key session.Key) (*session.Session, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.m[key].Clone(), nil
}

func (n *naive) Update(_ context.Context, s *session.Session, _ time.Time, newVersion int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := n.m[s.Key()]
	if next.Version != s.Version {
		return session.ErrConflict
	}
	given := s.Clone()
	next.Roles, next.Values, next.Version = given.Roles, given.Values, newVersion
	return nil
}

func (n *naive) Touch(_ context.Context, key session.Key, now, expires time.Time, _, _ string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.m[key].LastSeenAt, n.m[key].ExpiresAt = now, expires
	return nil
}

func (n *naive) Delete(_ context.Context, key session.Key, _ *[32]byte, _ time.Time) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.m, key)
	return "", nil
}
