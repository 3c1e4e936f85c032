package memstore

import (
	"context"
	"iter"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) session.Store { return New() })
}

// TestChurn creates many sessions, of which a thousand are live at any time. The Store
// must not keep many more than that.
func TestChurn(t *testing.T) {
	const alive = 1000
	tests := map[string]struct {
		total, users int
		logout       bool
	}{
		"of many users, left to die": {total: 200_000, users: 200_000},
		"of one user, left to die":   {total: 40_000, users: 1},
		"of many users, deleted":     {total: 40_000, users: 40_000, logout: true},
		"of one user, deleted":       {total: 40_000, users: 1, logout: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			life := alive * time.Millisecond
			if tt.logout {
				life = time.Hour
			}
			m, before := New(), heap()
			for i := range tt.total {
				create(t, m, numbered(i, i%tt.users, start().Add(time.Duration(i)*time.Millisecond), life))
				if old := i - alive; old >= 0 && tt.logout {
					remove(t, m, numbered(old, old%tt.users, start(), 0))
				}
				if i%1000 != 0 {
					continue
				}
				if held, limit := m.len(), shardCount*minSweep+3*alive; held > limit {
					t.Fatalf("after %d sessions the store holds %d, more than %d", i, held, limit)
				}
			}
			if grown := heap() - before; grown > 16<<20 {
				t.Errorf("the store takes %d bytes for %d sessions", grown, m.len())
			}
			runtime.KeepAlive(m)
		})
	}
}

// TestPeak fills a Store and lets all sessions but one expire. Then it creates twice as
// many sessions, each of which expires before the next. Afterwards the Store must have
// freed the memory of the peak. All sessions have the same user, so they are in one
// shard and one map.
func TestPeak(t *testing.T) {
	const peak = 50_000
	m, before := New(), heap()
	create(t, m, numbered(0, 0, start(), 10*peak*time.Second))
	for i := 1; i < peak; i++ {
		create(t, m, numbered(i, 0, start(), time.Second))
	}
	full := heap() - before
	for i := peak; i < 3*peak; i++ {
		create(t, m, numbered(i, 0, start().Add(time.Duration(i)*time.Second), time.Second))
	}
	if held := m.len(); held > 2*minSweep {
		t.Errorf("long after a peak of %d sessions the store holds %d", peak, held)
	}
	if grown := heap() - before; grown > full/20 {
		t.Errorf("long after a peak that took %d bytes the store takes %d", full, grown)
	}
	runtime.KeepAlive(m)
}

func TestSweepKeepsTheLiving(t *testing.T) {
	const total = 10_000
	m := New()
	for i := range total {
		life := time.Minute
		if i%10 == 0 {
			life = 24 * time.Hour
		}
		// Half of them share an owner.
		create(t, m, numbered(i, (i%2)*i, start().Add(time.Duration(i)*time.Second), life))
	}
	if m.len() > total/2 {
		t.Fatalf("the store still holds %d of %d sessions: nothing was swept", m.len(), total)
	}
	for i := 0; i < total; i += 10 {
		want := numbered(i, (i%2)*i, start(), 0)
		if s, err := m.Get(t.Context(), want.Key()); err != nil || s.ID != want.ID {
			t.Fatalf("session %d, which is alive: %v, %v", i, s, err)
		}
	}
}

// After a sweep that found n live sessions, at least n Creates follow before the next
// sweep. So a sweep adds little to the average cost of a Create.
func TestSweepsAreRare(t *testing.T) {
	m := New()
	swept := make(map[int]bool)
	for i := range 10_000 {
		create(t, m, numbered(i, 0, start(), time.Hour))
		for s := range m.shards {
			if at := m.shards[s].sweepAt; at != minSweep {
				swept[at] = true
			}
		}
	}
	if len(swept) < 5 || len(swept) > 10 {
		t.Errorf("10,000 sessions of one user made for %d sweeps, at %v; want one at each doubling", len(swept), swept)
	}
}

func TestDeleteFreesTheOwner(t *testing.T) {
	m := New()
	for i := range 1000 {
		s := numbered(i, i, start(), time.Hour)
		create(t, m, s)
		remove(t, m, s)
	}
	for i := range m.shards {
		if sh := &m.shards[i]; len(sh.owners) != 0 || len(sh.sessions) != 0 {
			t.Fatalf("an empty store holds %d owners and %d sessions", len(sh.owners), len(sh.sessions))
		}
	}
}

func TestOwnersShareShards(t *testing.T) {
	const users = 10_000
	m := New()
	for i := range users {
		create(t, m, numbered(i, i, start(), time.Hour))
	}
	for i := range users {
		s := numbered(i, i, start(), 0)
		if all, err := m.List(t.Context(), s.Key().Owner); err != nil || len(all) != 1 || all[0].ID != s.ID {
			t.Fatalf("List of user %d, who has one session: %v, %v", i, all, err)
		}
	}
	for i := range m.shards {
		if size := len(m.shards[i].sessions); size == 0 || size > 1000 {
			t.Errorf("shard %d holds %d of %d sessions", i, size, users)
		}
	}
}

// TestSweepWhileInUse is for the race detector. If one user's clock is a minute behind
// the others, a sweep may have removed that user's session.
func TestSweepWhileInUse(t *testing.T) {
	m := New()
	var wg sync.WaitGroup
	for user := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				s := numbered(i, user, start().Add(time.Duration(i)*time.Second), time.Minute)
				create(t, m, s)
				if err := m.Touch(t.Context(), s.Key(), s.LastSeenAt.Add(time.Second), s.ExpiresAt.Add(time.Second), "", ""); err != nil && err != session.ErrNoSession {
					t.Error(err)
				}
				if _, err := m.Get(t.Context(), s.Key()); err != nil && err != session.ErrNoSession {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func create(t *testing.T, m *Store, s *session.Session) {
	t.Helper()
	if err := m.Create(t.Context(), s); err != nil {
		t.Error(err)
	}
}

func remove(t *testing.T, m *Store, s *session.Session) {
	t.Helper()
	if _, err := m.Delete(t.Context(), s.Key(), nil, start()); err != nil {
		t.Error(err)
	}
}

func (m *Store) len() (n int) {
	for i := range m.shards {
		m.shards[i].mu.Lock()
		n += len(m.shards[i].sessions)
		m.shards[i].mu.Unlock()
	}
	return n
}

func start() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }

// heap returns the number of bytes in use on the heap.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// numbered returns session number i of user number user.
func numbered(i, user int, born time.Time, life time.Duration) *session.Session {
	return &session.Session{
		ID:         strconv.Itoa(i),
		UserID:     strconv.Itoa(user),
		CreatedAt:  born,
		LastSeenAt: born,
		ExpiresAt:  born.Add(life),
		Version:    1,
	}
}

func TestAll(t *testing.T) {
	storetest.RunAll(t, func(*testing.T) (session.Store, func(context.Context) iter.Seq2[*session.Session, error]) {
		m := New()
		return m, m.All
	})
}
