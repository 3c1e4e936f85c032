package membridge_test

import (
	"testing"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/bridgetest"
	"example.com/coatcheck/pkg/bridge/membridge"
)

func TestStore(t *testing.T) {
	bridgetest.Run(t, func(*testing.T) bridge.Store { return membridge.New() })
}
