// Package cheaphash makes new password hashes cheap in the tests that import it: they take 64 KiB,
// and not 19 MiB. It is for packages whose tests sign in hundreds of times, and say nothing of
// what a hash costs. The tests of package password say that, and do not import it.
package cheaphash

import (
	_ "unsafe" // for go:linkname, because no other program may make hashes cheap

	_ "example.com/coatcheck/pkg/accounts/password" // whose variable exists then
)

//go:linkname memory example.com/coatcheck/pkg/accounts/password.memory
var memory uint32

func init() { memory = 64 }
