package throttle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

var key = bytes.Repeat([]byte("k"), 32)

// fixture is a limiter on a store that can be made to fail.
type fixture struct {
	*throttle.Limiter
	t      *testing.T
	store  *failingStore
	owners map[string]throttle.Owner // by name; the names that are not here belong to nobody
}

type failingStore struct {
	throttle.Store
	fail map[string]bool // by method and first part of the key, for example "Count name"
	lose map[string]bool // the same, for answers that are lost
	kept int             // calls of Keep

	mu    sync.Mutex
	calls []string // in the order in which they came
}

var errDown = errors.New("down")

func (f *failingStore) outage(method, key string) error {
	by, _, _ := strings.Cut(key, "/")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, method+" "+by)
	if f.fail[method+" "+by] {
		return errDown
	}
	return nil
}

// takeCalls returns the calls since it was called before.
func (f *failingStore) takeCalls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := strings.Join(f.calls, ", ")
	f.calls = nil
	return calls
}

func (f *failingStore) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	if err := f.outage("Count", c.Key); err != nil {
		return throttle.Counter{}, false, err
	}
	counter, counted, err := f.Store.Count(ctx, c)
	if by, _, _ := strings.Cut(c.Key, "/"); f.lose["Count "+by] {
		return throttle.Counter{}, false, errDown
	}
	return counter, counted, err
}

func (f *failingStore) Withdraw(ctx context.Context, key, id string, counted bool) error {
	if err := f.outage("Withdraw", key); err != nil {
		return err
	}
	return f.Store.Withdraw(ctx, key, id, counted)
}

func (f *failingStore) Keep(ctx context.Context, key string) error {
	if err := f.outage("Keep", key); err != nil {
		return err
	}
	f.kept++
	return f.Store.Keep(ctx, key)
}

func (f *failingStore) Clear(ctx context.Context, key string) error {
	if err := f.outage("Clear", key); err != nil {
		return err
	}
	return f.Store.Clear(ctx, key)
}

func newFixture(t *testing.T, cfg throttle.Config) *fixture {
	t.Helper()
	store := &failingStore{Store: memaccounts.NewAttempts(), fail: map[string]bool{}, lose: map[string]bool{}}
	limiter, err := throttle.New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{limiter, t, store, map[string]throttle.Owner{"alice": {UserID: "alice-id"}, "bob": {UserID: "bob-id"}}}
}

var alice = throttle.Attempt{Name: "alice", Address: "192.0.2.1"}

// Admit admits an attempt while it looks up the owner.
func (r *fixture) Admit(ctx context.Context, a throttle.Attempt) (*throttle.Admission, error) {
	return r.Limiter.Admit(ctx, a, func(context.Context) (throttle.Owner, error) { return r.owners[a.Name], r.store.outage("find", "") })
}

// device returns the attempt on a device on which the owner has signed in.
func (r *fixture) device(a throttle.Attempt) throttle.Attempt {
	a.Device = r.NewDevice(r.owners[a.Name])
	return a
}

// counters returns the counters that are stored under the keys.
func (r *fixture) counters(keys ...string) map[string]throttle.Counter {
	r.t.Helper()
	counters, err := r.store.Get(r.t.Context(), keys)
	if err != nil {
		r.t.Fatal(err)
	}
	return counters
}

// wantAdmitted fails the test unless the attempt is admitted.
func (r *fixture) wantAdmitted(a throttle.Attempt) *throttle.Admission {
	r.t.Helper()
	admission, err := r.Admit(r.t.Context(), a)
	if err != nil {
		r.t.Fatalf("Admit(%+v) = %v", a, err)
	}
	return admission
}

// wantRefused fails the test unless the attempt is refused for the duration wait. By
// says which counter refuses it.
func (r *fixture) wantRefused(a throttle.Attempt, by string, wait time.Duration) {
	r.t.Helper()
	admission, err := r.Admit(r.t.Context(), a)
	refused, _ := err.(*authn.ThrottledError)
	if admission != nil || refused == nil || refused.By != by || refused.RetryAfter != wait {
		r.t.Fatalf("Admit(%+v) = %v, %v; want a refusal by %s for %v", a, admission, err, by, wait)
	}
}

func (r *fixture) fail(a throttle.Attempt, times int) {
	r.t.Helper()
	for range times {
		r.wantAdmitted(a).Fail(r.t.Context())
	}
}

