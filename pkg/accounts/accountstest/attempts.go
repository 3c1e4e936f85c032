package accountstest

import (
	"context"
	"crypto/rand"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts/throttle"
)

var (
	start   = time.Date(2026, 11, 26, 12, 0, 0, 123456789, time.UTC)
	ms      = start.Truncate(time.Millisecond)
	expires = time.Date(2026, 12, 26, 12, 0, 0, 0, time.UTC)
	ladder  = throttle.Ladder{Free: 2, First: 10 * time.Second, Longest: 20 * time.Second, Lock: 5}
)

// AttemptAt returns an attempt at a time after a fixed start, which is the same for
// all attempts. Its ladder has two free failures, waits of 10 and 20 seconds, and a
// lock at five failures.
func AttemptAt(key string, after time.Duration) throttle.Count {
	return throttle.Count{Key: key, ID: rand.Text(), At: start.Add(after), Steps: ladder.Steps(), Expires: expires}
}

// RunAttempts tests a store of attempts to sign in. The function newStore returns an
// empty store.
func RunAttempts(t *testing.T, newStore func(*testing.T) throttle.Store) {
	t.Run("the ladder", func(t *testing.T) { testLadder(t, newStore(t)) })
	t.Run("many at once", func(t *testing.T) { testConcurrent(t, newStore(t)) })
}

// testLadder counts attempts one after another and compares the counter after each.
func testLadder(t *testing.T, store throttle.Store) {
	count := func(key string, after time.Duration, want throttle.Counter, counted bool) {
		t.Helper()
		got, ok, err := store.Count(t.Context(), AttemptAt(key, after))
		if !reflect.DeepEqual(got, want) || ok != counted || err != nil {
			t.Fatalf("Count %v after the start = %+v, %v, %v\nwant %+v, %v", after, got, ok, err, want, counted)
		}
	}
	change := func(method func(context.Context, string) error, key string) {
		t.Helper()
		if err := method(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	counter := func(failures int, last time.Time) throttle.Counter {
		return throttle.Counter{Failures: failures, Last: last, Expires: expires}
	}
	const s = time.Second

	count("a", 0, counter(1, ms), true)
	count("a", -time.Minute, counter(2, ms.Add(-time.Minute)), true) // an instance whose clock is a minute slow
	change(store.Clear, "a")
	count("a", 0, counter(1, ms), true)
	count("a", 0, counter(2, ms), true)
	count("a", 0, counter(2, ms), false)
	count("a", 10*s-time.Millisecond, counter(2, ms), false)
	count("a", 10*s, counter(3, ms.Add(10*s)), true)
	count("b", 10*s, counter(1, ms.Add(10*s)), true) // the counter of another key
	count("a", 29*s, counter(3, ms.Add(10*s)), false)
	count("a", 30*s, counter(4, ms.Add(30*s)), true)
	count("a", 50*s, counter(5, ms.Add(50*s)), true)
	count("a", 1e6*s, counter(5, ms.Add(50*s)), false) // locked

	change(store.Withdraw, "a")
	count("a", 60*s, counter(4, ms.Add(50*s)), false)
	count("a", 70*s, counter(5, ms.Add(70*s)), true)
	change(store.Keep, "a")
	count("a", 80*s, throttle.Counter{Failures: 5, Last: ms.Add(70 * s), Expires: time.Time{}}, false)
	change(store.Clear, "a")
	count("a", 80*s, counter(1, ms.Add(80*s)), true)
	change(store.Withdraw, "a")
	change(store.Withdraw, "a") // the counter has no failures to take off
	count("a", 80*s, counter(1, ms.Add(80*s)), true)

	for _, method := range []func(context.Context, string) error{store.Clear, store.Withdraw, store.Keep} {
		change(method, "nobody")
	}
	count("nobody", 0, counter(1, ms), true)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, counted, err := store.Count(cancelled, AttemptAt("c", 0)); counted || err == nil {
		t.Errorf("Count with a cancelled context = %v, %v; want an outage", counted, err)
	}
	for _, method := range []func(context.Context, string) error{store.Clear, store.Withdraw, store.Keep} {
		if err := method(cancelled, "b"); err == nil {
			t.Error("a cancelled context is no outage")
		}
	}
	count("c", 0, counter(1, ms), true)
}

// testConcurrent counts many attempts at the same time. Exactly as many must be
// counted as the ladder has free failures.
func testConcurrent(t *testing.T, store throttle.Store) {
	var counted atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, ok, err := store.Count(t.Context(), AttemptAt("a", 0))
			if err != nil {
				t.Error(err)
			}
			if ok {
				counted.Add(1)
			}
		})
	}
	wg.Wait()
	if counted.Load() != 2 {
		t.Errorf("%d of 50 were counted, want 2", counted.Load())
	}
}
