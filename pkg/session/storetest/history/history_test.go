package history

import (
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

func TestMemory(t *testing.T) {
	Run(t, func(testing.TB) session.Store { return memstore.New() }, Config{Histories: 100})
}
