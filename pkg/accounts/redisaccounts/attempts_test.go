package redisaccounts

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/throttle"
)

func TestAttempts(t *testing.T) {
	each(t, func(f *fixture) {
		accountstest.RunAttempts(f.T, func(t *testing.T) throttle.Store { return NewAttempts(f.client, redistest.Prefix(t)) })
	})
}

// count counts an attempt of name/x and compares the counter after it.
func (f *fixture) count(c throttle.Count, failures int, last time.Time, counted bool) {
	f.Helper()
	got, ok, err := f.attempts.Count(f.Context(), c)
	check(f.T, err)
	if got.Failures != failures || !got.Last.Equal(last.Truncate(time.Millisecond)) || ok != counted {
		f.Errorf("attempt %s: %+v, %v; want %d failures, the last at %v, %v", c.ID, got, ok, failures, last, counted)
	}
}

// The format of the keys is public. Redis removes a counter an hour after its expiry,
// and one that is kept never.
func TestCounterHash(t *testing.T) {
	each(t, func(f *fixture) {
		f.count(attempt("a", 0), 1, now, true)
		f.count(attempt("b", time.Second), 2, now.Add(time.Second), true)
		key := f.prefix + "attempts:name/x"
		got, err := f.client.HGetAll(f.Context(), key).Result()
		check(f.T, err)
		if fields := map[string]string{
			"failures": "2", "last_at": "4102542246678", "previous_at": "4102542245678", "attempt": "b", "expires_at": "4102545846",
		}; !maps.Equal(got, fields) {
			f.Errorf("the hash is\n\t%q\nwant\n\t%q", got, fields)
		}
		if end, err := f.client.PExpireTime(f.Context(), key).Result(); end != 4102549446*time.Second {
			f.Errorf("Redis removes it at %v, %v", end, err)
		}
		check(f.T, f.attempts.Keep(f.Context(), "name/x"))
		if end, err := f.client.PExpireTime(f.Context(), key).Result(); end != -1 {
			f.Errorf("Redis removes a counter that is kept at %v, %v", end, err)
		}
		check(f.T, f.attempts.Keep(f.Context(), "nobody"))
		if n, err := f.client.Exists(f.Context(), f.prefix+"attempts:nobody").Result(); n != 0 || err != nil {
			f.Errorf("Keep made a counter: %v", err)
		}
	})
}

// An expired counter counts as absent, although Redis still has it. Each attempt that is
// counted sets the expiry anew.
func TestExpiredCounter(t *testing.T) {
	each(t, func(f *fixture) {
		f.count(attempt("a", 0), 1, now, true)
		f.count(attempt("b", 50*time.Minute), 2, now.Add(50*time.Minute), true)
		f.count(attempt("c", 109*time.Minute), 3, now.Add(109*time.Minute), true)
		end := attempt("c", 109*time.Minute).Expires
		late := attempt("d", end.Sub(now))
		f.count(late, 1, late.At, true)
		check(f.T, f.attempts.Withdraw(f.Context(), "name/x", "d", true)) // the counter before it does not come back
		if found, err := f.attempts.Get(f.Context(), []string{"name/x"}); len(found) != 0 || err != nil {
			f.Errorf("left %v, %v", found, err)
		}
	})
}

