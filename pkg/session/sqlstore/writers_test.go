package sqlstore_test

import (
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/testing/faults"
)

// runWriters runs 16 writers at the same time. Each creates, uses and ends five sessions,
// one after another.
func runWriters(t *testing.T, of func(i int) *fixture) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 16 {
		r := of(i)
		wg.Go(func() {
			for range 5 {
				s := newSession()
				for _, c := range []faults.Call{create, get, list, touch} {
					if err := c.Do(t.Context(), r.store, s); err != nil {
						t.Errorf("%s: %v", c.Method, err)
					}
				}
				s = faults.Touched(s)
				for _, c := range []faults.Call{update, revoke} {
					if err := c.Do(t.Context(), r.store, s); err != nil {
						t.Errorf("%s: %v", c.Method, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// The writers share one Store, like the requests of one process, or have one Store each,
// like several processes.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, server server) {
		r := newFixture(t, server)
		t.Run("one Store", func(t *testing.T) {
			runWriters(t, func(int) *fixture { return r })
		})
		t.Run("a Store each", func(t *testing.T) {
			runWriters(t, func(int) *fixture { return r.another() })
		})
	})
}

// The writers of one Store wait in a queue. So none fails, even if SQLite itself does not
// wait for other writers.
func TestWritersQueue(t *testing.T) {
	t.Parallel()
	r := newFixture(t, sqlite)
	impatient := r.withDSN(strings.Replace(r.dsn, "_busy_timeout=120000", "_busy_timeout=0", 1))
	runWriters(t, func(int) *fixture { return impatient })
}
