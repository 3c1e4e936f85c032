package accountstest

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts/throttle"
)

var (
	start   = time.Now().UTC()
	ms      = start.Truncate(time.Millisecond)
	expires = start.Truncate(time.Second).Add(30 * 24 * time.Hour)
	ladder  = throttle.Ladder{Free: 2, First: 10 * time.Second, Longest: 20 * time.Second, Lock: 5}
)

// AttemptAt returns an attempt at a time after a fixed start, which is the same for
// all attempts. Its ladder has two free failures, waits of 10 and 20 seconds, and a
// lock at five failures. Its counter expires 30 days after the start.
func AttemptAt(key string, after time.Duration) throttle.Count {
	return throttle.Count{Key: key, ID: rand.Text(), At: start.Add(after), Steps: ladder.Steps(), Expires: expires}
}

// RunAttempts tests a store of attempts to sign in. The function newStore returns an
// empty store.
func RunAttempts(t *testing.T, newStore func(*testing.T) throttle.Store) {
	for name, test := range map[string]func(*attemptsTest){
		"the ladder":                        testLadder,
		"what is withdrawn leaves nothing":  testWithdraw,
		"a lost answer is withdrawn":        testWithdrawLost,
		"what is withdrawn costs no wait":   testWithdrawWait,
		"an expired counter is absent":      testExpiry,
		"an attempt sent twice counts once": testTwice,
		"what is there":                     testGet,
		"a cancelled context is an outage":  testCancelled,
		"many at once":                      testConcurrent,
		"many at once, after the expiry":    testConcurrentExpiry,
		"many withdrawn at once":            testConcurrentWithdraw,
	} {
		t.Run(name, func(t *testing.T) { test(&attemptsTest{t, newStore(t)}) })
	}
}

type attemptsTest struct {
	*testing.T
	store throttle.Store
}

const s = time.Second

// counter returns the counter after an attempt that came at that time after the start.
func counter(failures int, after time.Duration) throttle.Counter {
	return throttle.Counter{Failures: failures, Last: ms.Add(after), Expires: expires}
}

// count counts an attempt and returns its ID.
func (t *attemptsTest) count(key string, after time.Duration, want throttle.Counter, counted bool) string {
	t.Helper()
	return t.countThis(AttemptAt(key, after), want, counted)
}

func (t *attemptsTest) countThis(c throttle.Count, want throttle.Counter, counted bool) string {
	t.Helper()
	got, ok, err := t.store.Count(t.Context(), c)
	if !reflect.DeepEqual(got, want) || ok != counted || err != nil {
		t.Fatalf("Count %v after the start = %+v, %v, %v\nwant %+v, %v", c.At.Sub(start), got, ok, err, want, counted)
	}
	return c.ID
}

func (t *attemptsTest) withdraw(key, id string, counted bool) {
	t.Helper()
	t.must(t.store.Withdraw(t.Context(), key, id, counted))
}

func (t *attemptsTest) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want compares the counter of the key. The zero Counter means that there is none.
func (t *attemptsTest) want(key string, want throttle.Counter) {
	t.Helper()
	got, err := t.store.Get(t.Context(), []string{key})
	if _, ok := got[key]; err != nil || !reflect.DeepEqual(got[key], want) || ok != (want != throttle.Counter{}) {
		t.Fatalf("Get(%q) = %+v, %v; want %+v", key, got, err, want)
	}
}

// testLadder counts attempts one after another and compares the counter after each.
func testLadder(t *attemptsTest) {
	t.count("a", 0, counter(1, 0), true)
	t.count("a", -time.Minute, counter(2, -time.Minute), true) // an instance whose clock is a minute slow
	t.must(t.store.Clear(t.Context(), "a"))
	t.count("a", 0, counter(1, 0), true)
	t.count("a", 0, counter(2, 0), true)
	t.count("a", 0, counter(2, 0), false)
	t.count("a", 10*s-time.Millisecond, counter(2, 0), false)
	t.count("a", 10*s, counter(3, 10*s), true)
	t.count("b", 10*s, counter(1, 10*s), true) // the counter of another key
	t.count("a", 29*s, counter(3, 10*s), false)
	t.count("a", 30*s, counter(4, 30*s), true)
	t.count("a", 50*s, counter(5, 50*s), true)
	t.count("a", 1e6*s, counter(5, 50*s), false) // locked
	t.must(t.store.Clear(t.Context(), "a"))
	t.count("a", 80*s, counter(1, 80*s), true)

	t.must(t.store.Clear(t.Context(), "nobody"))
	t.must(t.store.Keep(t.Context(), "nobody"))
	t.want("nobody", throttle.Counter{})
}

