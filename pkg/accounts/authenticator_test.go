package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// authenticatorFixture is an Authenticator on a store and counters that count their
// calls. It also counts the hashes. The counters can be made to fail.
type authenticatorFixture struct {
	*countingDirectory
	authenticator *accounts.Authenticator
	limiter       *throttle.Limiter
	counters      *countingAttempts
	checked       atomic.Int32 // hashes computed
}

// countingAttempts counts the calls. If down is true, Count fails.
type countingAttempts struct {
	throttle.Store
	counts, withdrawals, clears atomic.Int32
	down                        bool
}

func (s *countingAttempts) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	s.counts.Add(1)
	if s.down {
		return throttle.Counter{}, false, errors.New("down")
	}
	return s.Store.Count(ctx, c)
}

func (s *countingAttempts) Withdraw(ctx context.Context, key string) error {
	s.withdrawals.Add(1)
	return s.Store.Withdraw(ctx, key)
}

func (s *countingAttempts) Clear(ctx context.Context, key string) error {
	s.clears.Add(1)
	return s.Store.Clear(ctx, key)
}

func newAuthenticatorFixture(t *testing.T, cfg throttle.Config) *authenticatorFixture {
	t.Helper()
	r := &authenticatorFixture{countingDirectory: newCountingDirectory(t), counters: &countingAttempts{Store: memaccounts.NewAttempts()}}
	r.SetVerify(func(encoded, pw string) (bool, error) {
		r.checked.Add(1)
		return plain.Verify(encoded, pw)
	})
	var err error
	if r.limiter, err = throttle.New(r.counters, cfg); err != nil {
		t.Fatal(err)
	}
	r.authenticator = accounts.NewAuthenticator(r.Directory, r.limiter)
	return r
}

func (r *authenticatorFixture) signIn(t *testing.T, username, pw string) (authn.Proof, error) {
	return r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: username, Password: pw, Address: "192.0.2.1"})
}

// wantThrottled reports an error unless err is a refusal by the limiter for wait.
func wantThrottled(t *testing.T, err error, wait time.Duration) {
	t.Helper()
	refused, ok := errors.AsType[*authn.ThrottledError](err)
	if !ok || refused.RetryAfter != wait {
		t.Errorf("%v, want a refusal for %v", err, wait)
	}
}

// The default ladder allows ten failures without a wait. Guesses at the same time cost
// no more than ten hashes, whether or not an account has the name.
func TestParallelGuessesCostNoMoreHashes(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} {
		r := newAuthenticatorFixture(t, throttle.Config{Network: throttle.Window{Limit: 1000, Period: time.Hour}})
		r.put(t, "alice", plain.Hash(phrase), false)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { r.signIn(t, name, "wrong") })
		}
		wg.Wait()
		if got := r.checked.Load(); got != 10 {
			t.Errorf("%s: 200 guesses cost %d hashes, want 10", name, got)
		}
	}
}

// While a name is throttled, every attempt gets the same answer, even with the right
// password, and costs no hash.
func TestThrottledNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newAuthenticatorFixture(t, throttle.Config{})
		r.put(t, "alice", plain.Hash(phrase), false)
		r.put(t, "disabled", plain.Hash(phrase), true)
		for _, name := range []string{"alice", "nobody", "disabled"} {
			for range 10 {
				if _, err := r.signIn(t, name, "wrong"); err != authn.ErrRefused {
					t.Fatal(err)
				}
			}
			hashes := r.checked.Load()
			for _, pw := range []string{"wrong", phrase} {
				_, err := r.signIn(t, name, pw)
				wantThrottled(t, err, 30*time.Second)
			}
			if r.checked.Load() != hashes {
				t.Errorf("%s: a refused attempt cost a hash", name)
			}
		}
		time.Sleep(30 * time.Second)
		if _, err := r.signIn(t, "alice", phrase); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

// All spellings of a name share one counter.
func TestSpellingsShareACounter(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	for i := range 10 {
		spelling := []string{"ALICE", " alice", "Alice", "ａｌｉｃｅ"}[i%4]
		if _, err := r.signIn(t, spelling, "wrong"); err != authn.ErrRefused {
			t.Fatalf("%q: %v", spelling, err)
		}
	}
	if _, err := r.signIn(t, "alice", "wrong"); err == authn.ErrRefused {
		t.Error("an eleventh attempt is let through")
	}
}