// The whole ladder: ten failures are free. Then each failure doubles the wait, up to an
// hour. The hundredth failure in a row locks the name.
func TestLadder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{})
		r.fail(alice, 10)
		wait := 30 * time.Second
		for n := 10; n < 100; n++ {
			r.wantRefused(alice, "name", wait)
			time.Sleep(wait - time.Millisecond)
			r.wantRefused(alice, "name", time.Second) // just before the end of the wait: never 0 seconds
			time.Sleep(time.Millisecond)
			admission := r.wantAdmitted(alice)
			if admission.Failures != n {
				t.Fatalf("%d failures before this attempt, want %d", admission.Failures, n)
			}
			admission.Fail(t.Context())
			wait = min(2*wait, time.Hour)
		}
		for range 3 {
			r.wantLocked(alice, "name", time.Hour)
			time.Sleep(400 * 24 * time.Hour) // a lock does not expire
		}
		r.wantAdmitted(throttle.Attempt{Name: "bob", Address: "192.0.2.1"})
		if err := r.Unlock(t.Context(), throttle.Subject{Name: "alice"}); err != nil {
			t.Fatal(err)
		}
		r.fail(alice, 10)
		r.wantRefused(alice, "name", 30*time.Second)
	})
}

// A refused attempt is not counted, neither for the name nor for the network, and does
// not make the wait longer.
func TestRefusedAttemptsCountNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{Network: throttle.Window{Limit: 12, Period: time.Hour}})
		r.fail(alice, 10)
		for range 50 {
			r.wantRefused(alice, "name", 30*time.Second)
		}
		time.Sleep(30 * time.Second)
		r.wantAdmitted(alice)
		bob := throttle.Attempt{Name: "bob", Address: alice.Address}
		r.wantAdmitted(bob) // the twelfth
		time.Sleep(time.Second)
		for range 50 {
			if _, err := r.Admit(t.Context(), bob); err == nil {
				t.Fatal("a thirteenth attempt of the network")
			}
		}
		bob.Address = "192.0.2.2"
		if got := r.wantAdmitted(bob).Failures; got != 1 {
			t.Errorf("bob has %d failures, want the one that was let through", got)
		}
	})
}

// A success clears the failures of the name. From the network's failures it takes back
// only its own attempt. Otherwise attackers could clear the failures of their network
// by signing in to an account of their own.
func TestSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{Network: throttle.Window{Limit: 20, Period: time.Hour}})
		for range 50 {
			r.wantAdmitted(alice).Succeed(t.Context())
		}
		r.fail(alice, 9)
		r.wantAdmitted(alice).Succeed(t.Context())
		r.fail(alice, 10)
		r.wantRefused(alice, "name", 30*time.Second)
		r.wantAdmitted(throttle.Attempt{Name: "bob", Address: alice.Address}) // the network's twentieth failure
		if _, err := r.Admit(t.Context(), throttle.Attempt{Name: "carol", Address: alice.Address}); err == nil {
			t.Error("a twenty-first failure of the network")
		}
	})
}

// An outage is neither a success nor a failure. Only the first result of an attempt
// counts.
func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{Network: throttle.Window{Limit: 15, Period: time.Hour}})
		r.fail(alice, 9)
		for range 50 {
			r.wantAdmitted(alice).Withdraw(t.Context())
		}
		admission := r.wantAdmitted(alice)
		admission.Withdraw(t.Context())
		admission.Withdraw(t.Context())
		admission.Succeed(t.Context())
		r.wantAdmitted(alice) // the tenth failure
		r.wantRefused(alice, "name", 30*time.Second)
	})
}

func TestNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{Network: throttle.Window{Limit: 5, Period: 10 * time.Minute}})
		for i := range 5 { // one network, many names
			r.wantAdmitted(throttle.Attempt{Name: fmt.Sprint(i), Address: "192.0.2.1"})
		}
		left := time.Until(time.Now().Truncate(10 * time.Minute).Add(10 * time.Minute))
		r.wantRefused(throttle.Attempt{Name: "x", Address: "192.0.2.1"}, "network", left)
		r.wantRefused(throttle.Attempt{Name: "x", Address: "::ffff:192.0.2.1"}, "network", left)
		r.wantAdmitted(throttle.Attempt{Name: "x", Address: "192.0.2.2"})
		time.Sleep(left)
		r.wantAdmitted(throttle.Attempt{Name: "x", Address: "192.0.2.1"})

		for i := range 5 { // an IPv6 customer has 2^64 addresses
			r.wantAdmitted(throttle.Attempt{Name: fmt.Sprint("v6 ", i), Address: fmt.Sprintf("2001:db8:1:2:%x::1", i)})
		}
		if _, err := r.Admit(t.Context(), throttle.Attempt{Name: "y", Address: "2001:db8:1:2:ffff:ffff:ffff:ffff"}); err == nil {
			t.Error("another address of the same /64 is let through")
		}
		r.wantAdmitted(throttle.Attempt{Name: "y", Address: "2001:db8:1:3::1"})

		for i, address := range []string{"@", "", "unknown", "_hidden", "192.0.2.256"} { // texts that are not addresses count as one network
			r.wantAdmitted(throttle.Attempt{Name: fmt.Sprint("none ", i), Address: address})
		}
		if _, err := r.Admit(t.Context(), throttle.Attempt{Name: "z", Address: "192.0.2.9, 192.0.2.8"}); err == nil {
			t.Error("without an address there is no limit")
		}

		for port := range 5 { // the ports of an address are no networks of their own
			r.wantAdmitted(throttle.Attempt{Name: fmt.Sprint("port ", port), Address: fmt.Sprintf("10.1.15.242:%d", 39870+port)})
		}
		if _, err := r.Admit(t.Context(), throttle.Attempt{Name: "z", Address: "10.1.15.242"}); err == nil {
			t.Error("every port of an address has a limit of its own")
		}
	})
}

