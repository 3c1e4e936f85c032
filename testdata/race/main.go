// Command race has a data race, for the detector to find.
package main

import "sync"

func main() {
	var n int
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { n++ })
	}
	wg.Wait()
	println(n)
}
