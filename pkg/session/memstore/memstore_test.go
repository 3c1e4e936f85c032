package memstore

import (
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) session.Store { return New() })
}
