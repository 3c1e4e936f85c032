// Package history checks what a store of sessions does when calls cross. It makes calls at
// once through a [session.Manager], with answers of the store that are refused, lost, late or
// doubled, and writes down what each call was told. Then it asks whether there is an order in
// which a store that does one thing at a time could have given the same answers (Herlihy and
// Wing call that linearizable). The checker is porcupine.
//
// [Run] is for a store of your own, beside storetest.Run, which tests one rule after another:
//
//	func TestHistories(t *testing.T) {
//		history.Run(t, func(testing.TB) session.Store { return open(t) }, history.Config{Histories: 100})
//	}
//
// # What is checked
//
// Up to six browsers sign in as up to three users, check their sessions, change, renew and
// end them, list them, revoke one or all, and show cookies that they have kept from
// before. When all is over, late calls to the store are carried out, each user's sessions are
// listed, and every cookie that was ever issued is shown once more. So a session that an
// ended one has become again is found.
//
// The model of a session is a page: the function next in model.go. It says what package
// session promises, so a store may do what the contract of [session.Store] leaves open. Where a
// call ended in an outage, the model lets it take effect at any time after it began, or never.
// One session is checked at a time, because no call promises to be one step for several
// sessions: a list shows each session as it was at some moment of the call. What logins
// promise together, [session.Config.MaxSessions], is checked beside it.
//
// # What is not checked
//
// Nothing expires in a history, no record is damaged, and the clocks of all processes are one.
// The faults are made between the Manager and the Store, so what a driver does when its
// connection breaks is for the tests of the store.
package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// Config says how long a run is. Histories or Duration has to be set.
type Config struct {
	// Seed decides which calls are made and which faults they meet. How calls cross is
	// chance, so the same seed may find a violation once and not again. 0, the default,
	// means a new seed, which is logged.
	Seed uint64

	// Histories is how many histories are made at least.
	Histories int

	// Duration is how long new histories begin, if Histories are made before. The default is
	// 0.
	Duration time.Duration

	// Pictures is the folder for the picture of a violation, an HTML file. The default is a
	// new temporary folder, which stays.
	Pictures string
}

// Run makes histories on the store that open returns, one after another, and fails t at the
// first one that has no order. It prints the shortest one that it can find, and where its
// picture is. It also fails t if nobody knows whether all is right: if the checker gives no
// answer in a minute, if c makes no history, or if a store that met no fault has not answered one
// call of a kind, such as any Create. If all is right, it logs how many histories and calls were
// checked.
//
// Every history has users of its own, with random IDs, so the store may have other sessions.
// The sessions are not deleted; if that matters, open cleans up with [testing.TB.Cleanup].
func Run(t *testing.T, open func(t testing.TB) session.Store, c Config) {
	t.Helper()
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	store := open(t)
	total, found, err := search(t.Context(), store, c)
	switch {
	case err != nil:
		t.Errorf("%v, with seed %d: %v", total, c.Seed, err)
	case found != nil:
		found = minimised(t.Context(), store, found, mostReruns)
		t.Errorf("%v, with seed %d: %v\n%s", total, c.Seed, found, found.picture(c.Pictures))
	default:
		t.Logf("%v, with seed %d: every one has an order", total, c.Seed)
	}
}

// total is how much was checked.
type total struct{ histories, calls int }

func (t total) String() string { return fmt.Sprintf("%d histories of %d calls", t.histories, t.calls) }

// answers tell of each kind of call to the store, when it met no fault, whether one was answered:
// if none was, they have the outage of the last.
type answers map[verb]error

func (a answers) add(v verb, err error) {
	if before, known := a[v]; known && before == nil {
		return
	}
	if a[v] = nil; outcomeOf(err) == unknown {
		a[v] = err
	}
}

// check returns an error if no call of a kind was answered. Outages contradict no history.
func (a answers) check() error {
	for v, err := range a {
		if err != nil {
			return fmt.Errorf("the store has answered no %s, also without a fault, so nothing is known of that: %w", v, err)
		}
	}
	return nil
}

// search makes histories until one is wrong, or as many as c says.
func search(ctx context.Context, store session.Store, c Config) (t total, found *violation, err error) {
	if c.Histories <= 0 && c.Duration <= 0 {
		return t, nil, errors.New("nothing would be checked; set Config.Histories or Config.Duration")
	}
	told := answers{}
	seeds := rand.New(rand.NewPCG(c.Seed, 0))
	for begin := time.Now(); t.histories < c.Histories || time.Since(begin) < c.Duration; {
		r, err := newRun(ctx, store, newPlan(seeds.Uint64()))
		if err != nil {
			return t, nil, err
		}
		r.play()
		t.histories, t.calls = t.histories+1, t.calls+r.rec.calls
		if found, err := r.check(); found != nil || err != nil {
			return t, found, err
		}
		for v, err := range r.store.told {
			told.add(v, err)
		}
	}
	return t, nil, told.check()
}

// makeOne makes one history.
func makeOne(ctx context.Context, store session.Store, p plan) (*violation, error) {
	r, err := newRun(ctx, store, p)
	if err != nil {
		return nil, err
	}
	r.play()
	return r.check()
}
