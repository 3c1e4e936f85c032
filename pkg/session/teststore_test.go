package session_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/coatcheck/pkg/session"
)

// hook is what a test runs at a call of the store. If it returns an error, the call
// returns that error.
type hook func(context.Context) error

var methods = []string{"Create", "Get", "Update", "Touch", "Delete", "List"}

// testStore is a Store that counts its calls and runs the hooks of a test. A hook
// before a call may hang, run another request first, or refuse the call. A hook
// after a call may lose its answer. A test sets hooks only while no call is running.
type testStore struct {
	session.Store
	before, after map[string]hook // by method

	mu    sync.Mutex
	calls map[string]int
}

// down makes every call of these methods, or of all methods, fail as an outage until
// up is called.
func (s *testStore) down(only ...string) {
	for _, method := range methods {
		if len(only) == 0 || slices.Contains(only, method) {
			s.before[method] = fails
		}
	}
}

// up removes all hooks.
func (s *testStore) up() {
	clear(s.before)
	clear(s.after)
}

func fails(context.Context) error { return errOutage }

// hangs is a hook for a store that never answers.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// once returns a hook that runs f at the first call only. Calls that f itself makes
// do not run f again.
func once(f hook) hook {
	var ran atomic.Bool
	return func(ctx context.Context) error {
		if ran.Swap(true) {
			return nil
		}
		return f(ctx)
	}
}

// count returns how often these methods, or all methods, were called since they
// were last counted.
func (s *testStore) count(only ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for method, calls := range s.calls {
		if len(only) == 0 || slices.Contains(only, method) {
			n += calls
			delete(s.calls, method)
		}
	}
	return n
}

func (s *testStore) do(ctx context.Context, method string, call func() error) error {
	s.mu.Lock()
	s.calls[method]++
	s.mu.Unlock()
	if h := s.before[method]; h != nil {
		if err := h(ctx); err != nil {
			return err
		}
	}
	err := call()
	if h := s.after[method]; h != nil {
		if lost := h(ctx); lost != nil {
			return lost
		}
	}
	return err
}

func (s *testStore) Create(ctx context.Context, n *session.Session) error {
	return s.do(ctx, "Create", func() error { return s.Store.Create(ctx, n) })
}

func (s *testStore) Get(ctx context.Context, key session.Key) (got *session.Session, err error) {
	err = s.do(ctx, "Get", func() (err error) { got, err = s.Store.Get(ctx, key); return err })
	return got, err
}

func (s *testStore) Update(ctx context.Context, n *session.Session, now time.Time, newVersion int64) error {
	return s.do(ctx, "Update", func() error { return s.Store.Update(ctx, n, now, newVersion) })
}

func (s *testStore) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return s.do(ctx, "Touch", func() error { return s.Store.Touch(ctx, key, now, expires, ip, userAgent) })
}

func (s *testStore) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	err = s.do(ctx, "Delete", func() (err error) { userID, err = s.Store.Delete(ctx, key, secret, now); return err })
	return userID, err
}

func (s *testStore) List(ctx context.Context, owner string) (got []*session.Session, err error) {
	err = s.do(ctx, "List", func() (err error) { got, err = s.Store.List(ctx, owner); return err })
	return got, err
}
