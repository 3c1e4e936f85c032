// Package testmain lets the tests of one package use several test servers.
package testmain

// Main runs the tests of a package inside all the given Main functions. Each of them
// stops its own server when the tests are done. Call Main from TestMain and return:
//
//	testmain.Main(m, dynamotest.Main, postgrestest.Main)
func Main(m interface{ Run() int }, mains ...func(interface{ Run() int })) {
	if len(mains) == 0 {
		m.Run()
		return
	}
	mains[0](mainFunc(func() { Main(m, mains[1:]...) }))
}

// mainFunc is what a Main function runs instead of the tests: the next Main function.
type mainFunc func()

// Run calls f. Nobody uses its result, because package testing keeps the exit status.
func (f mainFunc) Run() int { f(); return 0 }
