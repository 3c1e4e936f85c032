package sqlstore_test

import (
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/internal/testing/faults"
)

// atOnce runs 16 writers, each through its own life of sessions, again and again.
func atOnce(t *testing.T, of func(i int) *rig) {
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

// The writers share a Store, as the requests of one process do, or have one each,
// as processes do.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, server server) {
		r := newRig(t, server)
		t.Run("one Store", func(t *testing.T) {
			atOnce(t, func(int) *rig { return r })
		})
		t.Run("a Store each", func(t *testing.T) {
			atOnce(t, func(int) *rig { return r.another() })
		})
	})
}

// Writers of one Store queue: none fails even where SQLite waits for nobody.
func TestWritersQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite)
	impatient := r.through(strings.Replace(r.dsn, "_busy_timeout=120000", "_busy_timeout=0", 1))
	atOnce(t, func(int) *rig { return impatient })
}
