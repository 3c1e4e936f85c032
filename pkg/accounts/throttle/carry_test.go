package throttle_test

import (
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts/throttle"
)

// TestCarry: a new name has the failures of the old one, its waits and its lock, also those
// of known devices; and the old name has none any more. Once and again is the same.
func TestCarry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}, Name: throttle.Ladder{Free: 3, First: time.Minute, Longest: time.Minute, Lock: 5}})
		owner := r.owners["alice"]
		from, to := throttle.Subject{Name: "alice", Owner: owner}, throttle.Subject{Name: "alice.b", Owner: owner}
		renamed := alice
		renamed.Name = "alice.b"
		r.fail(alice, 3)
		r.fail(r.device(alice), 2)
		r.fail(renamed, 1) // somebody has tried the new name already
		time.Sleep(time.Second)
		for range 2 {
			if err := r.Carry(t.Context(), from, to); err != nil {
				t.Fatal(err)
			}
		}
		r.owners["alice.b"] = owner
		r.wantRefused(renamed, "name", 59*time.Second)
		r.wantRefused(alice, "name", 59*time.Second)
		known := renamed
		known.Device = r.device(alice).Device
		admission := r.wantAdmitted(known)
		if !admission.KnownDevice || admission.Failures != 2 {
			t.Errorf("the owner's device: %+v, want a known one with 2 failures", admission)
		}
		admission.Withdraw(t.Context())
		if err := r.Forget(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
		delete(r.owners, "alice")
		r.wantAdmitted(alice).Withdraw(t.Context())
		r.wantRefused(renamed, "name", 59*time.Second)

		for range 2 {
			time.Sleep(time.Minute)
			r.fail(renamed, 1)
		}
		stops, err := r.Stops(t.Context(), to)
		if err != nil || len(stops[0]) != 1 || !stops[0][0].Until.IsZero() {
			r.wantRefused(renamed, "name", time.Minute) // the first refusal keeps the lock
		}
		next := throttle.Subject{Name: "alice.c", Owner: owner}
		if err := r.Carry(t.Context(), to, next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * 24 * time.Hour)
		stops, err = r.Stops(t.Context(), to, next)
		if err != nil || len(stops[0]) != len(stops[1]) || len(stops[1]) != 1 || !stops[1][0].Until.IsZero() {
			t.Errorf("after a month: %+v, %v; want both names locked", stops, err)
		}
	})
}
