package session_test

import (
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/storetest"
)

func TestDirStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) session.Store { return &dirStore{dir: t.TempDir()} })
}
