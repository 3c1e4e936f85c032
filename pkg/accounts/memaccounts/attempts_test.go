package memaccounts

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts/throttle"
)

// Counters of unknown names do not fill the memory of a process, and a locked counter
// stays.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := NewAttempts()
		limiter, err := throttle.New(attempts, throttle.Config{
			Network: throttle.Window{Limit: 1 << 20, Period: time.Hour},
			Name:    throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2},
		})
		if err != nil {
			t.Fatal(err)
		}
		admit := func(name, address string) error {
			admission, err := limiter.Admit(t.Context(), throttle.Attempt{Name: name, Address: address}, func(context.Context) (throttle.Owner, error) { return throttle.Owner{}, nil })
			if err == nil {
				admission.Fail(t.Context())
			}
			return err
		}
		for range 2 {
			if err := admit("alice", "192.0.2.1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for day := range 100 {
			for i := range 300 {
				if err := admit(fmt.Sprint(day, " ", i), fmt.Sprint("192.0.2.", i%250)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(24 * time.Hour)
		}
		if got := len(attempts.counters); got > 30_000 {
			t.Errorf("%d counters are kept; those of the last month are 9,000", got)
		}
		if err := admit("alice", "192.0.2.1"); err == nil {
			t.Error("the lock has gone")
		}
	})
}
