// Command session explores how requests, crashes, lost answers and late writes of one user's
// sessions can cross. It is a model of the rules of package session, and no part of it.
package main

func main() {}
