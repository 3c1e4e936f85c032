package bridgetest_test

import (
	"testing"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/bridgetest"
	"example.com/coatcheck/pkg/bridge/membridge"
)

// The test of a store of one's own. It is compiled and not run, because go test calls it.
func Example() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		bridgetest.Run(t, func(t *testing.T) bridge.Store {
			return membridge.New() // open yours here, without any records
		})
	}
}
