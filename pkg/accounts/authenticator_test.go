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

	_ "example.com/coatcheck/internal/testing/cheaphash"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/password"
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

func (s *countingAttempts) Withdraw(ctx context.Context, key, id string, counted bool) error {
	s.withdrawals.Add(1)
	return s.Store.Withdraw(ctx, key, id, counted)
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
	if cfg.Network == (throttle.Window{}) {
		cfg.Network = throttle.Window{Limit: 100, Period: testenv.Period()} // with the default limit
	}
	var err error
	if r.limiter, err = throttle.New(r.counters, cfg); err != nil {
		t.Fatal(err)
	}
	r.authenticator = accounts.NewAuthenticator(r.Registrar.Directory, r.limiter)
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
				if _, err := r.signIn(t, name, "wrong"); !errors.Is(err, authn.ErrRefused) {
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
		if _, err := r.signIn(t, spelling, "wrong"); !errors.Is(err, authn.ErrRefused) {
			t.Fatalf("%q: %v", spelling, err)
		}
	}
	if _, err := r.signIn(t, "alice", "wrong"); errors.Is(err, authn.ErrRefused) {
		t.Error("an eleventh attempt is let through")
	}
}

// Every attempt costs the same, whatever its result: one count for the name, one for
// the network, one read and one hash. A success clears the counters of the name and of the user, and takes
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
			if err := proof.Confirm(t.Context()); err != nil || r.counters.withdrawals.Load() != 1 || r.counters.clears.Load() != 2 {
				t.Errorf("Confirm = %v with %d withdrawals and %d clears; want 1 and 2", err, r.counters.withdrawals.Load(), r.counters.clears.Load())
			}
		}
	}
}

// While attempts cannot be counted, no password is checked. If the account store fails
// after an attempt was counted, or the hash cannot be checked, the attempt does not count as
// a failure.
func TestAuthenticatorInAnOutage(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	r.put(t, "alice", plain.Hash(phrase), false)
	r.counters.down = true
	if _, err := r.signIn(t, "alice", phrase); err == nil || errors.Is(err, authn.ErrRefused) || r.checked.Load() != 0 {
		t.Errorf("Authenticate = %v with %d hashes; want an outage and none", err, r.checked.Load())
	}
	r.counters.down = false

	working := r.store.Registry
	r.store.Registry = brokenStore{}
	for range 30 {
		if _, err := r.signIn(t, "alice", phrase); err == nil || errors.Is(err, authn.ErrRefused) {
			t.Errorf("Authenticate = %v, want an outage", err)
		}
	}
	r.store.Registry = working
	r.SetVerify(func(string, string) (bool, error) { return false, password.ErrNoPepper })
	for range 30 {
		if _, err := r.signIn(t, "alice", phrase); err == nil || errors.Is(err, authn.ErrRefused) {
			t.Errorf("with a hash that cannot be checked: %v, want an outage", err)
		}
	}
	r.SetVerify(plain.Verify)
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

// When several requests run at once in one process, the hashes that it checks at the
// same time need at most 19 MiB for each processor, or 128 MiB if that is more. So a few
// sign-ins by imported hashes that need much memory do not exhaust it. Each hash gets its
// turn, also a large one among many small ones.
func TestMemoryOfHashesAtOnce(t *testing.T) {
	const mib = 1 << 20
	zeros := strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)
	hashes := map[string]string{
		"ours":    "$argon2id$v=19$m=19456,t=2,p=1$" + zeros,
		"django":  "argon2$argon2id$v=19$m=102400,t=2,p=8$" + zeros,
		"largest": "scrypt:131072:8:1$salt$" + strings.Repeat("0", 128),
		"bcrypt":  "$2b$12$" + strings.Repeat(".", 53),
	}
	for _, test := range []struct {
		processors, most int // MiB
	}{{1, 128}, {2, 128}, {6, 128}, {32, 32 * 19}} {
		synctest.Test(t, func(t *testing.T) {
			r := newAuthenticatorFixture(t, throttle.Config{})
			r.SetProcessors(test.processors, plain.Memory(hashes["ours"]))
			var mu sync.Mutex
			var now, most, count, atOnce int
			running := map[string]int{}
			r.SetVerify(func(encoded, _ string) (bool, error) {
				mu.Lock()
				now, count = now+plain.Memory(encoded), count+1
				most, atOnce = max(most, now), max(atOnce, count)
				running[encoded]++
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				now, count = now-plain.Memory(encoded), count-1
				mu.Unlock()
				return false, nil
			})
			var clients atomic.Int32
			signIn := func(kinds ...string) {
				var wg sync.WaitGroup
				for _, kind := range kinds {
					for i := range 40 {
						name := fmt.Sprint(kind, i)
						wg.Go(func() {
							address := fmt.Sprintf("192.0.2.%d", clients.Add(1))
							if _, err := r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: name, Address: address}); !errors.Is(err, authn.ErrRefused) {
								t.Errorf("%s: %v", name, err)
							}
						})
					}
				}
				wg.Wait()
			}
			for kind, encoded := range hashes {
				for i := range 40 {
					r.put(t, fmt.Sprint(kind, i), encoded, false)
				}
			}
			signIn("django", "largest", "bcrypt")
			if most > test.most*mib || most < 100*mib || atOnce > test.processors {
				t.Errorf("%d processors: %d hashes of %d MiB at once, want at most %d MiB, and not few", test.processors, atOnce, most/mib, test.most)
			}
			atOnce = 0
			signIn("ours")
			if atOnce != test.processors {
				t.Errorf("%d processors: %d hashes at once", test.processors, atOnce)
			}
			for kind, encoded := range hashes {
				if running[encoded] != 40 {
					t.Errorf("%d processors: %s got %d turns, want 40", test.processors, kind, running[encoded])
				}
			}
		})
	}
}

