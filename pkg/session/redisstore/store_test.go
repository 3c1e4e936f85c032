package redisstore_test

import (
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		storetest.Run(t, func(*testing.T) session.Store { return r.direct })
	})
}
