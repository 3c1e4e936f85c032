// Package cheaphash makes new password hashes cheap in the tests that import it: they take 64 KiB,
// and not 19 MiB. It is for packages whose tests sign in hundreds of times, and do not test
// what a hash costs. Those of package password test that, and do not import it.
package cheaphash

import (
	_ "unsafe" // for go:linkname, so that package password exports nothing that makes hashes cheap

	_ "example.com/coatcheck/pkg/accounts/password" // whose variable exists then
)

//go:linkname memory example.com/coatcheck/pkg/accounts/password.memory
var memory uint32

func init() { memory = 64 }
