package storetest_test

import (
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/storetest"
)

// The tests of a store of one's own begin with these two functions. It is compiled and not
// run, because go test calls them.
func Example() {
	newStore := func(t *testing.T) session.Store {
		return memstore.New() // open yours here
	}

	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		storetest.Run(t, newStore)
	}
	_ = func(b *testing.B) { // func BenchmarkStore(b *testing.B)
		storetest.Benchmark(b, memstore.New())
	}
}
