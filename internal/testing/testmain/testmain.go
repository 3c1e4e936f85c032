// Package testmain lets the tests of one package stand on several servers.
package testmain

// Main runs the tests of a package within all the Mains, each of which stops its
// own server when the tests are done. Call it from TestMain and return:
//
//	testmain.Main(m, dynamotest.Main, postgrestest.Main)
func Main(m interface{ Run() int }, mains ...func(interface{ Run() int })) {
	if len(mains) == 0 {
		m.Run()
		return
	}
	mains[0](inside(func() { Main(m, mains[1:]...) }))
}

// inside is what one Main is to run: the next.
type inside func()

// Run returns nothing of interest: package testing itself keeps the exit status.
func (f inside) Run() int { f(); return 0 }
