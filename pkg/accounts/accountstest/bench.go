package accountstest

import (
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/signin/authn"
)

// Benchmark measures a store. Contention has 32 writers change one account through an
// [accounts.Directory], and reports how many of a thousand changes failed, and how many
// changes there were. The account is not deleted.
func Benchmark(b *testing.B, store accounts.Registry) {
	b.Run("Contention", func(b *testing.B) { contention(b, store) })
}

// contention makes 32 writers change one account, a hundred times each and without a
// pause, as often as b asks. After a minute they begin no more changes. A writer reads
// the account before each change, as programs do.
func contention(b *testing.B, store accounts.Registry) {
	const writers, changes = 32, 100
	directory := accounts.NewDirectory(store, accounts.Config{})
	account := Sample(strings.ToLower(rand.Text()))
	Create(b, store, account)
	var failed, total atomic.Int64
	for b.Loop() {
		end := time.Now().Add(time.Minute)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for n := 0; n < changes && time.Now().Before(end); n++ {
					total.Add(1)
					now, err := directory.Find(b.Context(), account.Name)
					if err == nil {
						_, err = directory.SetProfile(b.Context(), now, new(rand.Text()), nil)
					}
					if err != nil {
						failed.Add(1)
					}
					if err != nil && !errors.Is(err, authn.ErrBusy) {
						b.Log(err) // an outage, and not the other writers
					}
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(1000*float64(failed.Load())/float64(total.Load()), "failed/1000")
	b.ReportMetric(float64(total.Load()), "changes")
}