// A refused attempt changes nothing, and an attempt that is withdrawn leaves the counter
// as it was before.
func TestWithdraw(t *testing.T) {
	each(t, func(f *fixture) {
		key := f.prefix + "attempts:name/x"
		hash := func() map[string]string {
			got, err := f.client.HGetAll(f.Context(), key).Result()
			check(f.T, err)
			return got
		}
		f.count(attempt("a", 0), 1, now, true)
		f.count(attempt("b", time.Second), 2, now.Add(time.Second), true)
		before := hash()
		f.count(attempt("c", 2*time.Second), 2, now.Add(time.Second), false)
		if after := hash(); !maps.Equal(before, after) {
			f.Errorf("a refused attempt changed %q to %q", before, after)
		}
		for _, id := range []string{"c", "unknown"} { // their answers were lost, and they were not counted
			check(f.T, f.attempts.Withdraw(f.Context(), "name/x", id, false))
			if after := hash(); !maps.Equal(before, after) {
				f.Errorf("withdrawing %s changed %q to %q", id, before, after)
			}
		}
		f.count(attempt("d", 11*time.Second), 3, now.Add(11*time.Second), true)
		check(f.T, f.attempts.Withdraw(f.Context(), "name/x", "d", false)) // the answer was lost, and it was counted
		f.count(attempt("e", 11*time.Second-time.Millisecond), 2, now.Add(time.Second), false)
		f.count(attempt("f", 11*time.Second), 3, now.Add(11*time.Second), true)
		f.count(attempt("g", 21*time.Second), 4, now.Add(21*time.Second), true)
		check(f.T, f.attempts.Withdraw(f.Context(), "name/x", "f", true)) // g has counted since
		f.count(attempt("h", 22*time.Second), 3, now.Add(21*time.Second), false)
		for _, id := range []string{"g", "b", "a"} {
			check(f.T, f.attempts.Withdraw(f.Context(), "name/x", id, true))
		}
		if left := hash(); len(left) != 0 {
			f.Errorf("a counter without failures is left: %q", left)
		}
		check(f.T, f.attempts.Withdraw(f.Context(), "nobody", "a", true))
	})
}

func TestGetCounters(t *testing.T) {
	each(t, func(f *fixture) {
		f.count(attempt("a", 0), 1, now, true)
		network := attempt("b", time.Second)
		network.Key = "network/2001:db8::/64/4102542000"
		_, _, err := f.attempts.Count(f.Context(), network)
		check(f.T, err)
		found, err := f.attempts.Get(f.Context(), []string{"name/x", "nobody", network.Key})
		check(f.T, err)
		if len(found) != 2 || found["name/x"].Failures != 1 || !found[network.Key].Expires.Equal(network.Expires) {
			f.Errorf("Get returned %+v", found)
		}
		check(f.T, f.attempts.Clear(f.Context(), "name/x"))
		if found, err := f.attempts.Get(f.Context(), []string{"name/x"}); len(found) != 0 || err != nil {
			f.Errorf("after Clear, Get returned %+v, %v", found, err)
		}
	})
}

// Of many attempts at once exactly as many are counted as the ladder has free failures.
func TestCountAtOnce(t *testing.T) {
	each(t, func(f *fixture) {
		var counted atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				_, ok, err := f.attempts.Count(f.Context(), attempt(string(rune('A'+i)), 0))
				if err != nil {
					f.Error(err)
				}
				if ok {
					counted.Add(1)
				}
			})
		}
		wg.Wait()
		if counted.Load() != 2 {
			f.Errorf("%d of 50 were counted, want 2", counted.Load())
		}
	})
}

// A damaged counter is an outage that names the field. It is not free, and it can be
// cleared.
func TestDamagedCounters(t *testing.T) {
	each(t, func(f *fixture) {
		key := f.prefix + "attempts:name/x"
		for _, field := range []string{"failures", "last_at", "previous_at", "attempt", "expires_at"} {
			for _, value := range []string{"missing", "", "x", "1.5", "nan", "inf"} {
				f.count(attempt("a", 0), 1, now, true)
				if value == "missing" {
					check(f.T, f.client.HDel(f.Context(), key, field).Err())
				} else if field == "attempt" {
					continue // any text is an attempt
				} else {
					check(f.T, f.client.HSet(f.Context(), key, field, value).Err())
				}
				_, err := f.attempts.Get(f.Context(), []string{"name/x"})
				if want(f.T, err, errOutage); !strings.Contains(err.Error(), `"`+key+`": field "`+field+`"`) {
					f.Errorf("%s = %s: Get: %v", field, value, err)
				}
				if _, counted, err := f.attempts.Count(f.Context(), attempt("b", 0)); (field == "failures" || field == "last_at") && (counted || err == nil) {
					f.Errorf("%s = %s: Count: %v, %v; want an outage", field, value, counted, err)
				}
				check(f.T, f.attempts.Clear(f.Context(), "name/x"))
			}
			check(f.T, f.attempts.Clear(f.Context(), "name/x"))
		}
	})
}
