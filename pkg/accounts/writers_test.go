package accounts_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/signin/authn"
)

// 32 writers change one account at the same time, on a store whose calls take a few
// milliseconds, and on a busy one, which writes one after another. Without a pause before
// they read again, most of them would lose every race.
func TestManyWriters(t *testing.T) {
	for name, write := range map[string]time.Duration{"fast": 0, "busy": 5 * time.Millisecond} {
		t.Run(name, func(t *testing.T) { testManyWriters(t, write) })
	}
}

func testManyWriters(t *testing.T, write time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		const writers, changes = 32, 40
		directory := accounts.NewRegistrar(remoteStore{memaccounts.New(), make(chan struct{}, 1), write}, accounts.Config{Hasher: plain}).Checked()
		if _, err := directory.Register(t.Context(), "alice", "", nil, phrase); err != nil {
			t.Fatal(err)
		}
		var failed atomic.Int32
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range changes {
					account, err := directory.Find(t.Context(), "alice")
					if err == nil {
						_, err = directory.SetProfile(t.Context(), account, new("Alice"), nil)
					}
					if err != nil {
						failed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if failed.Load() > writers*changes/1000 {
			t.Errorf("%d of %d changes failed, want 1 of 1,000 at most", failed.Load(), writers*changes)
		}
	})
}

// remoteStore is a store behind a network. Each write takes the time in write, and the
// next one waits for its end.
type remoteStore struct {
	accounts.Registry
	slot  chan struct{} // a Mutex would stop the bubble's clock
	write time.Duration
}

func (s remoteStore) Get(ctx context.Context, name string) (*accounts.Account, error) {
	defer wayBack()
	return s.Registry.Get(ctx, name)
}

func (s remoteStore) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	time.Sleep(time.Millisecond + rand.N(3*time.Millisecond))
	defer wayBack()
	s.slot <- struct{}{}
	defer func() { <-s.slot }()
	time.Sleep(s.write)
	return s.Registry.Update(ctx, a, newRevision)
}

func wayBack() { time.Sleep(time.Millisecond + rand.N(3*time.Millisecond)) }

// A change that waits before it reads again ends with its request.
func TestPauseEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newChangeFixture(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.store.Registry = failingStore{r.store.Registry, func(context.Context) error { return accounts.ErrChanged }}
		_, err := r.SetDisabled(ctx, r.alice(), true)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, authn.ErrBusy) {
			t.Errorf("SetDisabled = %v, want ErrBusy and the context's error", err)
		}
		start := time.Now()
		if _, err := r.SetDisabled(t.Context(), r.alice(), true); err != authn.ErrBusy || time.Since(start) > 40*time.Second {
			t.Errorf("SetDisabled = %v after %v, want ErrBusy", err, time.Since(start))
		}
	})
}
