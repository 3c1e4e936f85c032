package accountstest

import "testing"

// RunCheck runs one test of [Run], which may fail. If there is a second store, it runs the
// test as for two processes.
func RunCheck(tb testing.TB, name string, users Users) {
	if users.Second != nil {
		users = users.inTwoProcesses()
	}
	for _, c := range storeChecks {
		if c.name == name {
			c.run(&storeTest{tb, users, users.Hasher.Hash("seven quiet umbrellas")})
			return
		}
	}
	panic("there is no test " + name)
}
