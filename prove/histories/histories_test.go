// Package histories checks histories of calls to each of our stores.
package histories

import (
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/storetest/history"
)

func TestMemory(t *testing.T) {
	history.Run(t, func(testing.TB) session.Store { return memstore.New() }, history.Config{Histories: 100})
}
