package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// A refused attempt leaves nothing behind: no row, no failure, and not the time at which
// it came. While a network is stopped, it does not reach the counter of a name at all,
// not even for a moment. So it cannot keep an owner waiting.
func TestRefusedAttemptsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{Network: throttle.Window{Limit: 30, Period: 24 * time.Hour}})
		for range 16 { // the next wait is 32 minutes
			time.Sleep(time.Hour)
			r.fail(alice, 1)
		}
		other := alice
		other.Address = "198.51.100.7"
		for i := range 30 {
			r.fail(throttle.Attempt{Name: fmt.Sprint(i), Address: other.Address}, 1)
		}
		r.store.takeCalls()
		for i := range 1500 {
			time.Sleep(2 * time.Second)
			stopped := other
			if i%2 == 0 {
				stopped.Name = fmt.Sprint("another ", i)
			}
			if _, err := r.Admit(t.Context(), stopped); err == nil {
				t.Fatal("a stopped network is let through")
			}
		}
		if calls := r.store.takeCalls(); strings.Contains(calls, "name") {
			t.Errorf("a stopped network reaches the counters of names")
		}
		r.wantAdmitted(alice) // 50 minutes have passed since her last attempt

		// The name refuses, and the network counts nothing.
		bob := throttle.Attempt{Name: "bob", Address: "192.0.2.77"}
		r.fail(bob, 10)
		before := r.counters(networkKey(bob.Address, 24*time.Hour))
		bob.Address = "192.0.2.78"
		for range 50 {
			r.wantRefused(bob, "name", 30*time.Second)
		}
		if got := r.counters(networkKey(bob.Address, 24*time.Hour)); len(got) != 0 {
			t.Errorf("the refused attempts left %+v", got)
		}
		if len(before) != 1 {
			t.Errorf("the network has the counter %+v; the key in this test is wrong", before)
		}
	})
}

// networkKey returns the key of a network's counter in the current window.
func networkKey(address string, period time.Duration) string {
	return fmt.Sprintf("network/%s/%d", address, time.Now().Truncate(period).Unix())
}

// An outage after the attempt was counted costs nobody a wait, at no rung of the
// ladder, also if the time of the request is over and if the answer to Count was lost.
func TestOutageCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{})
		const last = 17 // from here on the wait is an hour
		for range last {
			time.Sleep(time.Hour)
			r.fail(alice, 1)
		}
		time.Sleep(time.Hour)
		for name, outage := range map[string]func(){
			"after the attempt": func() { r.wantAdmitted(alice).Withdraw(t.Context()) },
			"after the request's own time": func() {
				ctx, cancel := context.WithCancel(t.Context())
				admission, err := r.Admit(ctx, alice)
				if err != nil {
					t.Fatal(err)
				}
				cancel()
				admission.Withdraw(ctx)
			},
			"while the owner is looked up": func() { r.outage("find ") },
			"before the name is counted":   func() { r.outage("Count name") },
			"the name's answer is lost":    func() { r.lost("Count name") },
			"the network's answer is lost": func() { r.lost("Count network") },
		} {
			for range 3 {
				outage()
			}
			admission := r.wantAdmitted(alice) // no hour has to pass
			if admission.Failures != last {
				t.Errorf("%s: %d failures, want %d", name, admission.Failures, last)
			}
			admission.Withdraw(t.Context())
			if got := r.counters(networkKey(alice.Address, 10*time.Minute)); len(got) != 0 {
				t.Errorf("%s: the network has %+v", name, got)
			}
		}
	})
}

// outage makes an attempt while a call fails.
func (r *fixture) outage(call string) {
	r.t.Helper()
	r.store.fail[call] = true
	defer delete(r.store.fail, call)
	r.wantOutage()
}

// lost makes an attempt while the answers to a call are lost.
func (r *fixture) lost(call string) {
	r.t.Helper()
	r.store.lose[call] = true
	defer delete(r.store.lose, call)
	r.wantOutage()
}

func (r *fixture) wantOutage() {
	r.t.Helper()
	_, err := r.Admit(r.t.Context(), alice)
	if _, refused := err.(*authn.ThrottledError); err == nil || refused || !errors.Is(err, errDown) {
		r.t.Fatalf("Admit = %v, want an outage", err)
	}
}
