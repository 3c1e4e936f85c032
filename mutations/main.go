// Command mutations breaks each guarantee once, and sees the test fail that watches it.
package main

func main() {}
