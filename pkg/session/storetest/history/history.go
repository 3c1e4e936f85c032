// Package history checks what a store of sessions does when calls cross: it makes calls at
// once through a Manager, with answers that are lost, refused, late or doubled, records
// them, and asks whether there is an order in which one store that does one thing at a time
// could have given the same answers (Herlihy and Wing: linearizability). The checker is
// porcupine.
package history

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"example.com/coatcheck/pkg/session"
)

// Config says how long a run is.
type Config struct {
	Seed      uint64        // of the calls and faults; 0 means a new one, which is logged
	Duration  time.Duration // how long new histories begin; 0 means Histories alone counts
	Histories int           // how many histories are made at least
	Pictures  string        // the folder for the picture of a violation; "" means a temporary one
}

// Run makes histories on stores that open returns, and fails t if one of them has no order.
func Run(t *testing.T, open func(t testing.TB) session.Store, c Config) {
	t.Helper()
	_ = porcupine.Ok
}
