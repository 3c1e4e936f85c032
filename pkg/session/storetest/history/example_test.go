package history_test

import (
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/storetest/history"
)

var t *testing.T // of the test that Run is called in

// It is not run here, because it needs a test.
func ExampleRun() {
	open := func(testing.TB) session.Store { return memstore.New() } // your store, on its real database
	history.Run(t, open, history.Config{Histories: 100})
}
