package memaccounts_test

import (
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
)

func TestStore(t *testing.T) {
	accountstest.RunRegistry(t, func(*testing.T) accounts.Registry { return memaccounts.New() })
}

func BenchmarkStore(b *testing.B) { accountstest.Benchmark(b, memaccounts.New()) }

func TestAttempts(t *testing.T) {
	accountstest.RunAttempts(t, func(*testing.T) throttle.Store { return memaccounts.NewAttempts() })
}

func TestNames(t *testing.T) {
	store := memaccounts.New()
	accountstest.RunNames(t, store, store.All)
}
