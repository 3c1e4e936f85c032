package throttle_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// The attempt that locks a name is logged, with the user's ID if somebody has the name.
// If the lock could not be made permanent, the next attempt makes it permanent.
func TestLockIsKept(t *testing.T) {
	for name, id := range map[string]string{"alice": "user_id=alice-id", "nobody": ""} {
		synctest.Test(t, func(t *testing.T) {
			log := testenv.Log(t)
			r := newFixture(t, throttle.Config{Name: throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2}})
			a := throttle.Attempt{Name: name, Address: alice.Address}
			r.store.fail["Keep name"] = true
			r.fail(a, 1)
			time.Sleep(time.Second)
			r.fail(a, 1)
			r.store.fail["Keep name"] = false
			for range 3 {
				r.wantLocked(a, "name", time.Second)
			}
			if r.store.kept != 1 {
				t.Errorf("the lock was made permanent %d times, want 1", r.store.kept)
			}
			if got := log.String(); strings.Count(got, "authn_login_lock") != 2 || !strings.Contains(got, id) ||
				strings.Contains(got, "user_id") != (id != "") || strings.Contains(strings.ReplaceAll(got, "alice-id", ""), name) {
				t.Errorf("the log:\n%s", got)
			}
		})
	}
}

// A lock is not an alarm before it is certain that the attempt failed. The other kinds
// of counters are logged too, each once.
func TestLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := testenv.Log(t)
		r := newFixture(t, throttle.Config{Name: throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2},
			Device: throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2}, DeviceKeys: [][]byte{key}})
		r.fail(alice, 1)
		time.Sleep(time.Second)
		r.wantAdmitted(alice).Withdraw(t.Context())
		r.wantAdmitted(alice).Succeed(t.Context())
		if got := log.String(); got != "" {
			t.Errorf("an attempt that did not fail is logged as a lock:\n%s", got)
		}
		signedIn := alice
		signedIn.UserID = "alice-id"
		for _, a := range []throttle.Attempt{r.device(alice), signedIn} {
			r.fail(a, 1)
			time.Sleep(time.Second)
			r.fail(a, 1)
			time.Sleep(time.Second)
		}
		r.wantLocked(signedIn, "user", time.Second)
		r.wantAdmitted(r.device(alice)).Withdraw(t.Context()) // it is a stranger
		for _, by := range []string{"by=device", "by=user"} {
			if got := log.String(); strings.Count(got, "authn_login_lock "+by) != 1 || strings.Count(got, "user_id=alice-id") != 2 {
				t.Errorf("%s:\n%s", by, got)
			}
		}
	})
}

// wantLocked fails the test unless the attempt is refused by a lock.
func (r *fixture) wantLocked(a throttle.Attempt, by string, longest time.Duration) {
	r.t.Helper()
	_, err := r.Admit(r.t.Context(), a)
	refused, _ := err.(*authn.ThrottledError)
	if refused == nil || refused.By != by || refused.RetryAfter != longest || !refused.Locked || (refused.UserID == "alice-id") != (a.Name == "alice") {
		r.t.Fatalf("Admit(%+v) = %v; want a lock of the %s", a, err, by)
	}
}

// Operators see since when and until when each limit stops a name, and can clear all of
// them.
func TestStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}, Name: throttle.Ladder{Free: 1, First: time.Minute, Longest: time.Minute, Lock: 3}, Device: throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2}})
		signedIn := alice
		signedIn.UserID = "alice-id"
		subjects := []throttle.Subject{{Name: "nobody"}, {Name: "alice", Owner: r.owners["alice"]}, {Name: "bob", Owner: r.owners["bob"]}}
		want := func(all ...[]throttle.Stop) {
			t.Helper()
			if got, err := r.Stops(t.Context(), subjects...); err != nil || !reflect.DeepEqual(got, all) {
				t.Fatalf("Stops = %+v, %v\nwant %+v", got, err, all)
			}
		}
		want(nil, nil, nil)
		start := time.Now().UTC()
		r.fail(alice, 1)
		r.fail(signedIn, 1)
		waits := []throttle.Stop{
			{By: "name", Failures: 1, Since: start, Until: start.Add(time.Minute)}, {By: "user", Failures: 1, Since: start, Until: start.Add(time.Minute)},
		}
		want(nil, waits, nil)
		time.Sleep(time.Minute)
		want(nil, nil, nil)

		r.fail(r.device(alice), 1)
		time.Sleep(time.Second)
		r.fail(r.device(alice), 1)
		devices := time.Now().UTC()
		for range 2 {
			r.fail(alice, 1)
			time.Sleep(time.Minute)
		}
		locked := []throttle.Stop{
			{By: "name", Failures: 3, Since: devices.Add(time.Minute)}, {By: "device", Failures: 2, Since: devices, Until: devices.Add(30 * 24 * time.Hour)},
		}
		want(nil, locked, nil)
		time.Sleep(40 * 24 * time.Hour)
		want(nil, locked[:1], nil)
		r.fail(signedIn, 1)
		if err := r.Unlock(t.Context(), subjects[1]); err != nil {
			t.Fatal(err)
		}
		want(nil, nil, nil)
	})
}
