package audittest_test

import (
	"testing"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/audittest"
	"example.com/coatcheck/pkg/audit/memaudit"
)

// The test of a store of one's own. It is compiled and not run, because go test calls it.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		audittest.Run(t, func(t *testing.T) audit.Store {
			return memaudit.New() // open yours here
		})
	}
}