// Every attempt costs the same, whatever its result: one count for the name, one for
// the network, one read and one hash. A success clears the counter of the name and takes
// back the count of the network.
func TestEveryAttemptCostsTheSame(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	r.put(t, "alice", plain.Hash(phrase), false)
	r.put(t, "disabled", plain.Hash(phrase), true)
	for _, test := range []struct{ name, pw string }{{"alice", "wrong"}, {"nobody", phrase}, {"disabled", phrase}, {"alice", phrase}} {
		gets, counts, hashes := r.store.gets, r.counters.counts.Load(), r.checked.Load()
		proof, err := r.signIn(t, test.name, test.pw)
		if r.store.gets != gets+1 || r.counters.counts.Load() != counts+2 || r.checked.Load() != hashes+1 {
			t.Errorf("%v: %d reads, %d counts, %d hashes; want 1, 2, 1", test, r.store.gets-gets, r.counters.counts.Load()-counts, r.checked.Load()-hashes)
		}
		if r.counters.withdrawals.Load()+r.counters.clears.Load() != 0 {
			t.Errorf("%v: taken back before its outcome is known", test)
		}
		if err == nil {
			if proof.Failures() != 1 || proof.KnownDevice() {
				t.Errorf("%+v, want one failure before it", proof)
			}
			if err := proof.Confirm(t.Context()); err != nil || r.counters.withdrawals.Load() != 1 || r.counters.clears.Load() != 1 {
				t.Errorf("Confirm = %v with %d withdrawals and %d clears; want 1 and 1", err, r.counters.withdrawals.Load(), r.counters.clears.Load())
			}
		}
	}
}

// While attempts cannot be counted, no password is checked. If the account store fails
// after an attempt was counted, the attempt does not count as a failure.
func TestAuthenticatorInAnOutage(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	r.put(t, "alice", plain.Hash(phrase), false)
	r.counters.down = true
	if _, err := r.signIn(t, "alice", phrase); err == nil || errors.Is(err, authn.ErrRefused) || r.checked.Load() != 0 {
		t.Errorf("Authenticate = %v with %d hashes; want an outage and none", err, r.checked.Load())
	}
	r.counters.down = false

	working := r.store.Store
	r.store.Store = brokenStore{}
	for range 30 {
		if _, err := r.signIn(t, "alice", phrase); err == nil || errors.Is(err, authn.ErrRefused) {
			t.Errorf("Authenticate = %v, want an outage", err)
		}
	}
	r.store.Store = working
	proof, err := r.signIn(t, "alice", phrase)
	if err != nil || proof.Failures() != 0 {
		t.Fatalf("after the outage: %+v, %v; want no failures", proof, err)
	}
	for range 30 { // the session could not be stored
		proof.Withdraw(t.Context())
		if proof, err = r.signIn(t, "alice", phrase); err != nil || proof.Failures() != 0 {
			t.Fatalf("%+v, %v; want no failures", proof, err)
		}
	}
}

// A process computes no more hashes at once than it has processors. An attempt that
// waits too long for its turn is an outage, not a failure.
func TestHashesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newAuthenticatorFixture(t, throttle.Config{Name: throttle.Ladder{Free: 100, First: time.Second, Longest: time.Second, Lock: 200}})
		r.put(t, "alice", plain.Hash(phrase), false)
		var now, most atomic.Int32
		r.SetVerify(func(string, string) (bool, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return false, nil
		})
		processors := runtime.GOMAXPROCS(0)
		var wg sync.WaitGroup
		for range 3 * processors {
			wg.Go(func() { r.signIn(t, "alice", "wrong") })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.authenticator.Authenticate(ctx, authn.Attempt{Username: "alice", Password: phrase}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that cannot wait: %v, want an outage", err)
		}
		wg.Wait()
		if int(most.Load()) != processors {
			t.Errorf("%d hashes at once, want %d", most.Load(), processors)
		}
	})
}

