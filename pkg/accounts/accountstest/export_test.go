package accountstest

import "testing"

// RunCheck runs one test of [Run], which may fail.
func RunCheck(tb testing.TB, name string, users Users) {
	for _, c := range storeChecks {
		if c.name == name {
			c.run(&storeTest{tb, users})
			return
		}
	}
	panic("there is no test " + name)
}
