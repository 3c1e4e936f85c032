// Package lazily makes what takes long to make when it is first needed. A Lambda function
// needs little of what it is linked with, and a cold start would wait for all.
package lazily

import (
	"regexp"
	"sync"
)

// Regexp returns a function that returns the regular expression, which its first call compiles.
// That call panics if the expression is malformed.
func Regexp(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