// testWithdraw: a counter is as if the attempt had never been counted, except that the
// time of somebody else's later attempt stays.
func testWithdraw(t *attemptsTest) {
	t.withdraw("a", t.count("a", 0, counter(1, 0), true), true)
	t.want("a", throttle.Counter{})

	first := t.count("a", 0, counter(1, 0), true)
	t.withdraw("a", t.count("a", 5*s, counter(2, 5*s), true), true)
	t.want("a", counter(1, 0))

	second := t.count("a", 7*s, counter(2, 7*s), true)
	t.withdraw("a", first, true) // somebody else has counted since
	t.want("a", counter(1, 7*s))
	t.withdraw("a", second, true)
	t.want("a", throttle.Counter{})

	first = t.count("a", 0, counter(1, 0), true)
	t.count("a", 1*s, counter(2, 1*s), true)
	third := t.count("a", 20*s, counter(3, 20*s), true)
	t.must(t.store.Keep(t.Context(), "a"))
	t.withdraw("a", first, true)
	t.want("a", throttle.Counter{Failures: 2, Last: ms.Add(20 * s)})
	t.withdraw("a", third, true)
	t.want("a", throttle.Counter{Failures: 1, Last: ms.Add(1 * s)})

	for _, counted := range []bool{true, false} {
		t.withdraw("nobody", "some attempt", counted)
		t.want("nobody", throttle.Counter{})
	}
}

// testWithdrawLost: if the answer to Count was lost, the attempt may not have been
// counted at all. So only the last attempt is withdrawn.
func testWithdrawLost(t *attemptsTest) {
	t.withdraw("a", t.count("a", 0, counter(1, 0), true), false)
	t.want("a", throttle.Counter{})

	first := t.count("a", 0, counter(1, 0), true)
	t.withdraw("a", "an attempt that never arrived", false)
	t.want("a", counter(1, 0))
	t.withdraw("a", t.count("a", 5*s, counter(2, 5*s), true), false)
	t.want("a", counter(1, 0))
	t.count("a", 7*s, counter(2, 7*s), true)
	t.withdraw("a", first, false)
	t.want("a", counter(2, 7*s))
}

// testWithdrawWait: after an attempt that an outage ended, the next one waits no longer
// than it would have without it.
func testWithdrawWait(t *attemptsTest) {
	for i, after := range []time.Duration{0, 0, 10 * s, 30 * s} {
		t.count("a", after, counter(i+1, after), true)
	}
	for range 3 {
		t.count("a", 49*s, counter(4, 30*s), false)
		t.withdraw("a", t.count("a", 50*s, counter(5, 50*s), true), true)
		t.want("a", counter(4, 30*s))
	}
	t.count("a", 50*s, counter(5, 50*s), true)
}

// testExpiry: the store compares times itself, because what removes counters may be
// days late. Every attempt that is counted sets the expiry anew.
func testExpiry(t *attemptsTest) {
	const life = 30 * 24 * time.Hour
	at := func(key string, at time.Time) throttle.Count {
		c := AttemptAt(key, at.Sub(start))
		c.Expires = at.Add(life)
		return c
	}
	after := func(failures int, at time.Time) throttle.Counter {
		return throttle.Counter{Failures: failures, Last: at.Truncate(time.Millisecond), Expires: at.Add(life).Truncate(time.Second)}
	}
	for _, key := range []string{"locked", "kept", "renewed", "withdrawn"} {
		t.count(key, 0, counter(1, 0), true)
		t.count(key, 0, counter(2, 0), true)
	}
	for i, after := range []time.Duration{10 * s, 30 * s, 50 * s} {
		t.count("locked", after, counter(i+3, after), true)
		t.count("kept", after, counter(i+3, after), true)
	}
	t.must(t.store.Keep(t.Context(), "kept"))

	before := expires.Add(-time.Millisecond)
	t.countThis(at("locked", before), counter(5, 50*s), false)
	t.countThis(at("renewed", before), after(3, before), true)

	t.countThis(at("locked", expires), after(1, expires), true)
	t.countThis(at("locked", expires), after(2, expires), true)
	kept := throttle.Counter{Failures: 5, Last: ms.Add(50 * s)}
	t.countThis(at("kept", expires.Add(10*life)), kept, false)
	t.want("kept", kept)
	later := expires.Add(life / 2)
	t.countThis(at("renewed", later), after(4, later), true)

	// The failures from before the expiry do not come back.
	t.withdraw("withdrawn", t.countThis(at("withdrawn", expires), after(1, expires), true), true)
	t.want("withdrawn", throttle.Counter{})

	t.count("again", 0, counter(1, 0), true)
	t.must(t.store.Keep(t.Context(), "again"))
	t.want("again", throttle.Counter{Failures: 1, Last: ms})
	t.count("again", 0, counter(2, 0), true)
}