// Guesses at one name from many networks are all counted for the name.
func TestManyNetworksOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{})
		for i := range 10 {
			r.wantAdmitted(throttle.Attempt{Name: "alice", Address: fmt.Sprintf("192.0.2.%d", i)})
		}
		r.wantRefused(throttle.Attempt{Name: "alice", Address: "192.0.2.99"}, "name", 30*time.Second)
	})
}

// The counter of a name that nobody attacks any more expires. Every attempt that counts
// postpones that.
func TestCountersExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{})
		for n := range 20 {
			time.Sleep(29 * 24 * time.Hour)
			if got := r.wantAdmitted(alice).Failures; got != n {
				t.Fatalf("%d failures, want %d", got, n)
			}
		}
		time.Sleep(30 * 24 * time.Hour)
		if got := r.wantAdmitted(alice).Failures; got != 0 {
			t.Errorf("after 30 days without an attempt: %d failures", got)
		}

		time.Sleep(29 * 24 * time.Hour)
		r.wantAdmitted(alice).Withdraw(t.Context()) // it postpones that too
		time.Sleep(29 * 24 * time.Hour)
		if got := r.wantAdmitted(alice).Failures; got != 1 {
			t.Errorf("29 days after an attempt that was taken back: %d failures, want 1", got)
		}
	})
}

// While attempts cannot be counted, no attempt is admitted. If only one of the two
// counts succeeded, it is taken back.
func TestOutage(t *testing.T) {
	for _, broken := range []string{"Count name", "Count network"} {
		r := newFixture(t, throttle.Config{Network: throttle.Window{Limit: 5, Period: time.Hour}})
		r.store.fail[broken] = true
		for range 20 {
			_, err := r.Admit(t.Context(), alice)
			if _, refused := err.(*authn.ThrottledError); err == nil || refused || !errors.Is(err, errDown) {
				t.Fatalf("%s down: Admit = %v, want an outage", broken, err)
			}
		}
		r.store.fail[broken] = false
		if got := r.wantAdmitted(alice).Failures; got != 0 {
			t.Errorf("%s: %d failures are left", broken, got)
		}
	}
}

// If a success cannot be stored, it still is a success. The log gets lines with the user's
// ID, and not with the name.
func TestForgettingFails(t *testing.T) {
	log := testenv.Log(t)
	r := newFixture(t, throttle.Config{})
	r.store.fail["Clear name"], r.store.fail["Withdraw network"] = true, true
	r.wantAdmitted(alice).Succeed(t.Context())
	if got := log.String(); strings.Count(got, "level=WARN msg=throttle_failed") != 2 || strings.Count(got, "user_id=alice-id") != 2 || strings.Contains(strings.ReplaceAll(got, "alice-id", ""), "alice") {
		t.Errorf("the log:\n%s", got)
	}
	if got := r.wantAdmitted(alice).Failures; got != 1 {
		t.Errorf("%d failures, want 1", got)
	}
}

// Of 200 guesses at the same time, as many are admitted as of 200 in sequence.
func TestParallelGuesses(t *testing.T) {
	r := newFixture(t, throttle.Config{Network: throttle.Window{Limit: 1000, Period: time.Hour}})
	var admitted atomic.Int32
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if _, err := r.Admit(t.Context(), alice); err == nil {
				admitted.Add(1)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 10 {
		t.Errorf("%d attempts went on, want 10", admitted.Load())
	}
}

// A key of a counter tells neither a name nor a user ID: an unknown name may be a password
// that was typed into the wrong field.
func TestKeysTellNoName(t *testing.T) {
	r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}})
	signedIn := alice
	signedIn.UserID = "alice-id"
	for _, a := range []throttle.Attempt{alice, r.device(alice), signedIn} {
		r.fail(a, 1)
	}
	kept, err := r.Kept(t.Context(), throttle.Subject{Name: "alice", Owner: r.owners["alice"]})
	if err != nil || len(kept) != 3 {
		t.Fatalf("%v counters, %v", kept, err)
	}
	for _, failures := range kept {
		if strings.Contains(failures.Key, "alice") {
			t.Errorf("the key of the %s is %s", failures.By, failures.Key)
		}
	}
}