// A password change during an outage does not count as a failure. A change that
// succeeds clears the failures before it.
func TestChangesSucceedOrWithdraw(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	r.put(t, "alice", plain.Hash(phrase), false)
	if _, err := r.signIn(t, "alice", "wrong"); err != authn.ErrRefused {
		t.Fatal(err)
	}
	working, down := r.store.Store, errors.New("down")
	for range 15 {
		r.store.Store = working
		proof, err := r.signIn(t, "alice", phrase)
		if err != nil || proof.Failures() != 1 {
			t.Fatalf("%+v, %v; want the one failure", proof, err)
		}
		r.store.Store = failingStore{working, func(context.Context) error { return down }}
		if err := r.authenticator.ChangePassword(t.Context(), proof, newPhrase, noopEnd); !errors.Is(err, down) {
			t.Fatalf("ChangePassword = %v, want the outage", err)
		}
	}
	r.store.Store = working
	proof, err := r.signIn(t, "alice", phrase)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.authenticator.ChangePassword(t.Context(), proof, newPhrase, noopEnd); err != nil {
		t.Fatal(err)
	}
	if proof, err := r.signIn(t, "alice", newPhrase); err != nil || proof.Failures() != 0 {
		t.Errorf("after the change: %+v, %v; want no failures", proof, err)
	}
}

type brokenStore struct{ accounts.Store }

func (brokenStore) Get(context.Context, string) (*accounts.Account, error) {
	return nil, errors.New("down")
}

// A device that signed in before is known at the next sign-in, but only for the same
// name.
func TestDevices(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{DeviceKeys: [][]byte{[]byte(strings.Repeat("k", 32))}})
	r.put(t, "alice", plain.Hash(phrase), false)
	r.put(t, "bob", plain.Hash(phrase), false)
	proof, err := r.signIn(t, "ALICE", phrase)
	if err != nil || proof.KnownDevice() {
		t.Fatalf("%+v, %v", proof, err)
	}
	device := proof.NewDevice()
	for name, want := range map[string]bool{"alice": true, "Alice ": true, "bob": false} {
		proof, err := r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: name, Password: phrase, Device: device})
		if err != nil || proof.KnownDevice() != want {
			t.Errorf("%s: %+v, %v; want a known device: %v", name, proof, err, want)
		}
	}
}

// Unusual names and passwords work, and every byte of a password matters, even the
// last.
func TestOddNamesAndPasswords(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	emoji, long := strings.Repeat("😀", 64), strings.Repeat("x", 99)
	for i, test := range []struct{ name, pw, wrong string }{
		{"nul in the password", "a\x00b", "a"},
		{"nul at its end", "a\x00", "a"},
		{"64 emoji", emoji, emoji[:len(emoji)-1] + "\x81"},
		{"100 characters", long + "a", long + "b"},
		{"a trailing blank", "a ", "a"},
		{"another case", "Aa", "aA"},
		{"not utf-8", "\xff\xfe", "\xff\xff"},
		{"composed", "é", "e\u0301"},
		{strings.Repeat("n", 254), phrase, "wrong"},
		{"a 😀 name", phrase, "wrong"},
		{`"';--<b>{}`, phrase, "wrong"},
	} {
		r.put(t, test.name, plain.Hash(test.pw), false)
		address := fmt.Sprintf("192.0.2.%d", i)
		if _, err := r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: test.name, Password: test.pw, Address: address}); err != nil {
			t.Errorf("%q: %v", test.name, err)
		}
		if _, err := r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: test.name, Password: test.wrong, Address: address}); err != authn.ErrRefused {
			t.Errorf("%q with another password: %v", test.name, err)
		}
	}
	counts := r.counters.counts.Load()
	for _, name := range []string{strings.Repeat("n", 255), "a\x00", "a\nb", "a\x7f", "a\u0085", "a\xff", "", " "} {
		if _, err := r.signIn(t, name, phrase); err != authn.ErrRefused || r.counters.counts.Load() != counts {
			t.Errorf("%.10q: %v with %d counts, want ErrRefused and none", name, err, r.counters.counts.Load()-counts)
		}
	}
}