// testTwice: a driver sends a call again when the answer is lost.
func testTwice(t *attemptsTest) {
	first, second := AttemptAt("a", 0), AttemptAt("a", 0)
	for range 3 {
		t.countThis(first, counter(1, 0), true)
	}
	for range 3 {
		t.countThis(second, counter(2, 0), true)
	}
	third := t.count("a", 10*s, counter(3, 10*s), true)
	t.withdraw("a", third, true)
	t.want("a", counter(2, 0))
}

func testGet(t *attemptsTest) {
	keys := make([]string, 250) // more than DynamoDB returns at once
	for i := range keys {
		keys[i] = fmt.Sprint("key ", i)
	}
	want := map[string]throttle.Counter{}
	for _, i := range []int{0, 120, 249} {
		t.count(keys[i], 0, counter(1, 0), true)
		want[keys[i]] = counter(1, 0)
	}
	t.count("another", 0, counter(1, 0), true)
	keys = append(keys, keys[248:]...) // users who share a name share a counter
	if got, err := t.store.Get(t.Context(), keys); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Get = %+v, %v; want %+v", got, err, want)
	}
	if got, err := t.store.Get(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("Get of no keys = %+v, %v", got, err)
	}
}

func testCancelled(t *attemptsTest) {
	id := t.count("a", 0, counter(1, 0), true)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, counted, err := t.store.Count(cancelled, AttemptAt("a", 0)); counted || err == nil {
		t.Errorf("Count = %v, %v; want an outage", counted, err)
	}
	_, unread := t.store.Get(cancelled, []string{"a"})
	for method, err := range map[string]error{
		"Clear": t.store.Clear(cancelled, "a"), "Withdraw": t.store.Withdraw(cancelled, "a", id, true), "Keep": t.store.Keep(cancelled, "a"), "Get": unread,
	} {
		if err == nil {
			t.Errorf("%s with a cancelled context is no outage", method)
		}
	}
	t.want("a", counter(1, 0))
}

// testConcurrent counts many attempts at the same time. Exactly as many must be
// counted as the ladder has free failures.
func testConcurrent(t *attemptsTest) { t.countMany(0) }

func testConcurrentExpiry(t *attemptsTest) {
	for i, after := range []time.Duration{0, 0, 10 * s, 30 * s, 50 * s} {
		t.count("a", after, counter(i+1, after), true)
	}
	t.countMany(31 * 24 * time.Hour)
}

func (t *attemptsTest) countMany(after time.Duration) {
	var counted atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			c := AttemptAt("a", after)
			c.Expires = c.At.Add(time.Hour)
			_, ok, err := t.store.Count(t.Context(), c)
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

// testConcurrentWithdraw counts attempts, each of which is withdrawn while others are
// counted and withdrawn. In the end nothing is left.
func testConcurrentWithdraw(t *attemptsTest) {
	free := throttle.Ladder{Free: 1000, Lock: 1000}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 4 {
				c := AttemptAt("a", 0)
				c.Steps = free.Steps()
				if _, counted, err := t.store.Count(t.Context(), c); !counted || err != nil {
					t.Errorf("Count = %v, %v", counted, err)
				}
				if err := t.store.Withdraw(t.Context(), "a", c.ID, true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	t.want("a", throttle.Counter{})
}
