package oidctest_test

import (
	"testing"

	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

// The test of a store of one's own. It is compiled and not run, because go test calls it.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		oidctest.Run(t, func(t *testing.T) oidc.Store {
			return memlinks.New() // open yours here
		})
	}
}
