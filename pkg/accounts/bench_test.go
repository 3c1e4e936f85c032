package accounts_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// BenchmarkNoTells shows that the time of a refusal does not tell its reason. It makes
// 300 attempts for each reason, in turn. It reports the gap between the fastest and
// the slowest median, in percent.
func BenchmarkNoTells(b *testing.B) {
	directory := accounts.NewRegistrar(memaccounts.New(), accounts.Config{Hasher: plain}).Checked()
	for name, disabled := range map[string]bool{"alice": false, "disabled": true} {
		account, err := directory.Register(b.Context(), name, "", nil, phrase)
		if err == nil {
			_, err = directory.SetDisabled(b.Context(), account, disabled)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{
		Name: throttle.Ladder{Free: 1e6, First: time.Second, Longest: time.Second, Lock: 2e6}, Network: throttle.Window{Limit: 1e6, Period: time.Hour},
	})
	if err != nil {
		b.Fatal(err)
	}
	authenticator := accounts.NewAuthenticator(directory.Directory, limiter)
	attempts := []struct{ reason, name, password string }{
		{"wrong", "alice", "wrong"}, {"unknown", "nobody", phrase}, {"disabled", "disabled", phrase},
	}
	for b.Loop() {
		took := make([][]time.Duration, len(attempts))
		for range 300 {
			for i, a := range attempts {
				start := time.Now()
				if _, err := authenticator.Authenticate(b.Context(), authn.Attempt{Username: a.name, Password: a.password}); !errors.Is(err, authn.ErrRefused) {
					b.Fatal(err)
				}
				took[i] = append(took[i], time.Since(start))
			}
		}
		var medians []time.Duration
		for i, a := range attempts {
			slices.Sort(took[i])
			medians = append(medians, took[i][len(took[i])/2])
			b.ReportMetric(float64(medians[i].Microseconds())/1000, "ms-"+a.reason)
		}
		b.ReportMetric(100*float64(slices.Max(medians)-slices.Min(medians))/float64(slices.Min(medians)), "%gap")
	}
}
