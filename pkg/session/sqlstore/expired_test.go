package sqlstore_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// createDead creates n sessions that are dead at now, and one that expires a second
// after now. The dead sessions are in the order of expiry, and the last expires exactly
// at now.
func (r *fixture) createDead(n int) (dead []*session.Session, alive *session.Session) {
	r.Helper()
	for i := range n + 1 {
		s := newSession()
		s.ExpiresAt = now.Add(time.Duration(i+1-n) * time.Second)
		want(r.TB, r.Direct.Create(r.Context(), s), nil)
		dead = append(dead, s)
	}
	return dead[:n], dead[n]
}

func (r *fixture) wantDeleted(limit, n int) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	got, err := r.store.DeleteExpired(ctx, now, limit)
	want(r.TB, err, nil)
	if got != n {
		r.Errorf("removed %d, want %d", got, n)
	}
}

func TestDeleteExpired(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		r.wantDeleted(10, 0)
		dead, alive := r.createDead(5)
		r.wantDeleted(2, 2)
		for i, s := range dead {
			if i < 2 {
				r.Gone(s)
			} else {
				r.Holds(s)
			}
		}
		r.wantDeleted(3, 3)
		r.wantDeleted(3, 0)
		r.Holds(alive)
		for _, limit := range []int{0, -1} {
			if _, err := r.store.DeleteExpired(t.Context(), now, limit); err == nil {
				t.Errorf("no error for a limit of %d", limit)
			}
		}
	})
}

// Several jobs at the same time remove every dead session once, and no live one.
func TestDeleteExpiredAtOnce(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		const total = 100
		_, alive := r.createDead(total)
		var removed atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			store := r.another().store
			wg.Go(func() {
				for n, err := 1, error(nil); n > 0; removed.Add(int64(n)) {
					if n, err = store.DeleteExpired(t.Context(), now, 7); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		rest, err := r.store.DeleteExpired(t.Context(), now, total)
		want(t, err, nil)
		if n := int(removed.Load()) + rest; n != total {
			t.Errorf("removed %d, want %d", n, total)
		}
		r.Holds(alive)
	})
}

// DeleteExpired skips a row that another transaction has locked, and does not wait.
func TestDeleteExpiredSkipsLocked(t *testing.T) {
	t.Parallel()
	r := newFixture(t, postgreSQL)
	dead, _ := r.createDead(3)
	other := r.begin()
	other.exec(`UPDATE coatcheck_sessions SET expires_at = $1 WHERE id = $2`, now.Unix()+60, dead[0].ID)
	r.wantDeleted(10, 2)
	other.end(true)
	r.wantDeleted(10, 0)
	dead[0].ExpiresAt = now.Add(time.Minute)
	r.Holds(dead[0])
}
