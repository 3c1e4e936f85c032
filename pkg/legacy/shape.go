package legacy

import (
	"regexp"
	"sync"
)

// The functions that end sessions import this package, because the bridge's records do, and
// read no session of a monolith. So nothing in this package is made at the start of a
// program: no such function waits for it, and its linker leaves the readers out.

// constant is an error that the compiler makes.
type constant string

func (c constant) Error() string { return string(c) }

// shape is a regular expression that is compiled when it is first needed.
type shape struct {
	expression string
	once       sync.Once
	made       *regexp.Regexp
}

func (s *shape) compiled() *regexp.Regexp {
	s.once.Do(func() { s.made = regexp.MustCompile(s.expression) })
	return s.made
}