// A password change during an outage does not count as a failure. A change that
// succeeds clears the failures before it.
func TestChangesSucceedOrWithdraw(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{})
	r.put(t, "alice", plain.Hash(phrase), false)
	if _, err := r.signIn(t, "alice", "wrong"); !errors.Is(err, authn.ErrRefused) {
		t.Fatal(err)
	}
	working, down := r.store.Registry, errors.New("down")
	for range 15 {
		r.store.Registry = working
		proof, err := r.signIn(t, "alice", phrase)
		if err != nil || proof.Failures() != 1 {
			t.Fatalf("%+v, %v; want the one failure", proof, err)
		}
		r.store.Registry = failingStore{working, func(context.Context) error { return down }}
		if err := r.authenticator.ChangePassword(t.Context(), proof, newPhrase, noopEnd); !errors.Is(err, down) {
			t.Fatalf("ChangePassword = %v, want the outage", err)
		}
	}
	r.store.Registry = working
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

type brokenStore struct{ accounts.Registry }

func (b brokenStore) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return accounts.FindByClaim(ctx, b, userID)
}

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

// A changed password, a disabled and a deleted account make strangers of the devices
// that were known. The device that changes the password stays known. A new hash of the
// same password changes nothing.
func TestDevicesAfterAChange(t *testing.T) {
	r := newAuthenticatorFixture(t, throttle.Config{DeviceKeys: [][]byte{[]byte(strings.Repeat("k", 32))}})
	r.put(t, "alice", foreignHash, false)
	signIn := func(pw, device string) authn.Proof {
		t.Helper()
		proof, err := r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: pw, Device: device})
		if err != nil {
			t.Fatal(err)
		}
		proof.Succeed(t.Context())
		return proof
	}
	first := signIn(foreignPhrase, "")
	old := first.NewDevice()
	if !signIn(foreignPhrase, old).KnownDevice() {
		t.Error("a new hash of the same password made the device a stranger")
	}
	changing := signIn(foreignPhrase, old)
	if err := r.authenticator.ChangePassword(t.Context(), changing, newPhrase, noopEnd); err != nil {
		t.Fatal(err)
	}
	if signIn(newPhrase, old).KnownDevice() {
		t.Error("after a change of the password the old cookie is good still")
	}
	own := changing.NewDevice()
	if !signIn(newPhrase, own).KnownDevice() {
		t.Error("the device that changed the password is a stranger")
	}

	for _, disabled := range []bool{true, false} {
		if _, err := r.SetDisabled(t.Context(), accountstest.Get(t, r.store, "alice"), disabled); err != nil {
			t.Fatal(err)
		}
	}
	if signIn(newPhrase, own).KnownDevice() {
		t.Error("after it was disabled the account knows the device still")
	}
	own = signIn(newPhrase, "").NewDevice()
	if err := r.Delete(t.Context(), accountstest.Get(t, r.store, "alice")); err != nil {
		t.Fatal(err)
	}
	r.put(t, "alice", plain.Hash(phrase), false)
	if signIn(phrase, own).KnownDevice() {
		t.Error("the next account of the name knows the device of the deleted one")
	}
}

// A user who is signed in has one counter over all sessions, apart from the counters of
// the name and of the network.
func TestSignedInUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newAuthenticatorFixture(t, throttle.Config{Network: throttle.Window{Limit: 20, Period: time.Hour}})
		userID := r.put(t, "alice", plain.Hash(phrase), false).UserID
		again := func(address, pw string) error {
			_, err := r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: pw, Address: address, UserID: userID})
			return err
		}
		for i := range 40 { // strangers at one address
			if _, err := r.signIn(t, fmt.Sprint("name", i%4), "wrong"); err == nil {
				t.Fatal("a wrong password is right")
			}
		}
		gets, counts := r.store.gets, r.counters.counts.Load()
		if err := again("192.0.2.1", phrase); err != nil {
			t.Errorf("the network of strangers stops a user who is signed in: %v", err)
		}
		if r.store.gets != gets+1 || r.counters.counts.Load() != counts+1 {
			t.Errorf("%d reads and %d counts, want 1 and 1", r.store.gets-gets, r.counters.counts.Load()-counts)
		}
		for i := range 9 { // the right password was not reported as a success
			if err := again(fmt.Sprintf("198.51.100.%d", i), "wrong"); !errors.Is(err, authn.ErrRefused) {
				t.Fatal(err)
			}
		}
		wantThrottled(t, again("198.51.100.99", phrase), 30*time.Second)
	})
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
		if _, err := r.authenticator.Authenticate(t.Context(), authn.Attempt{Username: test.name, Password: test.wrong, Address: address}); !errors.Is(err, authn.ErrRefused) {
			t.Errorf("%q with another password: %v", test.name, err)
		}
	}
	counts := r.counters.counts.Load()
	for _, name := range []string{strings.Repeat("n", 255), "a\x00", "a\nb", "a\x7f", "a\u0085b", "a\xff", "", " "} {
		if _, err := r.signIn(t, name, phrase); !errors.Is(err, authn.ErrRefused) || r.counters.counts.Load() != counts {
			t.Errorf("%.10q: %v with %d counts, want ErrRefused and none", name, err, r.counters.counts.Load()-counts)
		}
	}
}
